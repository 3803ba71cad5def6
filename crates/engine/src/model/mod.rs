//! Which numbers follow these tokens? Weights of a GGUF file as a decoder over a [`kernels::Device`].

mod config;
mod error;
mod forward;
mod info;
pub(crate) mod layer;
mod rope;
pub(crate) mod weights;
mod work;

pub use config::{Architecture, Config, RopeConfig, Scaling};
pub use error::ModelError;
pub use forward::{Batch, Scratch};
pub use info::ModelInfo;
pub use work::Work;

use crate::constraint::{Constraint, ConstraintError, Forms};
use crate::gguf::Gguf;
use crate::text::{ChatTemplate, Message, TextError, Tokenizer};
use crate::train::Example;
use rope::Rope;
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use weights::Weights;

/// A model that is ready to compute. It is read-only: share it as an `Arc`.
#[derive(Debug)]
pub struct Model {
    /// What it is, for people.
    pub info: ModelInfo,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// How a conversation is written down; `None` where the file does not say.
    pub template: Option<ChatTemplate>,
    config: Config,
    pub(crate) weights: Weights,
    pub(crate) rope: Rope,
    /// Made when the first answer must have a form.
    forms: OnceLock<Result<Forms, ConstraintError>>,
}

impl Model {
    /// Maps a GGUF file. Weights are read from the disk when they are first used.
    pub fn open(path: &Path) -> Result<Model, ModelError> {
        Model::from_gguf(&Gguf::open(path)?)
    }

    /// Makes a model of a file that is open already.
    pub fn from_gguf(file: &Gguf) -> Result<Model, ModelError> {
        let metadata = file.metadata();
        let config = Config::from_gguf(metadata)?;
        let weights = Weights::load(file, &config)?;
        let rope = Rope::new(&config.rope, weights.rope_factors.as_deref());
        let tokenizer = Tokenizer::from_gguf(metadata)?;
        let (tokens, rows) = (tokenizer.vocab_size(), weights.embedding.rows());
        if tokens > rows {
            return Err(ModelError::Vocabulary { tokens, rows });
        }
        let template = ChatTemplate::from_gguf(metadata)?;
        let info = ModelInfo::new(file, &config, rows);
        Ok(Model { info, tokenizer, template, config, weights, rope, forms: OnceLock::new() })
    }

    /// Hyperparameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A conversation as tokens, up to where the assistant's next answer begins. A file without a template
    /// gets ChatML. The token that begins a text comes once where the model wants one.
    pub fn chat_prompt(&self, messages: &[Message]) -> Result<Vec<u32>, TextError> {
        self.rendered(messages, &[], true)
    }

    /// The same with tools that the model may call, as the OpenAI API describes them. The template writes them down
    /// where it can, see [`Model::takes_tools`].
    pub fn chat_prompt_with_tools(
        &self,
        messages: &[Message],
        tools: &[Value],
    ) -> Result<Vec<u32>, TextError> {
        self.rendered(messages, tools, true)
    }

    /// Whether the template tells the model about tools. Where it does not, a message has to.
    pub fn takes_tools(&self) -> bool {
        self.template.as_ref().is_some_and(ChatTemplate::takes_tools)
    }

    /// The form of any JSON object.
    pub fn json_object(&self) -> Result<Constraint, ConstraintError> {
        self.forms()?.object()
    }

    /// The form that a JSON schema describes.
    pub fn json_schema(&self, schema: &Value) -> Result<Constraint, ConstraintError> {
        self.forms()?.schema(schema)
    }

    /// The form of a call of one of these tools, by names and schemas of arguments:
    /// `{"name": "…", "arguments": {…}}`.
    pub fn tool_call(&self, tools: &[(String, Value)]) -> Result<Constraint, ConstraintError> {
        self.forms()?.call(tools)
    }

    fn forms(&self) -> Result<&Forms, ConstraintError> {
        self.forms.get_or_init(|| Forms::new(&self.tokenizer)).as_ref().map_err(Clone::clone)
    }

    /// A conversation to learn from: its tokens as they are when it is served, and which of them the assistant wrote.
    /// The token that ends a turn is one of those, what the template writes after it is not.
    pub fn chat_example(&self, messages: &[Message]) -> Result<Example, TextError> {
        let tokens = self.rendered(messages, &[], false)?;
        let mut supervised = vec![false; tokens.len()];
        for (i, _) in messages.iter().enumerate().filter(|(_, message)| message.role == "assistant") {
            let (before, through) =
                (self.rendered(&messages[..i], &[], true)?, self.rendered(&messages[..=i], &[], false)?);
            // The answer's first letters may have become one token with the last of what stands before.
            let shared = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
            let mut start = shared(&before, &through);
            let control = |id: &u32| self.tokenizer.is_control(*id);
            let last = through.iter().rposition(control).filter(|&at| at >= start);
            let mut end = last.map_or(through.len(), |at| at + 1);
            if !tokens.starts_with(&through[..end]) {
                // A template may write a turn in another way once others follow: Qwen 3's leaves the thought out.
                start = shared(&before, &tokens);
                let ended = tokens[start..].iter().position(|id| self.tokenizer.is_end(*id));
                end = start + ended.ok_or(TextError::Unmaskable)? + 1;
            }
            if start + 1 < before.len() {
                return Err(TextError::Unmaskable);
            }
            supervised[start..end].fill(true);
        }
        Ok(Example::new(tokens, supervised))
    }

    /// Plain text as tokens, to be continued.
    pub fn text_prompt(&self, text: &str) -> Result<Vec<u32>, TextError> {
        Ok(self.with_bos(self.tokenizer.encode(text, crate::text::Special::Text)?))
    }

    /// The text between `prefix` and `suffix` is to be filled in.
    pub fn fim_prompt(&self, prefix: &str, suffix: &str) -> Result<Vec<u32>, TextError> {
        let fim = self.tokenizer.fim().ok_or(TextError::NoFim)?;
        let encode = |text| self.tokenizer.encode(text, crate::text::Special::Text);
        let mut tokens = vec![fim.prefix];
        tokens.extend(encode(prefix)?);
        tokens.push(fim.suffix);
        tokens.extend(encode(suffix)?);
        tokens.push(fim.middle);
        Ok(self.with_bos(tokens))
    }

    fn rendered(
        &self,
        messages: &[Message],
        tools: &[Value],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TextError> {
        let rendered = match &self.template {
            Some(template) => {
                template.render_with_tools(&self.tokenizer, messages, tools, add_generation_prompt)?
            }
            None => ChatTemplate::chatml().render(&self.tokenizer, messages, add_generation_prompt)?,
        };
        Ok(self.with_bos(rendered))
    }

    fn with_bos(&self, mut tokens: Vec<u32>) -> Vec<u32> {
        let bos = self.tokenizer.bos().filter(|_| self.tokenizer.add_bos());
        if let Some(bos) = bos.filter(|bos| tokens.first() != Some(bos)) {
            tokens.insert(0, bos);
        }
        tokens
    }
}
