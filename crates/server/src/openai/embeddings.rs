//! Texts as vectors.

use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, GateErrors, GenerationErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::embed::{EmbedError, TextEncoder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Most texts of a request, as OpenAI has it.
const MAX_INPUTS: usize = 2048;

/// Texts to embed.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EmbeddingRequest {
    /// The embedding model.
    #[schema(example = "all-minilm-l6-v2")]
    model: String,
    /// The texts.
    input: Input,
    /// How vectors are written: as numbers, or as little-endian 32-bit floats in base64.
    #[serde(default)]
    encoding_format: Option<Encoding>,
    /// Length of the vectors: that of the model, or an error.
    dimensions: Option<usize>,
    /// Takes the beginning of a text that is too long, instead of refusing it. Not one of OpenAI's fields.
    #[serde(default)]
    truncate: bool,
}

/// One text or several, as text or as token ids of the model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected a string, an array of strings, an array of token ids or an array of such arrays"
)]
enum Input {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One text of token ids.
    Tokens(Vec<u32>),
    /// Several texts of token ids.
    TokenArrays(Vec<Vec<u32>>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

/// Vectors of unit length, in the order of the texts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Embeddings {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// One vector for each text.
    data: Vec<Embedded>,
    /// The model that was asked for.
    model: String,
    /// Tokens that were read.
    usage: EmbeddingUsage,
}

/// One vector.
#[derive(Debug, Serialize, ToSchema)]
struct Embedded {
    /// Always `embedding`.
    #[schema(example = "embedding")]
    object: &'static str,
    /// Which text it is of, counted from 0.
    index: usize,
    /// The vector.
    embedding: Written,
}

/// A vector as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Written {
    /// Numbers.
    Float(Vec<f32>),
    /// Little-endian 32-bit floats.
    Base64(String),
}

/// Tokens that were read.
#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingUsage {
    /// Tokens of all texts, with those that each begins and ends with.
    prompt_tokens: usize,
    /// The same: nothing is written.
    total_tokens: usize,
}

impl Checked for EmbeddingRequest {
    fn check_fields(_: &Value) -> Result<(), ApiError> {
        Ok(())
    }

    fn check_values(&self) -> Result<(), ApiError> {
        let (count, empty) = match &self.input {
            Input::Text(text) => (1, text.is_empty()),
            Input::Texts(texts) => (texts.len(), texts.iter().any(String::is_empty)),
            Input::Tokens(tokens) => (1, tokens.is_empty()),
            Input::TokenArrays(arrays) => (arrays.len(), arrays.iter().any(Vec::is_empty)),
        };
        if !(1..=MAX_INPUTS).contains(&count) {
            return Err(ApiError::invalid(
                "input",
                format!("input has 1 to {MAX_INPUTS} texts, not {count}"),
            ));
        }
        if empty {
            return Err(ApiError::invalid("input", "a text of input is empty"));
        }
        Ok(())
    }
}

/// Embed texts
///
/// The same request and reply as OpenAI's `embeddings`. A text that is longer than the model's window is refused, or
/// with `truncate` cut off.
#[utoipa::path(post, operation_id = "create_embedding", path = "/v1/embeddings", tag = "Embeddings", request_body = EmbeddingRequest,
    responses((status = 200, description = "The vectors.", body = Embeddings), GateErrors, GenerationErrors))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<EmbeddingRequest>,
) -> Result<Json<Embeddings>, ApiError> {
    let embedding = shared.served.embedding()?;
    if request.model != embedding.name {
        return Err(ApiError::unknown_model(&request.model, &embedding.name));
    }
    let work = move || {
        let missing = |reason: String| ApiError::not_found("model_not_found", reason).param("model");
        let encoder = embedding.get().map_err(missing)?;
        embed(&encoder, request)
    };
    shared.tokenise(work).await.map(Json)
}

fn embed(encoder: &TextEncoder, request: EmbeddingRequest) -> Result<Embeddings, ApiError> {
    let dims = encoder.dims();
    if request.dimensions.is_some_and(|asked| asked != dims) {
        let message = format!("the vectors of this model have {dims} numbers; leave dimensions out");
        return Err(ApiError::unsupported("dimensions", message));
    }
    let mut texts = tokens(encoder, request.input, request.truncate);
    let inner = encoder.window() - 2;
    if request.truncate {
        texts.iter_mut().for_each(|text| text.truncate(inner));
    }
    let slices: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let vectors = encoder.embed_tokens(&slices).map_err(refuse)?;
    let write = |vector: Vec<f32>| match request.encoding_format.unwrap_or_default() {
        Encoding::Float => Written::Float(vector),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Written::Base64(BASE64_STANDARD.encode(bytes))
        }
    };
    let data = vectors.into_iter().enumerate();
    let data = data
        .map(|(index, vector)| Embedded { object: "embedding", index, embedding: write(vector) })
        .collect();
    let read = texts.iter().map(|text| text.len() + 2).sum();
    let usage = EmbeddingUsage { prompt_tokens: read, total_tokens: read };
    Ok(Embeddings { object: "list", data, model: request.model, usage })
}

/// The tokens of every text, without those of beginning and end. What is far past the window is not looked at where
/// it will be cut off.
fn tokens(encoder: &TextEncoder, input: Input, truncate: bool) -> Vec<Vec<u32>> {
    let limit = if truncate { encoder.window() } else { usize::MAX / 2 };
    let encode = |text: &String| {
        let mut tokens = Vec::new();
        encoder.tokenizer().encode(text, limit, &mut tokens);
        tokens[1..tokens.len() - 1].to_vec()
    };
    match input {
        Input::Text(text) => vec![encode(&text)],
        Input::Texts(texts) => texts.iter().map(encode).collect(),
        Input::Tokens(tokens) => vec![tokens],
        Input::TokenArrays(arrays) => arrays,
    }
}

fn refuse(error: EmbedError) -> ApiError {
    match error {
        EmbedError::Window { count, window } => ApiError::input_too_long(count, window),
        EmbedError::Token { .. } => ApiError::invalid("input", error.to_string()),
        other => {
            tracing::error!(error = %other, "texts could not be embedded");
            ApiError::internal()
        }
    }
}
