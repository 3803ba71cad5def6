//! Answers that must have a form: which tokens may come next.
//!
//! llguidance turns a JSON schema into a grammar and walks it beside the answer; before each token it says which ones
//! keep to the form. Schemas come from strangers: their size and depth are bounded before they are compiled, and the
//! compiler has limits on work, memory and time.

use crate::text::Tokenizer;
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Deepest nesting of a schema.
const DEPTH: usize = 32;
/// Most values in a schema.
const NODES: usize = 10_000;
/// Most bytes of a schema.
const BYTES: usize = 256 << 10;
/// Most tools that one answer chooses from.
const TOOLS: usize = 128;
/// Longest count in a schema (`minItems`, `maxLength`, …): the grammar repeats its parts as often.
const COUNT: u64 = 100_000;
/// Space for the compiler's recursion. Only what is used becomes memory.
const STACK: usize = 64 << 20;
/// How long a compiled schema is waited for. The compiler's own limits end its work within a fifth of that; the rest is for
/// a machine that is busy with other things.
const TIME: Duration = Duration::from_secs(1);

/// The form of an answer, ready to be followed from its beginning.
pub struct Constraint(Matcher);

/// A form that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// Too much of something.
    #[error("the schema has {what}; the limit is {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// It takes too long.
    #[error("the schema takes longer than {} ms to compile; make it simpler", TIME.as_millis())]
    TooSlow,
    /// It is wrong, or uses what is not supported.
    #[error("the schema cannot be followed: {0}")]
    Schema(String),
    /// A tool cannot be called so.
    #[error("{0:?} is not the name of a tool: it has 1 to 64 letters, digits, _ and -")]
    Name(String),
}

/// Compiles forms for one tokenizer.
pub(crate) struct Forms(Arc<ParserFactory>);

impl Forms {
    /// Sorts the vocabulary; it takes a moment, and is done once for a model.
    pub(crate) fn new(tokenizer: &Tokenizer) -> Result<Forms, ConstraintError> {
        let size = tokenizer.vocab_size();
        let word = |id: u32| match tokenizer.is_control(id) {
            // What begins with 0xFF is no text.
            true => [&[TokTrie::SPECIAL_TOKEN_MARKER][..], tokenizer.token_bytes(id)].concat(),
            false => tokenizer.token_bytes(id).to_vec(),
        };
        let words: Vec<Vec<u8>> = (0..size as u32).map(word).collect();
        let end = tokenizer.eos().or((0..size as u32).find(|&id| tokenizer.is_end(id))).unwrap_or(0);
        let trie = TokTrie::from(&TokRxInfo::new(size as u32, end), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let factory = ParserFactory::new_simple(&environment);
        let mut factory = factory.map_err(|error| ConstraintError::Schema(error.to_string()))?;
        factory.quiet();
        *factory.limits_mut() = ParserLimits {
            max_grammar_size: 100_000,
            max_lexer_states: 50_000,
            verbose_errors: false,
            ..ParserLimits::default()
        };
        Ok(Forms(Arc::new(factory)))
    }

    /// Any JSON object.
    pub(crate) fn object(&self) -> Result<Constraint, ConstraintError> {
        self.schema(&json!({"type": "object"}))
    }

    /// A value that a JSON schema describes.
    pub(crate) fn schema(&self, schema: &Value) -> Result<Constraint, ConstraintError> {
        check(schema)?;
        self.compile(format!("start: {}\n", rule(schema)))
    }

    /// A call of one of the tools, given by names and schemas of arguments:
    /// `{"name": "…", "arguments": {…}}`.
    pub(crate) fn call(&self, tools: &[(String, Value)]) -> Result<Constraint, ConstraintError> {
        if tools.is_empty() || tools.len() > TOOLS {
            return Err(ConstraintError::TooLarge { what: "no tool, or too many", limit: TOOLS });
        }
        let mut grammar = format!(
            "start: {}\n",
            (0..tools.len()).map(|i| format!("tool{i}")).collect::<Vec<_>>().join(" | ")
        );
        for (i, (name, parameters)) in tools.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                return Err(ConstraintError::Name(name.clone()));
            }
            check(parameters)?;
            // A tool without parameters takes an empty object.
            let empty =
                parameters.is_null() || parameters.as_object().is_some_and(|fields| fields.is_empty());
            let none = json!({"type": "object", "properties": {}, "additionalProperties": false});
            let mut object = if empty { none } else { parameters.clone() };
            if let Some(fields) = object.as_object_mut() {
                fields.entry("type").or_insert("object".into());
            }
            let before = json!(format!("{{\"name\": \"{name}\", \"arguments\": "));
            grammar.push_str(&format!(
                "tool{i}: {before} arguments{i} \"}}\"\narguments{i}: {}\n",
                rule(&object)
            ));
        }
        self.compile(grammar)
    }

    /// Compiles on another thread, which is left alone when it takes too long: its own limits end it soon after.
    fn compile(&self, grammar: String) -> Result<Constraint, ConstraintError> {
        let factory = self.0.clone();
        let (sender, done) = mpsc::channel();
        let work = move || {
            let compile = || factory.create_parser(TopLevelGrammar::from_lark(grammar));
            let compiled = catch_unwind(AssertUnwindSafe(compile));
            // Nobody waits any more where this fails.
            let _ = sender.send(compiled);
        };
        let thread = std::thread::Builder::new().name("schema".into()).stack_size(STACK).spawn(work);
        thread.map_err(|error| ConstraintError::Schema(error.to_string()))?;
        let compiled = done.recv_timeout(TIME).map_err(|_| ConstraintError::TooSlow)?;
        let parser = compiled.map_err(|_| ConstraintError::Schema("its compiler failed".to_owned()))?;
        let parser =
            parser.map_err(|error| ConstraintError::Schema(error.to_string().chars().take(300).collect()))?;
        Ok(Constraint(Matcher::new(Ok(parser))))
    }
}

