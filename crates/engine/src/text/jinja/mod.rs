//! Evaluates Jinja templates that come from strangers.
//!
//! Minijinja parses; evaluation is ours, because a bound must hold for every template, and minijinja's fuel
//! leaves holes: `{{ 1 in [0] * 10**8 }}` takes 15 s (constants are folded without fuel), sixty doublings of a
//! list or sixty nested lists in a `~` never end, and a namespace inside itself overflows the stack. Here every
//! step, every item visited and every byte made is paid for before it happens, values cannot contain
//! themselves, and nesting is bounded. What chat templates use of Jinja is here, with Python's meaning; the
//! rest is an error that says so.

mod builtins;
mod eval;
mod json;
mod operators;
mod time;
mod value;

use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;

/// Why a template gave no text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// It did more work than it may.
    Work,
    /// Its text is longer than it may be.
    Output,
    /// It called `raise_exception`.
    Raised(String),
    /// It is wrong, or uses what templates may not.
    Wrong(String),
}

impl Fault {
    fn wrong(what: impl Into<String>) -> Fault {
        Fault::Wrong(what.into())
    }
}

/// What a rendering may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// One is a step, an item looked at, or 16 bytes.
    pub(super) work: u64,
    /// Bytes of the text.
    pub(super) output: usize,
}

/// Space for the parser's recursion, which the length of a template bounds. It is address space: only what is
/// used becomes memory.
const STACK: usize = 256 << 20;

/// The text of a template with these variables.
pub(super) fn render(
    source: &str,
    variables: &serde_json::Map<String, serde_json::Value>,
    limits: Limits,
) -> Result<String, Fault> {
    let source = without_generation(source);
    on_deep_stack(|| {
        let template = tree(&source)?;
        eval::run(&template, variables, limits)
    })
}

/// Whether a template can be read at all.
pub(super) fn check(source: &str) -> Result<(), Fault> {
    let source = without_generation(source);
    on_deep_stack(|| tree(&source).map(|_| ()))
}

fn tree(source: &str) -> Result<ast::Stmt<'_>, Fault> {
    let wrong = |error: minijinja::Error| Fault::Wrong(error.to_string());
    // As transformers does.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(wrong)?;
    parse(source, "chat template", syntax).map_err(wrong)
}

/// Transformers' `{% generation %}` blocks mark what a model said, for training. Here they are any block.
fn without_generation(source: &str) -> Cow<'_, str> {
    if !source.contains("endgeneration") {
        return source.into();
    }
    let mut parts = source.split("{%");
    let mut out = String::from(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str("{%");
        let (tag, rest) = part.split_at(part.find("%}").unwrap_or(0));
        match tag.trim_matches(['-', '+', ' ']) {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        out.push_str(rest);
    }
    out.into()
}

/// Runs `work` in a thread of its own. A panic in it becomes an error.
fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".into()).stack_size(STACK);
        let thread = thread.spawn_scoped(scope, work).map_err(|error| Fault::Wrong(error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(Fault::wrong("the template engine failed")))
    })
}
