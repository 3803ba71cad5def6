//! PEFT's `rank_pattern` and `alpha_pattern`: numbers for the modules whose names match a regular expression.
//!
//! The first key wins that matches `(.*\.)?(KEY)$` from the start of the module's name (`get_pattern_key` in
//! peft/utils/other.py).

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Most keys that are read: more than a model has linear layers.
const LIMIT: usize = 4096;
/// Most bytes that an expression may compile to.
const SIZE_LIMIT: usize = 1 << 18;

/// Numbers by module names, in the order of the file.
pub(super) struct Patterns(Vec<(Key, f64)>);

enum Key {
    /// Letters, digits, `_` and `.`: nearly all are. A `.` matches only itself here.
    Plain(String),
    Expression(Regex),
}

impl Patterns {
    /// Reads an object of numbers; nothing and null are empty ones.
    pub(super) fn read(value: Option<&Value>) -> Result<Self, String> {
        let entries = match value {
            None | Some(Value::Null) => return Ok(Patterns(Vec::new())),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err("it must be an object of numbers".into()),
        };
        if entries.len() > LIMIT {
            return Err(format!("{} keys are more than {LIMIT}", entries.len()));
        }
        let read = entries.iter().map(|(key, value)| {
            let number = value.as_f64().ok_or("it must be an object of numbers")?;
            Ok((Key::new(key)?, number))
        });
        read.collect::<Result<_, String>>().map(Patterns)
    }

    /// The number for a module, if a key matches.
    pub(super) fn get(&self, module: &str) -> Option<f64> {
        self.0.iter().find(|(key, _)| key.matches(module)).map(|(_, number)| *number)
    }
}

impl Key {
    fn new(key: &str) -> Result<Self, String> {
        if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            return Ok(Key::Plain(key.to_owned()));
        }
        let expression = RegexBuilder::new(&format!("^(?:.*\\.)?(?:{key})$")).size_limit(SIZE_LIMIT).build();
        let shown = super::error::shown(key);
        expression
            .map(Key::Expression)
            .map_err(|_| format!("`{shown}` is not an expression that can be used"))
    }

    fn matches(&self, module: &str) -> bool {
        match self {
            Key::Plain(name) => {
                let before = module.strip_suffix(name.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            Key::Expression(expression) => expression.is_match(module),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // What Python's `re.match(rf"(.*\.)?({key})$", name)` says.
    #[test]
    fn keys_match_as_in_peft() {
        let name = "model.layers.1.self_attn.q_proj";
        for (key, matches) in [
            ("q_proj", true),
            ("proj", false),
            ("self_attn.q_proj", true),
            ("self_attn.k_proj", false),
            ("model.layers.1.self_attn.q_proj", true),
            ("layers.1.self_attn.q_proj", true),
            ("1.self_attn.q_proj", true),
            ("^model.layers.1.self_attn.q_proj", true),
            ("^layers.1.self_attn.q_proj", false),
            (r"layers\.[01]\..*q_proj", true),
            (r"layers\.[2-9]\..*q_proj", false),
            (r"self_attn\.(q|k)_proj", true),
            ("q_proj|k_proj", true),
            ("model.layers.1", false),
        ] {
            let patterns = Patterns::read(Some(&json!({ key: 4 }))).unwrap();
            assert_eq!(patterns.get(name).is_some(), matches, "{key}");
        }
    }

    #[test]
    fn the_first_key_wins() {
        let patterns =
            Patterns::read(Some(&json!({"k_proj": 1, "q_proj": 2, "self_attn.q_proj": 3}))).unwrap();
        assert_eq!(patterns.get("model.layers.0.self_attn.q_proj"), Some(2.0));
        assert_eq!(patterns.get("model.layers.0.self_attn.v_proj"), None);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let many: serde_json::Map<_, _> = (0..5000).map(|n| (format!("m{n}"), json!(1))).collect();
        for (value, word) in [
            (json!([]), "object"),
            (json!({"q_proj": "8"}), "numbers"),
            (json!({"(": 8}), "expression"),
            (json!({"(?=q)": 8}), "expression"),
            (json!({"(a{1000}){1000}": 8}), "expression"),
            (json!(many), "5000"),
        ] {
            let error = Patterns::read(Some(&value)).err().unwrap();
            assert!(error.contains(word), "{error}");
        }
        assert!(Patterns::read(Some(&Value::Null)).is_ok());
    }
}
