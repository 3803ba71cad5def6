//! Python's operators, on values that are paid for.

use super::Fault;
use super::value::{Meter, Value};
use minijinja::machinery::ast::BinOpKind;
use std::cmp::Ordering;
use std::rc::Rc;

/// `container` has `value` as an item, key or part.
pub(super) fn contains<'a>(container: &Value<'a>, value: &Value<'a>, meter: &Meter) -> Result<bool, Fault> {
    match (container, value) {
        (Value::Undefined, _) => Ok(false),
        (Value::Str(text), Value::Str(part)) => {
            meter.bytes(text.len() + part.len())?;
            Ok(text.contains(&**part))
        }
        (Value::List(list), _) => contains_item(&list.items, value, meter),
        (Value::Map(_), Value::Str(key)) => Ok(!matches!(container.member(key, meter)?, Value::Undefined)),
        (Value::Map(_), _) => Ok(false),
        _ => Err(Fault::Wrong(format!("a {} cannot be in a {}", value.kind(), container.kind()))),
    }
}

pub(super) fn contains_item<'a>(
    items: &[Value<'a>],
    value: &Value<'a>,
    meter: &Meter,
) -> Result<bool, Fault> {
    for item in items {
        if item.equals(value, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Numbers and strings have an order.
pub(super) fn order(a: &Value<'_>, b: &Value<'_>, meter: &Meter) -> Result<Option<Ordering>, Fault> {
    meter.spend(1)?;
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.bytes(a.len().min(b.len()))?;
            Ok(Some(a.cmp(b)))
        }
        _ => match (a.int(), b.int(), a.number(), b.number()) {
            (Some(a), Some(b), _, _) => Ok(Some(a.cmp(&b))),
            (_, _, Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
            _ => Err(Fault::Wrong(format!("a {} and a {} have no order", a.kind(), b.kind()))),
        },
    }
}

pub(super) fn arithmetic<'a>(
    op: BinOpKind,
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    match (op, left, right) {
        (BinOpKind::Concat, _, _) => return join("", &[left.text(meter)?, right.text(meter)?], meter),
        (BinOpKind::Add, Value::Str(a), Value::Str(b)) => return join("", &[a.clone(), b.clone()], meter),
        (BinOpKind::Add, Value::List(a), Value::List(b)) => {
            meter.spend(a.items.len() + b.items.len())?;
            return Value::list(a.items.iter().chain(&b.items).cloned().collect());
        }
        (BinOpKind::Mul, Value::Str(text), Value::Int(count))
        | (BinOpKind::Mul, Value::Int(count), Value::Str(text)) => {
            let count = (*count).max(0) as usize;
            meter.bytes(text.len().saturating_mul(count))?;
            return Ok(Value::str(text.repeat(count)));
        }
        _ => {}
    }
    let refused =
        || Fault::Wrong(format!("a {} and a {} cannot be calculated with", left.kind(), right.kind()));
    let zero = || Fault::wrong("division by zero");
    if let (Some(a), Some(b)) = (left.int(), right.int()) {
        let exact = match op {
            BinOpKind::Add => a.checked_add(b),
            BinOpKind::Sub => a.checked_sub(b),
            BinOpKind::Mul => a.checked_mul(b),
            BinOpKind::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            // Towards negative infinity, and with the sign of the divisor, as Python does.
            BinOpKind::FloorDiv | BinOpKind::Rem if b == 0 => return Err(zero()),
            BinOpKind::FloorDiv => {
                a.checked_div(b).map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
            }
            BinOpKind::Rem => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
            BinOpKind::Div if b == 0 => return Err(zero()),
            BinOpKind::Div => return Ok(Value::Float(a as f64 / b as f64)),
            _ => None,
        };
        return exact.map(Value::Int).ok_or_else(|| Fault::wrong("a number is too large"));
    }
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Err(refused()) };
    Ok(Value::Float(match op {
        BinOpKind::Add => a + b,
        BinOpKind::Sub => a - b,
        BinOpKind::Mul => a * b,
        BinOpKind::Pow => a.powf(b),
        BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem if b == 0.0 => return Err(zero()),
        BinOpKind::Div => a / b,
        BinOpKind::FloorDiv => (a / b).floor(),
        BinOpKind::Rem => a - b * (a / b).floor(),
        _ => return Err(refused()),
    }))
}

/// `value[start:stop:step]` of a string or list.
pub(super) fn slice<'a>(
    value: &Value<'a>,
    parts: &[Option<Value<'a>>; 3],
    meter: &Meter,
) -> Result<Value<'a>, Fault> {
    let part = |n: usize| match &parts[n] {
        None | Some(Value::None) => Ok(None),
        Some(number) => number.int().map(Some).ok_or_else(|| Fault::wrong("a slice takes numbers")),
    };
    let (start, stop, step) = (part(0)?, part(1)?, part(2)?.unwrap_or(1));
    if step == 0 {
        return Err(Fault::wrong("a slice cannot step by 0"));
    }
    let pick = |len: usize| -> Vec<usize> {
        let len = len as i64;
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let place = |given: Option<i64>, default: i64| match given {
            Some(n) if n < 0 => n.saturating_add(len).clamp(low, high),
            Some(n) => n.clamp(low, high),
            None => default,
        };
        let mut at = place(start, if step > 0 { low } else { high });
        let end = place(stop, if step > 0 { high } else { low });
        let mut picked = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            picked.push(at as usize);
            at = at.saturating_add(step);
        }
        picked
    };
    match value {
        Value::Str(text) => {
            meter.spend(text.len())?;
            let chars: Vec<char> = text.chars().collect();
            Ok(Value::str(pick(chars.len()).into_iter().map(|at| chars[at]).collect::<String>()))
        }
        Value::List(list) => {
            meter.spend(list.items.len() * 2)?;
            Value::list(pick(list.items.len()).into_iter().map(|at| list.items[at].clone()).collect())
        }
        other => Err(Fault::Wrong(format!("a {} cannot be sliced", other.kind()))),
    }
}

/// The texts with the separator between.
pub(super) fn join<'a>(separator: &str, texts: &[Rc<str>], meter: &Meter) -> Result<Value<'a>, Fault> {
    let bytes: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    meter.bytes(bytes)?;
    meter.spend(texts.len())?;
    Ok(Value::str(texts.join(separator)))
}
