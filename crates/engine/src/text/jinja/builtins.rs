//! The filters, tests, functions and methods that chat templates use, with Python's meaning.

use super::operators::{arithmetic, contains, contains_item, join, order};
use super::value::{Meter, Value};
use super::{Fault, json, time};
use minijinja::machinery::ast::BinOpKind;
use std::cmp::Ordering;
use std::rc::Rc;

/// Functions that every template finds.
pub(super) const FUNCTIONS: [&str; 5] = ["range", "namespace", "dict", "raise_exception", "strftime_now"];

/// Longest list that `range` makes.
const RANGE: i64 = 100_000;

/// Arguments of a call.
#[derive(Default)]
pub(super) struct Args<'a> {
    pub(super) plain: Vec<Value<'a>>,
    pub(super) named: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Args<'a> {
    /// The argument at place `n` or with this name.
    fn get(&self, n: usize, name: &str) -> Option<&Value<'a>> {
        self.plain
            .get(n)
            .or_else(|| self.named.iter().find(|(given, _)| *given == name).map(|(_, value)| value))
    }

    fn text(&self, n: usize, name: &str) -> Result<Option<&str>, Fault> {
        match self.get(n, name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text)),
            Some(other) => Err(Fault::Wrong(format!("expected a string, got a {}", other.kind()))),
        }
    }

    fn required(&self, n: usize, name: &str) -> Result<&str, Fault> {
        self.text(n, name)?.ok_or_else(|| Fault::Wrong(format!("the argument {name} is missing")))
    }

    fn int(&self, n: usize, name: &str) -> Option<i64> {
        self.get(n, name).and_then(Value::int)
    }
}

pub(super) fn function<'a>(name: &str, args: Args<'a>, meter: &Meter) -> Result<Value<'a>, Fault> {
    match name {
        "raise_exception" => {
            let message = args.get(0, "message").map(|message| message.text(meter)).transpose()?;
            Err(Fault::Raised(message.as_deref().unwrap_or("no reason given").to_owned()))
        }
        "strftime_now" => {
            let format = args.required(0, "format")?;
            meter.spend(format.len())?;
            Ok(Value::str(time::now(format)))
        }
        "dict" => Value::map(args.named.into_iter().map(|(key, value)| (key.into(), value)).collect()),
        "range" => {
            let numbers: Vec<i64> = args.plain.iter().filter_map(Value::int).collect();
            let (start, stop, step) = match numbers[..] {
                [stop] => (0, stop, 1),
                [start, stop] => (start, stop, 1),
                [start, stop, step] if step != 0 => (start, stop, step),
                _ => return Err(Fault::wrong("range takes one to three numbers")),
            };
            let distance = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
            let count = if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs() + 1 };
            if count > RANGE {
                return Err(Fault::wrong("this range is too long"));
            }
            meter.spend(count as usize)?;
            Value::list((0..count).map(|n| Value::Int(start + n * step)).collect())
        }
        _ => Err(Fault::Wrong(format!("the function `{name}` does not exist"))),
    }
}

