//! `config.json` of a BERT encoder.

use crate::import::{ImportError, files};
use serde::Deserialize;
use std::path::Path;

/// Shape of the model.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    model_type: String,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    /// Width.
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    /// Width between the two matrices of the feed-forward part.
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) vocab_size: usize,
    pub(super) layer_norm_eps: f32,
}

fn absolute() -> String {
    "absolute".to_owned()
}

/// Largest of each size; models of this kind are far below.
const LIMIT: usize = 1 << 20;

impl Config {
    /// Reads and checks it.
    pub(super) fn read(folder: &Path) -> Result<Config, ImportError> {
        let json = files::json(folder, "config.json")?;
        let config = Config::deserialize(&json).map_err(|error| ImportError::Json {
            file: "config.json".to_owned(),
            reason: error.to_string(),
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ImportError> {
        let refuse = |key: &str, value: &str, why| {
            let value = value.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(ImportError::Config { key: key.to_owned(), value, why })
        };
        for (key, found, wanted, why) in [
            ("model_type", &self.model_type, "bert", "only bert embeds"),
            ("hidden_act", &self.hidden_act, "gelu", "only gelu is supported"),
            (
                "position_embedding_type",
                &self.position_embedding_type,
                "absolute",
                "only absolute is supported",
            ),
        ] {
            if found != wanted {
                return refuse(key, found, why);
            }
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("vocab_size", self.vocab_size),
        ];
        for (key, size) in sizes {
            if !(1..=LIMIT).contains(&size) {
                return refuse(key, &size.to_string(), "it must be from 1 to 1048576");
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return refuse(
                "num_attention_heads",
                &self.num_attention_heads.to_string(),
                "heads have no whole width",
            );
        }
        if !(self.layer_norm_eps >= 0.0 && self.layer_norm_eps < 1.0) {
            return refuse("layer_norm_eps", &self.layer_norm_eps.to_string(), "it must be from 0 to 1");
        }
        Ok(())
    }
}
