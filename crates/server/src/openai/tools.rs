//! Tools and forms of answers in a chat: what was asked for, and how the model is brought to it.

use crate::error::ApiError;
use agent::call;
use engine::model::Model;
use engine::text::{Message, TextError};
use engine::{Constraint, ConstraintError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Tools of one request.
const MAX_TOOLS: usize = 128;

/// A tool that the model may call.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Tool {
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function", pattern = "^function$")]
    kind: String,
    /// The function.
    function: Function,
}

/// What a tool is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct Function {
    /// 1 to 64 letters, digits, `_` and `-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    name: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// A JSON schema of its arguments; without it there are none.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<serde_json::Map<String, Value>>,
}

/// Whether a tool is called.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected \"none\", \"auto\", \"required\" or a named function")]
pub(crate) enum ToolChoice {
    /// `none`, `auto` or `required`.
    Word(String),
    /// This one.
    Named(NamedTool),
}

/// A tool by name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct NamedTool {
    /// The function.
    function: NamedFunction,
}

/// A function by name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct NamedFunction {
    /// Its name.
    name: String,
}

/// The form of the answer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    #[schema(example = "json_schema", pattern = "^(text|json_object|json_schema)$")]
    kind: String,
    /// With `json_schema`.
    #[serde(default)]
    json_schema: Option<NamedSchema>,
}

/// A schema with a name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct NamedSchema {
    /// The schema; at most 32 levels and 10,000 values.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
}

/// A call that the model makes.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct Call {
    /// Its place among the calls of this answer, in a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) index: Option<usize>,
    /// Connects it with its result.
    #[serde(default)]
    pub(crate) id: String,
    /// `function`.
    #[serde(rename = "type", default = "function")]
    #[schema(example = "function")]
    pub(crate) kind: String,
    /// What is called.
    pub(crate) function: Called,
}

/// What is called.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct Called {
    /// The tool.
    pub(crate) name: String,
    /// Its arguments, as a text of JSON.
    #[serde(default)]
    pub(crate) arguments: String,
}

/// `type` of every call.
pub(crate) fn function() -> String {
    "function".to_owned()
}

impl Call {
    /// The text that a model writes for it.
    pub(crate) fn written(&self) -> String {
        let arguments = serde_json::from_str(&self.function.arguments);
        call::written(
            &self.function.name,
            &arguments.unwrap_or_else(|_| self.function.arguments.as_str().into()),
        )
    }
}

/// What a chat asks for besides text.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Names and schemas of the offered tools.
    tools: Vec<(String, Value)>,
    /// The same as a template takes them.
    written: Vec<Value>,
    form: Form,
}

#[derive(Debug, Default)]
enum Form {
    #[default]
    Free,
    Object,
    Schema(Value),
    /// A call of one of these, by their places.
    Call(Vec<usize>),
}

impl Wanted {
    /// Checks what was asked for.
    pub(crate) fn new(
        tools: Option<&[Tool]>,
        choice: Option<&ToolChoice>,
        format: Option<&ResponseFormat>,
    ) -> Result<Wanted, ApiError> {
        let tools = tools.unwrap_or_default();
        let mut wanted = Wanted { form: form(format)?, ..Wanted::default() };
        if tools.len() > MAX_TOOLS {
            return Err(ApiError::invalid("tools", format!("tools takes up to {MAX_TOOLS}")));
        }
        let word = match choice {
            Some(ToolChoice::Word(word)) => word.as_str(),
            Some(ToolChoice::Named(_)) => "named",
            None => "auto",
        };
        if word == "none" {
            return Ok(wanted);
        }
        for (at, Tool { kind, function }) in tools.iter().enumerate() {
            if kind != "function" {
                let message = format!("tools of type '{kind}' are not supported here, only functions");
                return Err(ApiError::unsupported(format!("tools[{at}].type"), message));
            }
            let Function { name, description, parameters } = function;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                let message = "a name has 1 to 64 letters, digits, _ and -";
                return Err(ApiError::invalid(format!("tools[{at}].function.name"), message));
            }
            let parameters = parameters
                .clone()
                .map_or_else(|| serde_json::json!({"type": "object", "properties": {}}), Value::Object);
            wanted.written.push(serde_json::json!({"type": "function", "function": {
                "name": name, "description": description.as_deref().unwrap_or_default(), "parameters": parameters,
            }}));
            wanted.tools.push((name.clone(), parameters));
        }
        let forced: Vec<usize> = match (word, choice) {
            ("auto", _) => return wanted.checked(),
            ("required", _) => (0..wanted.tools.len()).collect(),
            (_, Some(ToolChoice::Named(named))) => {
                let name = &named.function.name;
                wanted.tools.iter().position(|(tool, _)| tool == name).into_iter().collect()
            }
            _ => {
                let message = "tool_choice is none, auto, required or a function";
                return Err(ApiError::invalid("tool_choice", message));
            }
        };
        if forced.is_empty() {
            return Err(ApiError::invalid("tool_choice", "tool_choice asks for a tool that is not in tools"));
        }
        wanted = wanted.checked()?;
        wanted.form = Form::Call(forced);
        Ok(wanted)
    }

    /// An answer has one form.
    fn checked(self) -> Result<Wanted, ApiError> {
        if !self.tools.is_empty() && !matches!(self.form, Form::Free) {
            let message = "response_format does not go together with tools; send \"tool_choice\": \"none\" for an answer of this form";
            return Err(ApiError::unsupported("response_format", message));
        }
        Ok(self)
    }

    /// Names of the tools that the model may call.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|(name, _)| name.as_str())
    }

    /// The prompt, with the tools in it.
    pub(crate) fn prompt(&self, model: &Model, mut messages: Vec<Message>) -> Result<Vec<u32>, TextError> {
        if self.written.is_empty() || model.takes_tools() {
            return model.chat_prompt_with_tools(&messages, &self.written);
        }
        let instructions = call::instructions(&self.written);
        match messages.first_mut() {
            Some(first) if first.role == "system" => {
                first.content = format!("{}\n\n{instructions}", first.content)
            }
            _ => messages.insert(0, Message { role: "system".to_owned(), content: instructions }),
        }
        model.chat_prompt(&messages)
    }

    /// The form that the answer must have.
    pub(crate) fn form(&self, model: &Model) -> Result<Option<Constraint>, ApiError> {
        let refused =
            |field: &'static str| move |error: ConstraintError| ApiError::invalid(field, error.to_string());
        match &self.form {
            Form::Free => Ok(None),
            Form::Object => model.json_object().map(Some).map_err(refused("response_format")),
            Form::Schema(schema) => model.json_schema(schema).map(Some).map_err(refused("response_format")),
            Form::Call(places) => {
                let tools: Vec<_> = places.iter().map(|&at| self.tools[at].clone()).collect();
                model.tool_call(&tools).map(Some).map_err(refused("tools"))
            }
        }
    }
}

fn form(format: Option<&ResponseFormat>) -> Result<Form, ApiError> {
    let Some(format) = format else { return Ok(Form::Free) };
    match (format.kind.as_str(), &format.json_schema) {
        ("text", _) => Ok(Form::Free),
        ("json_object", _) => Ok(Form::Object),
        ("json_schema", Some(NamedSchema { schema: Some(schema) })) => Ok(Form::Schema(schema.clone())),
        ("json_schema", _) => {
            Err(ApiError::invalid("response_format.json_schema", "json_schema needs a schema"))
        }
        (kind, _) => Err(ApiError::unsupported(
            "response_format.type",
            format!("the form '{kind}' is not supported here"),
        )),
    }
}