pub(super) fn filter<'a>(
    name: &str,
    value: Value<'a>,
    args: Args<'a>,
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    let items = || value.items(meter);
    Ok(match name {
        "safe" => value,
        "string" => Value::Str(value.text(meter)?),
        "trim" => strip(&value.text(meter)?, args.text(0, "chars")?, (true, true), meter)?,
        "upper" | "lower" | "capitalize" | "title" | "replace" => {
            return method(name, &Value::Str(value.text(meter)?), args, meter);
        }
        "length" | "count" => match &value {
            Value::Undefined => Value::Int(0),
            Value::Str(text) => {
                meter.bytes(text.len())?;
                Value::Int(text.chars().count() as i64)
            }
            Value::List(list) => Value::Int(list.items.len() as i64),
            Value::Map(map) => Value::Int(map.items.len() as i64),
            other => return Err(Fault::Wrong(format!("a {} has no length", other.kind()))),
        },
        "default" | "d" => {
            let also_false = args.get(1, "boolean").is_some_and(Value::truth);
            let missing = matches!(value, Value::Undefined) || (also_false && !value.truth());
            if missing { args.get(0, "default_value").cloned().unwrap_or(Value::str("")) } else { value }
        }
        "tojson" => {
            let indent = args.int(0, "indent").and_then(|indent| usize::try_from(indent).ok());
            Value::str(json::dumps(&value, indent, meter)?)
        }
        "items" | "dictsort" => {
            let mut pairs = pairs(&value, meter)?;
            if name == "dictsort" {
                meter.spend(pairs.len() * 16)?;
                pairs.sort_by_cached_key(|(key, _)| key.to_lowercase());
            }
            let pair = |(key, item)| Value::list(vec![Value::Str(key), item]);
            Value::list(pairs.into_iter().map(pair).collect::<Result<_, _>>()?)?
        }
        "list" => Value::list(items()?)?,
        "first" => items()?.first().cloned().unwrap_or(Value::Undefined),
        "last" => items()?.last().cloned().unwrap_or(Value::Undefined),
        "reverse" => match &value {
            Value::Str(text) => {
                meter.bytes(text.len())?;
                Value::str(text.chars().rev().collect::<String>())
            }
            _ => Value::list(items()?.into_iter().rev().collect())?,
        },
        "join" => {
            let separator = args.text(0, "d")?.unwrap_or_default();
            let texts = items()?.iter().map(|item| item.text(meter)).collect::<Result<Vec<_>, _>>()?;
            join(separator, &texts, meter)?
        }
        "sort" | "unique" | "min" | "max" => return ordered(name, items()?, &args, meter),
        "sum" => {
            let add = |sum, item: &Value<'a>| arithmetic(BinOpKind::Add, &sum, item, meter);
            items()?.iter().try_fold(Value::Int(0), add)?
        }
        "map" => {
            let attribute = args.named.iter().find(|(name, _)| *name == "attribute");
            let change = |item: Value<'a>| match (attribute, args.plain.first()) {
                (Some((_, Value::Str(key))), _) => item.member(key, meter),
                (None, Some(Value::Str(filter_name))) if &**filter_name != "map" => {
                    filter(filter_name, item, Args::default(), meter)
                }
                _ => Err(Fault::wrong("map takes a filter or an attribute")),
            };
            Value::list(items()?.into_iter().map(change).collect::<Result<_, _>>()?)?
        }
        "select" | "reject" | "selectattr" | "rejectattr" => {
            let (keep, by_attribute) = (name.starts_with("select"), name.ends_with("attr"));
            let mut kept = Vec::new();
            for item in items()? {
                let mut plain = args.plain.iter().cloned();
                let tested = if by_attribute {
                    let key = plain.next().ok_or_else(|| Fault::wrong("an attribute is missing"))?;
                    item.member(&key.text(meter)?, meter)?
                } else {
                    item.clone()
                };
                let passed = match plain.next() {
                    Some(name) => {
                        let args = Args { plain: plain.collect(), named: Vec::new() };
                        test(&name.text(meter)?, &tested, args, meter)?
                    }
                    None => tested.truth(),
                };
                if passed == keep {
                    kept.push(item);
                }
            }
            Value::list(kept)?
        }
        "indent" => {
            let width = args.int(0, "width").unwrap_or(4).clamp(0, 1 << 20) as usize;
            let (first, blank) = (args.get(1, "first"), args.get(2, "blank"));
            indent(
                &value.text(meter)?,
                width,
                [first, blank].map(|flag| flag.is_some_and(Value::truth)),
                meter,
            )?
        }
        "int" => match &value {
            Value::Str(text) => {
                Value::Int(text.trim().parse().unwrap_or(args.int(0, "default").unwrap_or(0)))
            }
            other => Value::Int(other.number().unwrap_or(0.0) as i64),
        },
        "float" => match &value {
            Value::Str(text) => Value::Float(text.trim().parse().unwrap_or(0.0)),
            other => Value::Float(other.number().unwrap_or(0.0)),
        },
        "abs" => match value {
            Value::Float(number) => Value::Float(number.abs()),
            other => Value::Int(other.int().unwrap_or(0).saturating_abs()),
        },
        "round" => {
            let digits = args.int(0, "precision").unwrap_or(0).clamp(-15, 15) as i32;
            let scale = 10f64.powi(digits);
            Value::Float((value.number().unwrap_or(0.0) * scale).round_ties_even() / scale)
        }
        "bool" => Value::Bool(value.truth()),
        _ => return Err(Fault::Wrong(format!("the filter `{name}` does not exist"))),
    })
}

/// Members of a map, each key once.
fn pairs<'a>(value: &Value<'a>, meter: &Meter) -> Result<Vec<(Rc<str>, Value<'a>)>, Fault> {
    match value {
        Value::Undefined => Ok(Vec::new()),
        Value::Map(map) => {
            meter.spend(map.items.len() * 2)?;
            Ok(map.items.clone())
        }
        other => Err(Fault::Wrong(format!("a {} has no items", other.kind()))),
    }
}