impl Constraint {
    /// Leaves of `logits [V]` only those of tokens that keep to the form, in `masked`. False when the form is complete
    /// and nothing may follow. Every token that ends an answer counts as the end.
    pub(crate) fn mask(
        &mut self,
        logits: &[f32],
        tokenizer: &Tokenizer,
        masked: &mut Vec<f32>,
    ) -> Result<bool, String> {
        if self.0.is_stopped() && !self.0.is_error() {
            return Ok(false);
        }
        let allowed = self.0.compute_mask().map_err(|error| failed(&error.to_string()))?;
        let accepting = self.0.is_accepting().map_err(|error| failed(&error.to_string()))?;
        masked.clear();
        masked.resize(logits.len(), f32::NEG_INFINITY);
        let size = logits.len().min(tokenizer.vocab_size());
        allowed.iter_set_entries(|id| {
            if id < size && !tokenizer.is_end(id as u32) {
                masked[id] = logits[id];
            }
        });
        let ends = (0..size as u32).filter(|&id| accepting && tokenizer.is_end(id));
        ends.for_each(|id| masked[id as usize] = logits[id as usize]);
        Ok(masked.iter().any(|&logit| logit > f32::NEG_INFINITY))
    }

    /// The answer goes on with this token.
    pub(crate) fn accept(&mut self, id: u32) -> Result<(), String> {
        self.0.consume_token(id).map_err(|error| failed(&error.to_string()))
    }
}

impl Clone for Constraint {
    /// A copy that goes its own way.
    fn clone(&self) -> Self {
        Constraint(self.0.deep_clone())
    }
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Constraint")
    }
}

impl std::fmt::Debug for Forms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forms")
    }
}

fn failed(why: &str) -> String {
    let why: String = why.chars().take(300).collect();
    format!("the answer cannot be kept to its schema: {why}; make the schema simpler")
}

/// A schema as a rule of the grammar. Space is what Python's `json.dumps` writes: a small model given the freedom fills
/// the answer with line breaks.
fn rule(schema: &Value) -> String {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        let style = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
        fields.insert("x-guidance".to_owned(), style);
    }
    format!("%json {schema}")
}

/// Refuses what is too large before anything is made of it.
fn check(schema: &Value) -> Result<(), ConstraintError> {
    if !matches!(schema, Value::Object(_) | Value::Null) {
        return Err(ConstraintError::Schema("it is not an object".to_owned()));
    }
    let mut nodes = 0;
    walk(schema, 0, &mut nodes)?;
    if schema.to_string().len() > BYTES {
        return Err(ConstraintError::TooLarge { what: "too many bytes", limit: BYTES });
    }
    Ok(())
}

fn walk(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), ConstraintError> {
    *nodes += 1;
    if depth > DEPTH {
        return Err(ConstraintError::TooLarge { what: "too many levels", limit: DEPTH });
    }
    if *nodes > NODES {
        return Err(ConstraintError::TooLarge { what: "too many values", limit: NODES });
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, depth + 1, nodes)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let counts = ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];
            if counts.contains(&name.as_str()) && value.as_f64().is_some_and(|count| count > COUNT as f64) {
                return Err(ConstraintError::TooLarge { what: "too large a count", limit: COUNT as usize });
            }
            walk(value, depth + 1, nodes)
        }),
        _ => Ok(()),
    }
}
