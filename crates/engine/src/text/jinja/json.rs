//! Values as JSON, in Python's notation.

use super::Fault;
use super::value::{Meter, Value};
use std::fmt::Write;

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`.
pub(super) fn dumps(value: &Value<'_>, indent: Option<usize>, meter: &Meter) -> Result<String, Fault> {
    let mut json = Json { indent: indent.map(|indent| indent.min(16)), meter, text: String::new() };
    json.value(value, 0)?;
    Ok(json.text)
}

struct Json<'m> {
    indent: Option<usize>,
    meter: &'m Meter,
    text: String,
}

impl Json<'_> {
    fn value(&mut self, value: &Value<'_>, depth: usize) -> Result<(), Fault> {
        self.meter.spend(1)?;
        match value {
            Value::None => self.text.push_str("null"),
            Value::Bool(truth) => self.text.push_str(if *truth { "true" } else { "false" }),
            Value::Int(_) | Value::Float(_) => value.write(&mut self.text, false, self.meter)?,
            Value::Str(text) => self.string(text)?,
            Value::List(list) => self.items(('[', ']'), list.items.iter().map(|item| (None, item)), depth)?,
            Value::Map(map) => {
                self.items(('{', '}'), map.items.iter().map(|(key, item)| (Some(&**key), item)), depth)?;
            }
            _ => return Err(Fault::Wrong(format!("a {} has no JSON", value.kind()))),
        }
        Ok(())
    }

    fn items<'v, 'a: 'v>(
        &mut self,
        (open, close): (char, char),
        items: impl Iterator<Item = (Option<&'v str>, &'v Value<'a>)>,
        depth: usize,
    ) -> Result<(), Fault> {
        self.text.push(open);
        let mut empty = true;
        for (key, item) in items {
            if !empty {
                self.text.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            empty = false;
            self.line(depth + 1)?;
            if let Some(key) = key {
                self.string(key)?;
                self.text.push_str(": ");
            }
            self.value(item, depth + 1)?;
        }
        if !empty {
            self.line(depth)?;
        }
        self.text.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Fault> {
        if let Some(indent) = self.indent {
            self.meter.bytes(indent * depth)?;
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Fault> {
        self.meter.bytes(text.len() * 2)?;
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                c if c < ' ' => {
                    let _ = write!(self.text, "\\u{:04x}", c as u32);
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
        Ok(())
    }
}
