//! The object of a call: where it ends, and what it says.

use super::Piece;
use serde_json::Value;

/// `{"name": …, "arguments": {…}}`, also with `parameters`, and with the arguments as a string of JSON.
pub(super) fn call(object: &str) -> Option<Piece> {
    let Value::Object(mut object) = serde_json::from_str(object).ok()? else { return None };
    let Some(Value::String(name)) = object.remove("name") else { return None };
    let arguments = match object.remove("arguments").or_else(|| object.remove("parameters")) {
        None | Some(Value::Null) => Value::Object(Default::default()),
        Some(Value::String(text)) => serde_json::from_str(&text).ok()?,
        Some(other) => other,
    };
    arguments.is_object().then_some(Piece::Call { name, arguments })
}

/// Finds where an object ends, however it is cut into pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    at: usize,
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Scan {
    /// Bytes of the object that `bytes` begin with, once it is complete. They may only grow between calls.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
