//! What expressions give, and the meter that pays for looking at it.

use super::Fault;
use minijinja::machinery::ast;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What an expression gives. Lists and maps are never changed and hold only data, so no value contains itself.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Undefined,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Rc<Nested<Value<'a>>>),
    Map(Rc<Nested<(Rc<str>, Value<'a>)>>),
    Namespace(Rc<RefCell<Attributes<'a>>>),
    Loop(Rc<Loop<'a>>),
    Macro(&'a ast::Macro<'a>),
    Function(&'static str),
}

/// What `{% set namespace.attribute = value %}` changes.
pub(super) type Attributes<'a> = Vec<(Rc<str>, Value<'a>)>;

/// Items with the depth to which they nest.
pub(super) struct Nested<T> {
    pub(super) items: Vec<T>,
    depth: usize,
}

/// The variable `loop`.
pub(super) struct Loop<'a> {
    pub(super) items: Vec<Value<'a>>,
    pub(super) index: Cell<usize>,
    /// Loops around this one.
    pub(super) outer: usize,
}

/// What a template may still spend.
pub(super) struct Meter(pub(super) Cell<u64>);

/// Bytes that one unit of work pays for.
const BYTES: usize = 16;
/// Deepest nesting of lists and maps.
const DEPTH: usize = 64;

impl Meter {
    pub(super) fn spend(&self, units: usize) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(units as u64);
        self.0.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(Fault::Work)
    }

    /// Pays for making or looking through so many bytes.
    pub(super) fn bytes(&self, bytes: usize) -> Result<(), Fault> {
        self.spend(bytes / BYTES + 1)
    }
}

impl<'a> Value<'a> {
    pub(super) fn from_json(json: &serde_json::Value) -> Result<Self, Fault> {
        use serde_json::Value as Json;
        match json {
            Json::Null => Ok(Value::None),
            Json::Bool(truth) => Ok(Value::Bool(*truth)),
            Json::Number(number) => Ok(match number.as_i64() {
                Some(number) => Value::Int(number),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            }),
            Json::String(text) => Ok(Value::str(text.as_str())),
            Json::Array(items) => Value::list(items.iter().map(Value::from_json).collect::<Result<_, _>>()?),
            Json::Object(items) => {
                let item = |(key, value): (&String, _)| Ok((key.as_str().into(), Value::from_json(value)?));
                Value::map(items.iter().map(item).collect::<Result<_, _>>()?)
            }
        }
    }

    pub(super) fn str(text: impl Into<Rc<str>>) -> Self {
        Value::Str(text.into())
    }

    pub(super) fn list(items: Vec<Value<'a>>) -> Result<Self, Fault> {
        let depth = depth(items.iter())?;
        Ok(Value::List(Rc::new(Nested { items, depth })))
    }

    /// Of equal keys the last one counts.
    pub(super) fn map(items: Vec<(Rc<str>, Value<'a>)>) -> Result<Self, Fault> {
        let depth = depth(items.iter().map(|(_, value)| value))?;
        Ok(Value::Map(Rc::new(Nested { items, depth })))
    }

    /// Levels of lists and maps; an error for what may not be put into one.
    fn depth(&self) -> Result<usize, Fault> {
        match self {
            Value::List(list) => Ok(list.depth),
            Value::Map(map) => Ok(map.depth),
            Value::Namespace(_) | Value::Loop(_) | Value::Macro(_) | Value::Function(_) => {
                Err(Fault::Wrong(format!("a {} cannot be stored in another value", self.kind())))
            }
            _ => Ok(0),
        }
    }

    pub(super) fn check_data(&self) -> Result<(), Fault> {
        self.depth().map(|_| ())
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Undefined => "undefined value",
            Value::None => "none",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "mapping",
            Value::Namespace(_) => "namespace",
            Value::Loop(_) => "loop",
            Value::Macro(_) => "macro",
            Value::Function(_) => "function",
        }
    }

    /// Python's truth.
    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Undefined | Value::None => false,
            Value::Bool(truth) => *truth,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Map(map) => !map.items.is_empty(),
            _ => true,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Bool(truth) => Some(f64::from(*truth)),
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Value::Bool(truth) => Some(i64::from(*truth)),
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = self { Some(text) } else { None }
    }

    /// The member of a map; undefined where there is none.
    pub(super) fn member(&self, key: &str, meter: &Meter) -> Result<Value<'a>, Fault> {
        let Value::Map(map) = self else { return Ok(Value::Undefined) };
        meter.spend(map.items.len())?;
        let found = map.items.iter().rev().find(|(name, _)| &**name == key);
        Ok(found.map_or(Value::Undefined, |(_, value)| value.clone()))
    }

    /// What a loop over this value goes through: items, keys or characters.
    pub(super) fn items(&self, meter: &Meter) -> Result<Vec<Value<'a>>, Fault> {
        match self {
            Value::Undefined => Ok(Vec::new()),
            Value::List(list) => {
                meter.spend(list.items.len())?;
                Ok(list.items.clone())
            }
            Value::Map(map) => {
                meter.spend(map.items.len())?;
                Ok(map.items.iter().map(|(key, _)| Value::Str(key.clone())).collect())
            }
            Value::Str(text) => {
                meter.spend(text.len() * 3)?;
                Ok(text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]) as &str)).collect())
            }
            _ => Err(Fault::Wrong(format!("a {} cannot be looped over", self.kind()))),
        }
    }

    /// Python's `==`.
    pub(super) fn equals(&self, other: &Value<'a>, meter: &Meter) -> Result<bool, Fault> {
        meter.spend(1)?;
        Ok(match (self, other) {
            (Value::Undefined, Value::Undefined) | (Value::None, Value::None) => true,
            (Value::Str(a), Value::Str(b)) => {
                meter.bytes(a.len().min(b.len()))?;
                a == b
            }
            (Value::List(a), Value::List(b)) => {
                if a.items.len() != b.items.len() {
                    return Ok(false);
                }
                for (a, b) in a.items.iter().zip(&b.items) {
                    if !a.equals(b, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(a), Value::Map(b)) => {
                if a.items.len() != b.items.len() {
                    return Ok(false);
                }
                for (key, value) in &a.items {
                    if !value.equals(&other.member(key, meter)?, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Namespace(a), Value::Namespace(b)) => Rc::ptr_eq(a, b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        })
    }

    /// Appends Python's `str()`, or with `quoted` its `repr()`.
    pub(super) fn write(&self, out: &mut String, quoted: bool, meter: &Meter) -> Result<(), Fault> {
        meter.spend(1)?;
        match self {
            Value::Undefined => {}
            Value::None => out.push_str("None"),
            Value::Bool(truth) => out.push_str(if *truth { "True" } else { "False" }),
            Value::Int(number) => out.push_str(&number.to_string()),
            Value::Float(number) => out.push_str(&float(*number)),
            Value::Str(text) => {
                meter.bytes(text.len())?;
                if quoted { quote(text, out) } else { out.push_str(text) }
            }
            Value::List(list) => {
                out.push('[');
                for (n, item) in list.items.iter().enumerate() {
                    out.push_str(if n > 0 { ", " } else { "" });
                    item.write(out, true, meter)?;
                }
                out.push(']');
            }
            Value::Map(map) => {
                out.push('{');
                for (n, (key, item)) in map.items.iter().enumerate() {
                    meter.bytes(key.len())?;
                    out.push_str(if n > 0 { ", " } else { "" });
                    quote(key, out);
                    out.push_str(": ");
                    item.write(out, true, meter)?;
                }
                out.push('}');
            }
            _ => return Err(Fault::Wrong(format!("a {} cannot be written", self.kind()))),
        }
        Ok(())
    }

    pub(super) fn text(&self, meter: &Meter) -> Result<Rc<str>, Fault> {
        if let Value::Str(text) = self {
            return Ok(text.clone());
        }
        let mut out = String::new();
        self.write(&mut out, false, meter)?;
        Ok(out.into())
    }
}

fn depth<'v, 'a: 'v>(items: impl Iterator<Item = &'v Value<'a>>) -> Result<usize, Fault> {
    let mut depth = 0;
    for item in items {
        depth = depth.max(item.depth()?);
    }
    if depth < DEPTH { Ok(depth + 1) } else { Err(Fault::wrong("lists are nested too deep")) }
}

/// Python's notation of a number.
pub(super) fn float(number: f64) -> String {
    let text = format!("{number:?}");
    text.replace("NaN", "nan")
}

/// Python's notation of a string.
fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == mark => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(mark);
}
