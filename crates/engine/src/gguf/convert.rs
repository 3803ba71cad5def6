//! Metadata values as Rust types.

use super::{Array, Strings, Value};

/// A type that a metadata value can be taken as.
pub trait FromValue<'a>: Sized {
    /// What the value must be, for error messages.
    const EXPECTED: &'static str;

    /// `None` where the value is something else, or does not fit.
    fn from_value(value: Value<'a>) -> Option<Self>;
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Str(text) = value { Some(text) } else { None }
    }
}

impl<'a> FromValue<'a> for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Bool(truth) = value { Some(truth) } else { None }
    }
}

impl<'a> FromValue<'a> for f32 {
    const EXPECTED: &'static str = "a number";
    fn from_value(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Float(number) => Some(number as f32),
            Value::Int(number) => Some(number as f32),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($type:ty: $expected:literal),*) => {$(
        impl<'a> FromValue<'a> for $type {
            const EXPECTED: &'static str = $expected;
            fn from_value(value: Value<'a>) -> Option<Self> {
                if let Value::Int(number) = value { number.try_into().ok() } else { None }
            }
        }
    )*};
}
integers!(u32: "an integer of 32 bits, 0 or more", i32: "an integer of 32 bits", u64: "an integer, 0 or more", usize: "an integer, 0 or more");

impl<'a> FromValue<'a> for Array<'a> {
    const EXPECTED: &'static str = "an array";
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Array(array) = value { Some(array) } else { None }
    }
}

impl<'a> FromValue<'a> for Strings<'a> {
    const EXPECTED: &'static str = "an array of strings";
    fn from_value(value: Value<'a>) -> Option<Self> {
        Array::from_value(value)?.strings()
    }
}

macro_rules! vectors {
    ($($type:ty),*) => {$(
        impl<'a> FromValue<'a> for Vec<$type> {
            const EXPECTED: &'static str = "an array of numbers";
            fn from_value(value: Value<'a>) -> Option<Self> {
                Array::from_value(value)?.iter().map(<$type>::from_value).collect()
            }
        }
    )*};
}
vectors!(i32, u32, f32);
