//! A conversation becomes tokens.

use super::jinja::{self, Fault, Limits};
use super::marks::Marks;
use super::{TextError, Tokenizer};
use crate::gguf::Metadata;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// How a model writes a conversation down: a Jinja template out of its file, and hence not to be trusted.
///
/// The work, the memory and the text of a rendering are bounded, and a template reaches nothing but the messages.
///
/// **Content never becomes control tokens.** Where a message spells one, a private-use character that no
/// message contains is put inside before the template sees it, so that the rendered text spells only the
/// control tokens that the template wrote. After cutting it at those, the marks are taken out again. The mark
/// is no space and stands inside the text, so `trim`, `split` and the like in a template work as always.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    source: String,
}

/// The format of Qwen, SmolLM2 and many others; for files that bring no template.
const CHATML: &str = "\
{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// Longest template; real ones have up to 17 kB.
const SOURCE_LIMIT: usize = 64 << 10;
/// Longest rendered text.
const OUTPUT_LIMIT: usize = 1 << 20;
/// What a rendering may cost, see [`Limits`]; real templates need a tenth of it.
const WORK: u64 = 500_000;
const WORK_PER_MESSAGE: u64 = 5_000;
const WORK_PER_BYTE: u64 = 2;

impl ChatTemplate {
    /// The template of a file, or `None` where it has none.
    pub fn from_gguf(metadata: &Metadata) -> Result<Option<ChatTemplate>, TextError> {
        metadata.find("tokenizer.chat_template")?.map(ChatTemplate::new).transpose()
    }

    /// The format that most models use.
    pub fn chatml() -> ChatTemplate {
        ChatTemplate { source: CHATML.to_owned() }
    }

    /// Takes a template that can be read.
    pub fn new(source: &str) -> Result<ChatTemplate, TextError> {
        if source.len() > SOURCE_LIMIT {
            let what = "the chat template";
            return Err(TextError::TooLarge { what, found: source.len(), limit: SOURCE_LIMIT });
        }
        jinja::check(source)?;
        Ok(ChatTemplate { source: source.to_owned() })
    }

    /// The template itself.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tokens of a conversation, with [`Tokenizer::bos`] in front once, where the model wants it.
    /// `add_generation_prompt` ends them where the assistant's next answer begins.
    pub fn render(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TextError> {
        self.render_with_tools(tokenizer, messages, &[], add_generation_prompt)
    }

    /// Whether the template writes down which tools there are.
    pub fn takes_tools(&self) -> bool {
        self.source.contains("tools")
    }

    /// The same with `tools`, as the OpenAI API describes them. Their texts are text, too.
    pub fn render_with_tools(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        tools: &[Value],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TextError> {
        if let Some(message) = messages.iter().find(|message| !ROLES.contains(&message.role.as_str())) {
            return Err(TextError::Role(message.role.clone()));
        }
        let written = Value::from(tools.to_vec()).to_string();
        let marks = Marks::new(tokenizer, &self.source, messages, &written)?;
        let guarded = |message: &Message| json!({"role": message.role, "content": marks.guard(tokenizer, &message.content)});
        let mut variables = Map::new();
        variables.insert("messages".into(), messages.iter().map(guarded).collect());
        variables.insert("add_generation_prompt".into(), add_generation_prompt.into());
        // Transformers gives these even where there are none.
        let guard = |text: &str| marks.guard(tokenizer, text);
        let tools: Value = tools.iter().map(|tool| guarded_json(tool, &guard)).collect();
        let tools = if written == "[]" { Value::Null } else { tools };
        variables.extend([("tools".into(), tools), ("documents".into(), Value::Null)]);
        for (name, id) in [("bos_token", tokenizer.bos()), ("eos_token", tokenizer.eos())] {
            if let Some(id) = id {
                let text = String::from_utf8_lossy(tokenizer.token_bytes(id));
                variables.insert(name.into(), Value::from(text));
            }
        }
        let bytes = messages.iter().map(|message| message.content.len()).sum::<usize>() + written.len();
        let work = WORK + WORK_PER_MESSAGE * messages.len() as u64 + WORK_PER_BYTE * bytes as u64;
        let text = jinja::render(&self.source, &variables, Limits { work, output: OUTPUT_LIMIT })?;
        let mut tokens = tokenizer.encode_rendered(&text, marks.mark())?;
        if let Some(bos) = tokenizer.bos().filter(|_| tokenizer.add_bos()) {
            let written = tokens.iter().take_while(|&&token| token == bos).count();
            tokens.splice(..written, [bos]);
        }
        Ok(tokens)
    }
}

/// A value with every text in it guarded, names of fields too.
fn guarded_json(value: &Value, guard: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => guard(text).into(),
        Value::Array(items) => items.iter().map(|item| guarded_json(item, guard)).collect(),
        Value::Object(fields) => {
            let guarded = fields.iter().map(|(name, value)| (guard(name), guarded_json(value, guard)));
            Value::Object(guarded.collect())
        }
        other => other.clone(),
    }
}

impl From<Fault> for TextError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Work => TextError::TemplateLimit("work"),
            Fault::Output => TextError::TemplateLimit("1 MiB of text"),
            Fault::Raised(message) => TextError::Refused(message),
            Fault::Wrong(what) => TextError::Template(what),
        }
    }
}