fn ordered<'a>(
    name: &str,
    mut items: Vec<Value<'a>>,
    args: &Args<'a>,
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    if name == "unique" {
        let mut kept: Vec<Value<'a>> = Vec::new();
        for item in items {
            if !contains_item(&kept, &item, meter)? {
                kept.push(item);
            }
        }
        return Value::list(kept);
    }
    let attribute = args.text(usize::MAX, "attribute")?;
    let mut fault = None;
    items.sort_by(|a, b| {
        let compared = || match attribute {
            Some(key) => order(&a.member(key, meter)?, &b.member(key, meter)?, meter),
            None => order(a, b, meter),
        };
        match compared() {
            Ok(ordering) => ordering.unwrap_or(Ordering::Equal),
            Err(error) => {
                fault = Some(error);
                Ordering::Equal
            }
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    if args.get(0, "reverse").is_some_and(Value::truth) {
        items.reverse();
    }
    match name {
        "sort" => Value::list(items),
        "min" => Ok(items.first().cloned().unwrap_or(Value::Undefined)),
        _ => Ok(items.last().cloned().unwrap_or(Value::Undefined)),
    }
}

fn indent<'a>(
    text: &str,
    width: usize,
    [first, blank]: [bool; 2],
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    meter.bytes(text.len())?;
    let lines = text.matches('\n').count() + 1;
    meter.bytes(text.len().saturating_add(lines.saturating_mul(width)))?;
    let space = " ".repeat(width);
    let mut out = String::new();
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        if if n == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&space);
        }
        out.push_str(line);
    }
    Ok(Value::str(out))
}

pub(super) fn test<'a>(name: &str, value: &Value<'a>, args: Args<'a>, meter: &Meter) -> Result<bool, Fault> {
    let other = || args.plain.first().ok_or_else(|| Fault::Wrong(format!("the test `{name}` needs a value")));
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined),
        "undefined" => matches!(value, Value::Undefined),
        "none" => matches!(value, Value::None),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Map(_)),
        "sequence" | "iterable" => {
            matches!(value, Value::Str(_) | Value::List(_) | Value::Map(_) | Value::Undefined)
        }
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "number" => value.number().is_some(),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "callable" => matches!(value, Value::Macro(_) | Value::Function(_)),
        "odd" => value.int().is_some_and(|number| number % 2 != 0),
        "even" => value.int().is_some_and(|number| number % 2 == 0),
        "eq" | "equalto" | "==" => value.equals(other()?, meter)?,
        "ne" | "!=" => !value.equals(other()?, meter)?,
        "in" => contains(other()?, value, meter)?,
        "lt" | "lessthan" | "<" => order(value, other()?, meter)? == Some(Ordering::Less),
        "gt" | "greaterthan" | ">" => order(value, other()?, meter)? == Some(Ordering::Greater),
        _ => return Err(Fault::Wrong(format!("the test `{name}` does not exist"))),
    })
}

pub(super) fn method<'a>(
    name: &str,
    value: &Value<'a>,
    args: Args<'a>,
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    match value {
        Value::Str(text) => text_method(name, text, args, meter),
        Value::Map(_) => match name {
            "get" => {
                let found = value.member(args.required(0, "key")?, meter)?;
                let default = || args.get(1, "default").cloned().unwrap_or(Value::None);
                Ok(if matches!(found, Value::Undefined) { default() } else { found })
            }
            "items" => filter("items", value.clone(), Args::default(), meter),
            "keys" => Value::list(value.items(meter)?),
            "values" => Value::list(pairs(value, meter)?.into_iter().map(|(_, item)| item).collect()),
            _ => Err(no_method(name, value)),
        },
        Value::Undefined => Err(Fault::Wrong(format!("an undefined value has no `{name}`"))),
        _ => Err(no_method(name, value)),
    }
}

fn no_method(name: &str, value: &Value<'_>) -> Fault {
    Fault::Wrong(format!("a {} has no method `{name}`", value.kind()))
}

