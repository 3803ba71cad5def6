//! What Jinja templates of models expect beside the engine's own filters: the functions and filters that
//! transformers adds, and methods of Python's strings, lists and dictionaries.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter("tojson", to_json);
    environment.set_unknown_method_callback(method);
}

/// A template said that it cannot write these messages.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

fn raise_exception(message: &str) -> Result<Value, Error> {
    let refusal = Refusal(message.to_owned());
    Err(Error::new(ErrorKind::InvalidOperation, "the template raised an exception").with_source(refusal))
}

/// What a template said when it refused.
pub(super) fn refusal(error: &Error) -> Option<&str> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(Refusal(message)) = error.downcast_ref() {
            return Some(message);
        }
        cause = error.source();
    }
    None
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Methods that the engine does not have. Fuel is charged before the work: the engine charges only for results.
fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let size = |value: &Value| value.as_str().map(str::len).or(value.len()).unwrap_or(0);
    let text = value.as_str().unwrap_or_default();
    let arg = |n: usize| args.get(n).and_then(Value::as_str).unwrap_or_default();
    let bytes = match name {
        "format" => return Err(ErrorKind::UnknownMethod.into()),
        "join" => return join(state, text, args),
        "replace" => (text.matches(arg(0)).count() + 1) * (arg(1).len() + 1) + text.len(),
        "split" if args.is_empty() => text.len() * ITEM,
        "split" => text.len() + text.matches(arg(0)).count() * ITEM,
        "splitlines" => text.len() + text.matches('\n').count() * ITEM,
        "strip" | "lstrip" | "rstrip" => text.len().saturating_mul(arg(0).len() + 1),
        _ => size(value) * 2 + args.iter().map(|value| size(value) * ITEM).sum::<usize>(),
    };
    state.consume_fuel((bytes / BYTES_PER_FUEL) as u64)?;
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
}

/// Bytes that one unit of fuel pays for, and the bytes that an item of a list costs, as in minijinja.
const BYTES_PER_FUEL: usize = 64;
const ITEM: usize = 32;

/// `separator.join(texts)`.
fn join(state: &State, separator: &str, args: &[Value]) -> Result<Value, Error> {
    let [texts] = args else { return Err(invalid("join takes one list")) };
    let mut joined = String::new();
    for (n, text) in texts.try_iter()?.enumerate() {
        let text = text.as_str().ok_or_else(|| invalid("join takes a list of strings"))?;
        state.consume_fuel(1 + ((separator.len() + text.len()) / BYTES_PER_FUEL) as u64)?;
        if n > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(joined.into())
}

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`.
fn to_json(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Accepted, and what happens anyway.
    let _: (Option<bool>, Option<bool>) = (options.get("ensure_ascii")?, options.get("sort_keys")?);
    options.assert_all_used()?;
    if indent.is_some_and(|indent| indent > 16) {
        return Err(invalid("tojson indents by 16 at most"));
    }
    let mut json = Json { state, indent, text: String::new() };
    json.value(value, 0)?;
    Ok(Value::from(json.text))
}

struct Json<'a, 'b> {
    state: &'a State<'a, 'b>,
    indent: Option<usize>,
    text: String,
}

impl Json<'_, '_> {
    /// Deepest nesting; deeper values would be nested without end.
    const DEPTH: usize = 64;

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > Self::DEPTH {
            return Err(invalid("tojson nests too deep"));
        }
        self.state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool | ValueKind::Number => self.text.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.map(|item| (None, item));
                self.items(('[', ']'), items, depth)?;
            }
            ValueKind::Map => {
                let mut pairs = Vec::new();
                for key in value.try_iter()? {
                    self.state.consume_fuel(1)?;
                    let item = value.get_item(&key)?;
                    pairs.push((Some(key), item));
                }
                self.items(('{', '}'), pairs.into_iter(), depth)?;
            }
            _ => return Err(invalid("tojson cannot write this value")),
        }
        Ok(())
    }

    fn items(
        &mut self,
        (open, close): (char, char),
        items: impl Iterator<Item = (Option<Value>, Value)>,
        depth: usize,
    ) -> Result<(), Error> {
        self.text.push(open);
        let mut empty = true;
        for (key, item) in items {
            if !empty {
                self.text.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            empty = false;
            self.line(depth + 1)?;
            if let Some(key) = key {
                self.string(&key.as_str().map_or_else(|| key.to_string(), str::to_owned))?;
                self.text.push_str(": ");
            }
            self.value(&item, depth + 1)?;
        }
        if !empty {
            self.line(depth)?;
        }
        self.text.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = self.indent {
            self.state.consume_fuel((indent * depth / BYTES_PER_FUEL) as u64)?;
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.state.consume_fuel((text.len() / BYTES_PER_FUEL * 2) as u64)?;
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

/// The date for system prompts such as Llama 3's, in UTC.
fn strftime_now(format: &str) -> Result<String, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if format.len() > 256 {
        return Err(invalid("strftime_now takes a short format"));
    }
    Ok(strftime(format, now))
}

/// C's `strftime` for a time in seconds since 1970, in UTC and English.
fn strftime(format: &str, seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let days = seconds / 86_400;
    let (year, month, day) = date(days);
    let (weekday, month_name) = (DAYS[days as usize % 7], MONTHS[month - 1]);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let _ = match chars.next() {
            Some('Y') => write!(out, "{year}"),
            Some('y') => write!(out, "{:02}", year % 100),
            Some('m') => write!(out, "{month:02}"),
            Some('B') => write!(out, "{month_name}"),
            Some('b') => write!(out, "{}", &month_name[..3]),
            Some('d') => write!(out, "{day:02}"),
            Some('e') => write!(out, "{day:2}"),
            Some('A') => write!(out, "{weekday}"),
            Some('a') => write!(out, "{}", &weekday[..3]),
            Some('H') => write!(out, "{hour:02}"),
            Some('I') => write!(out, "{:02}", (hour + 11) % 12 + 1),
            Some('p') => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
            Some('M') => write!(out, "{minute:02}"),
            Some('S') => write!(out, "{second:02}"),
            Some('F') => write!(out, "{year}-{month:02}-{day:02}"),
            Some('T') => write!(out, "{hour:02}:{minute:02}:{second:02}"),
            Some('%') => write!(out, "%"),
            Some(other) => write!(out, "%{other}"),
            None => write!(out, "%"),
        };
    }
    out
}

/// Year, month and day (from 1) of a day counted from 1970-01-01: H. Hinnant's `civil_from_days`.
fn date(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `date -u`.
    #[test]
    fn dates_are_the_calendars() {
        assert_eq!(strftime("%d %b %Y", 0), "01 Jan 1970");
        assert_eq!(strftime("%A %a %F %T %I %p", 951_782_399), "Monday Mon 2000-02-28 23:59:59 11 PM");
        assert_eq!(strftime("%e %B %y|%j|100%", 951_782_400 + 86_400), " 1 March 00|%j|100%");
        assert_eq!(strftime("%F %H", 4_102_444_800), "2100-01-01 00");
    }
}
