//! Enums that are columns of text.

/// Makes an enum readable from and writable to SQLite and the command line, under these names.
macro_rules! text_enum {
    ($name:ident, $($variant:ident $text:literal),+) => {
        impl $name {
            /// Every value, in order.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The name in the store and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::StoreError;

            fn from_str(text: &str) -> Result<$name, $crate::StoreError> {
                $name::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let all: Vec<_> = $name::ALL.iter().map(|value| value.as_str()).collect();
                    $crate::StoreError::Invalid(format!("`{text}` is none of {}", all.join(", ")))
                })
            }
        }

        impl rusqlite::types::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<$name> {
                value.as_str()?.parse().map_err(|error: $crate::StoreError| {
                    rusqlite::types::FromSqlError::Other(Box::new(error))
                })
            }
        }
    };
}