fn text_method<'a>(name: &str, text: &Rc<str>, args: Args<'a>, meter: &Meter) -> Result<Value<'a>, Fault> {
    // One look at the text; a character may grow to three when its case changes.
    meter.bytes(text.len() * 4)?;
    let all = |wanted: fn(char) -> bool| Value::Bool(!text.is_empty() && text.chars().all(wanted));
    let place = |found: Option<usize>| Value::Int(found.map_or(-1, |at| text[..at].chars().count() as i64));
    Ok(match name {
        "upper" => Value::str(text.to_uppercase()),
        "lower" => Value::str(text.to_lowercase()),
        "capitalize" => Value::str(capital(text)),
        "title" => {
            Value::str(text.split_inclusive(|c: char| !c.is_alphabetic()).map(capital).collect::<String>())
        }
        "strip" => strip(text, args.text(0, "chars")?, (true, true), meter)?,
        "lstrip" => strip(text, args.text(0, "chars")?, (true, false), meter)?,
        "rstrip" => strip(text, args.text(0, "chars")?, (false, true), meter)?,
        "startswith" | "endswith" => {
            let options = match args.plain.first() {
                Some(Value::List(list)) => list.items.clone(),
                other => other.cloned().into_iter().collect(),
            };
            let mut found = false;
            for option in &options {
                let part = option.as_str().ok_or_else(|| Fault::wrong("expected a string"))?;
                meter.bytes(part.len())?;
                found |= if name == "startswith" { text.starts_with(part) } else { text.ends_with(part) };
            }
            Value::Bool(found)
        }
        "replace" => {
            let (old, new) = (args.required(0, "old")?, args.required(1, "new")?);
            let most = args.int(2, "count").and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            let count = text.matches(old).count().min(most);
            meter.bytes(text.len().saturating_add(count.saturating_mul(new.len())))?;
            Value::str(text.replacen(old, new, most))
        }
        "split" | "rsplit" => split(name, text, &args, meter)?,
        "splitlines" => {
            meter.spend(text.matches('\n').count() * 2)?;
            Value::list(text.lines().map(Value::str).collect())?
        }
        "join" => {
            let list = args.plain.first().map_or(Ok(Vec::new()), |list| list.items(meter))?;
            let wrong = || Fault::wrong("join takes a list of strings");
            let texts = list.iter().map(|item| item.as_str().map(Rc::from).ok_or_else(wrong));
            join(text, &texts.collect::<Result<Vec<Rc<str>>, _>>()?, meter)?
        }
        "format" => format(text, &args, meter)?,
        "count" => Value::Int(text.matches(args.required(0, "sub")?).count() as i64),
        "find" => place(text.find(args.required(0, "sub")?)),
        "rfind" => place(text.rfind(args.required(0, "sub")?)),
        "isdigit" | "isnumeric" | "isdecimal" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isupper" => {
            Value::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
        }
        "islower" => {
            Value::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
        }
        _ => return Err(Fault::Wrong(format!("a string has no method `{name}`"))),
    })
}

/// The first letter large, the others small.
fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

/// Without the `chars`, or without white space, at the wanted ends.
fn strip<'a>(
    text: &str,
    chars: Option<&str>,
    (left, right): (bool, bool),
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    let chars = chars.unwrap_or_default();
    meter.bytes(text.len().saturating_mul(chars.len() + 1))?;
    let wanted = |c: char| if chars.is_empty() { is_python_space(c) } else { chars.contains(c) };
    let text = if left { text.trim_start_matches(wanted) } else { text };
    Ok(Value::str(if right { text.trim_end_matches(wanted) } else { text }))
}

/// Python counts four separators of ASCII as white space; Unicode does not.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn split<'a>(name: &str, text: &str, args: &Args<'a>, meter: &Meter) -> Result<Value<'a>, Fault> {
    let most = args.int(1, "maxsplit").and_then(|most| usize::try_from(most).ok());
    let parts = most.map_or(usize::MAX, |most| most.saturating_add(1));
    match args.text(0, "sep")? {
        Some("") => Err(Fault::wrong("split needs a separator")),
        Some(separator) => {
            meter.spend(text.matches(separator).count() * 2)?;
            if name == "rsplit" {
                let mut found: Vec<Value<'a>> = text.rsplitn(parts, separator).map(Value::str).collect();
                found.reverse();
                return Value::list(found);
            }
            Value::list(text.splitn(parts, separator).map(Value::str).collect())
        }
        None if most.is_some() => Err(Fault::wrong("split with a limit needs a separator")),
        None => {
            meter.spend(text.len())?;
            Value::list(text.split(is_python_space).filter(|part| !part.is_empty()).map(Value::str).collect())
        }
    }
}

/// `"{} {0} {name}".format(...)`, without format specifications.
fn format<'a>(text: &str, args: &Args<'a>, meter: &Meter) -> Result<Value<'a>, Fault> {
    let mut out = String::new();
    let (mut rest, mut next) = (text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            out.push_str(&tail[..1]);
            rest = &tail[2..];
            continue;
        }
        let end = tail.find('}').filter(|_| tail.starts_with('{'));
        let end = end.ok_or_else(|| Fault::wrong("a format string has an unmatched brace"))?;
        let field = &tail[1..end];
        let value = match field.parse::<usize>() {
            Ok(n) => args.plain.get(n),
            Err(_) if field.is_empty() => {
                next += 1;
                args.plain.get(next - 1)
            }
            Err(_) => args.named.iter().find(|(name, _)| *name == field).map(|(_, value)| value),
        };
        let value = value.ok_or_else(|| Fault::wrong("a format string names a value that is not given"))?;
        let value = value.text(meter)?;
        meter.bytes(value.len())?;
        out.push_str(&value);
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    Ok(Value::str(out))
}
