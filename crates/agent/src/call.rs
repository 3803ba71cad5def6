//! Tool calls in the text of a model.
//!
//! Two forms are understood: `<tool_call>{"name": …, "arguments": …}</tool_call>` (Qwen, Hermes), and the bare object
//! that Qwen2.5-Coder writes at the beginning of a line, alone or in a fence, where its name is one of the offered
//! ones. Text is held back only while it may still become a call.

mod object;

use object::{Scan, call};
use serde_json::Value;

/// What a model is told about its tools where its template does not do it, in the words that Qwen was trained with.
pub fn instructions(tools: &[Value]) -> String {
    let lines: String = tools.iter().map(|tool| format!("{tool}\n")).collect();
    format!(
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function \
         signatures within <tools></tools> XML tags:\n<tools>\n{lines}</tools>\n\nFor each function call, return a json \
         object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n\
         {{\"name\": <function-name>, \"arguments\": <args-json-object>}}\n</tool_call>"
    )
}

/// A call as a model writes it.
pub fn written(name: &str, arguments: &Value) -> String {
    let (name, arguments) = (Value::from(name), arguments);
    format!("<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>")
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A call.
    Call {
        /// The tool; in the bare form always an offered one.
        name: String,
        /// An object.
        arguments: Value,
    },
}

/// Splits a stream of text into text and calls.
#[derive(Debug)]
pub struct CallParser {
    names: Vec<String>,
    /// Text that is not given out yet.
    held: String,
    state: State,
    /// Only spaces stand between here and the beginning of the line.
    line_start: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Text,
    /// In the object that begins at `start` of what is held.
    Body {
        start: usize,
        scan: Scan,
        closer: &'static str,
    },
    /// After an object.
    Closing {
        closer: &'static str,
    },
}

/// What may stand before an object, and what then stands after it.
const OPENERS: [(&str, &str); 5] =
    [("<tool_call>", "</tool_call>"), ("<tools>", "</tools>"), ("```json", "```"), ("```", "```"), ("", "")];
/// Longest text that is held back for a call.
const LONGEST: usize = 256 << 10;
/// Most space between the parts of a call's beginning.
const SPACE: usize = 64;

impl CallParser {
    /// A parser for an answer that may call `names`. Without names everything is text.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> CallParser {
        let names = names.into_iter().map(Into::into).collect();
        CallParser { names, held: String::new(), state: State::Text, line_start: true }
    }

    /// Takes the next piece of text; what is certain is given out.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        if self.names.is_empty() {
            return if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] };
        }
        self.held.push_str(text);
        self.run(false)
    }

    /// The answer has ended: a call that is not complete is text after all.
    pub fn finish(&mut self) -> Vec<Piece> {
        self.run(true)
    }

    fn run(&mut self, last: bool) -> Vec<Piece> {
        let mut out = Out::default();
        while !self.held.is_empty() && self.step(last, &mut out) {}
        out.0
    }

    /// One step over what is held; false when more text is needed.
    fn step(&mut self, last: bool, out: &mut Out) -> bool {
        match self.state {
            State::Text => self.text(last, out),
            State::Body { start, mut scan, closer } => match scan.end(&self.held.as_bytes()[start..]) {
                Some(end) => {
                    let end = start + end;
                    match call(&self.held[start..end]) {
                        Some(call) => {
                            out.0.push(call);
                            self.held.drain(..end);
                            self.state = State::Closing { closer };
                        }
                        None => self.release(end, out),
                    }
                    true
                }
                None if last || self.held.len() > LONGEST => {
                    self.release(self.held.len(), out);
                    true
                }
                None => {
                    self.state = State::Body { start, scan, closer };
                    false
                }
            },
            State::Closing { closer } => {
                let space = self.held.len() - self.held.trim_start().len();
                self.held.drain(..space);
                if self.held.is_empty()
                    || (!last && self.held.len() < closer.len() && closer.starts_with(&self.held))
                {
                    return false;
                }
                (self.state, self.line_start) = (State::Text, true);
                if !closer.is_empty() && self.held.starts_with(closer) {
                    self.held.drain(..closer.len());
                    // Space after a call belongs to nobody.
                    self.state = State::Closing { closer: "" };
                } else if closer.starts_with('<') && self.held.starts_with('{') {
                    self.state = State::Body { start: 0, scan: Scan::default(), closer };
                }
                true
            }
        }
    }

    /// Gives out text up to where a call may begin.
    fn text(&mut self, last: bool, out: &mut Out) -> bool {
        let mut line_start = self.line_start;
        let begins = self.held.char_indices().find(|&(_, c)| {
            let found = c == '<' || (line_start && matches!(c, '{' | '`'));
            line_start = c == '\n' || (line_start && matches!(c, ' ' | '\t'));
            found
        });
        let Some((at, _)) = begins else {
            self.line_start = line_start;
            out.text(&std::mem::take(&mut self.held));
            return false;
        };
        out.text(&self.held[..at]);
        self.held.drain(..at);
        match head(&self.held, &self.names) {
            Head::Call { start, closer } => {
                self.state = State::Body { start, scan: Scan::default(), closer };
                true
            }
            Head::More if !last => {
                // What comes next stands where this stands.
                self.line_start = !self.held.starts_with('<');
                false
            }
            _ => {
                self.release(1, out);
                true
            }
        }
    }

    /// The first `len` bytes of what is held are text.
    fn release(&mut self, len: usize, out: &mut Out) {
        out.text(&self.held[..len]);
        self.line_start = self.held[..len].ends_with('\n');
        self.held.drain(..len);
        self.state = State::Text;
    }
}

/// Pieces, with neighbouring texts in one.
#[derive(Default)]
struct Out(Vec<Piece>);

impl Out {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }
}

enum Head {
    /// The object begins at `start`.
    Call {
        start: usize,
        closer: &'static str,
    },
    /// It depends on what follows.
    More,
    No,
}

/// Whether a call begins with `text`.
fn head(text: &str, names: &[String]) -> Head {
    let mut more = false;
    for (opener, closer) in OPENERS {
        let Some(rest) = text.strip_prefix(opener) else {
            more |= opener.starts_with(text);
            continue;
        };
        let object = rest.trim_start();
        let start = text.len() - object.len();
        if object.is_empty() && rest.len() <= SPACE {
            more = true;
        } else if object.starts_with('{') {
            // Between tags nothing else can be meant; elsewhere the name decides.
            match if opener.starts_with('<') { Some(true) } else { named(object, names) } {
                Some(true) => return Head::Call { start, closer },
                Some(false) => {}
                None => more = true,
            }
        }
    }
    if more { Head::More } else { Head::No }
}

/// Whether an object begins with `{"name": "…"` and an offered name; `None` where it depends on what follows.
fn named(object: &str, names: &[String]) -> Option<bool> {
    let mut rest = object;
    for token in ["{", "\"name\"", ":"] {
        match rest.strip_prefix(token) {
            Some(after) => rest = after.trim_start(),
            None if token.starts_with(rest) => return None,
            None => return Some(false),
        }
        if object.len() - rest.len() > 3 * SPACE {
            return Some(false);
        }
    }
    let mut open = rest.is_empty();
    for name in names {
        let name = format!("\"{name}\"");
        if rest.starts_with(&name) {
            return Some(true);
        }
        open |= name.starts_with(rest);
    }
    if open { None } else { Some(false) }
}
