use super::marks::Marks;
use super::{TextError, Tokenizer, functions};
use crate::gguf::Metadata;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

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
/// Fuel bounds the work and memory of a rendering; there is no loader, no include and no function that reaches
/// outside.
///
/// **Content never becomes control tokens.** Where a message spells one, a private-use character that no
/// message contains is put inside before the template sees it, so that the rendered text spells only the
/// control tokens that the template wrote. After cutting it at those, the marks are taken out again. The mark
/// is no space and stands inside the text, so `trim`, `split` and the like in a template work as always.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
}

/// The format of Qwen, SmolLM2 and many others; for files that bring no template.
const CHATML: &str = "\
{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}\
{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];
const NAME: &str = "chat template";

/// Longest template; real ones have up to 30 kB.
const SOURCE_LIMIT: usize = 256 << 10;
/// Longest rendered text.
const OUTPUT_LIMIT: usize = 1 << 20;
/// Nesting of macros and blocks.
const RECURSION_LIMIT: usize = 100;
/// One unit is an instruction or 64 bytes of data. A message takes real templates about 200.
const FUEL: u64 = 50_000;
const FUEL_PER_MESSAGE: u64 = 2_000;
/// Templates copy a text about ten times, at 64 bytes a unit.
const BYTES_PER_FUEL: u64 = 4;

impl ChatTemplate {
    /// The template of a file, or `None` where it has none.
    pub fn from_gguf(metadata: &Metadata) -> Result<Option<ChatTemplate>, TextError> {
        metadata.find("tokenizer.chat_template")?.map(ChatTemplate::new).transpose()
    }

    /// The format that most models use.
    pub fn chatml() -> ChatTemplate {
        ChatTemplate::new(CHATML).expect("a constant, rendered by a test")
    }

    /// Compiles a template.
    pub fn new(source: &str) -> Result<ChatTemplate, TextError> {
        if source.len() > SOURCE_LIMIT {
            let what = "the chat template";
            return Err(TextError::TooLarge { what, found: source.len(), limit: SOURCE_LIMIT });
        }
        let mut environment = Environment::new();
        // As transformers does.
        environment.set_syntax(
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(error)?,
        );
        environment.set_recursion_limit(RECURSION_LIMIT);
        functions::add(&mut environment);
        environment.add_template_owned(NAME, source.to_owned()).map_err(error)?;
        Ok(ChatTemplate { environment })
    }

    /// The tokens of a conversation, with [`Tokenizer::bos`] in front once, where the model wants it.
    /// `add_generation_prompt` ends them where the assistant's next answer begins.
    pub fn render(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TextError> {
        if let Some(message) = messages.iter().find(|message| !ROLES.contains(&message.role.as_str())) {
            return Err(TextError::Role(message.role.clone()));
        }
        let template = self.environment.get_template(NAME).map_err(error)?;
        let marks = Marks::new(tokenizer, template.source(), messages)?;
        let text = self.render_text(tokenizer, messages, add_generation_prompt, &marks)?;
        let mut tokens = tokenizer.encode_rendered(&text, marks.mark())?;
        if let Some(bos) = tokenizer.bos().filter(|_| tokenizer.add_bos()) {
            let written = tokens.iter().take_while(|&&token| token == bos).count();
            tokens.splice(..written, [bos]);
        }
        Ok(tokens)
    }

    fn render_text(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        add_generation_prompt: bool,
        marks: &Marks,
    ) -> Result<String, TextError> {
        let mut environment = self.environment.clone();
        let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
        environment
            .set_fuel(Some(FUEL + FUEL_PER_MESSAGE * messages.len() as u64 + bytes as u64 / BYTES_PER_FUEL));
        let message = |message: &Message| {
            let content = marks.guard(tokenizer, &message.content);
            Value::from_pairs([("role", message.role.clone()), ("content", content)])
        };
        let mut variables = vec![
            ("messages", messages.iter().map(message).collect::<Value>()),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
        ];
        for (name, id) in [("bos_token", tokenizer.bos()), ("eos_token", tokenizer.eos())] {
            let text = id.map(|id| String::from_utf8_lossy(tokenizer.token_bytes(id)).into_owned());
            variables.extend(text.map(|text| (name, Value::from(text))));
        }
        let template = environment.get_template(NAME).map_err(error)?;
        let mut output = Limited::default();
        let rendered = template.render_captured_to(Value::from_pairs(variables), &mut output);
        match rendered {
            _ if output.full => Err(TextError::TemplateLimit("1 MiB of text")),
            Err(cause) => Err(error(cause)),
            Ok(_) => String::from_utf8(output.text).map_err(|cause| TextError::Template(cause.to_string())),
        }
    }
}

/// What to call a failure of the template engine.
fn error(error: minijinja::Error) -> TextError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TextError::TemplateLimit("work");
    }
    match functions::refusal(&error) {
        Some(message) => TextError::Refused(message.to_owned()),
        None => TextError::Template(error.to_string()),
    }
}

/// Collects up to [`OUTPUT_LIMIT`] bytes.
#[derive(Default)]
struct Limited {
    text: Vec<u8>,
    full: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= self.text.len() + bytes.len() > OUTPUT_LIMIT;
        if self.full {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
