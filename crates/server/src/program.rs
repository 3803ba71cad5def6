//! What only the program around the server can do: models on disk, settings in a file, starting again.

use crate::error::ApiError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The program that the server runs in. Its calls may wait for the disk, not for a network.
pub trait Program: Send + Sync {
    /// The models on disk, those that can be fetched, and the pulls that go on.
    fn models(&self) -> Result<ModelShelf, ProgramError>;

    /// Begins to fetch a model, or goes on with one whose pull was cut off.
    fn pull(&self, source: &str) -> Result<(), ProgramError>;

    /// Ends a pull; what has come is kept.
    fn stop_pull(&self, source: &str) -> Result<(), ProgramError>;

    /// Chooses the model that is served, and starts the server again with it.
    fn use_model(&self, name: &str) -> Result<(), ProgramError>;

    /// Deletes a model from disk.
    fn remove_model(&self, name: &str) -> Result<(), ProgramError>;

    /// The settings.
    fn settings(&self) -> Result<SettingsObject, ProgramError>;

    /// Changes settings, and starts the server again with them.
    fn change_settings(&self, change: SettingsEdit) -> Result<(), ProgramError>;
}

/// Why the program did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// A field has a value that it cannot have.
    #[error("{message}")]
    Invalid {
        /// The field.
        field: String,
        /// Why, and what to do.
        message: String,
    },
    /// Not now.
    #[error("{0}")]
    Conflict(String),
    /// The system said no.
    #[error("{0}")]
    Failed(String),
}

impl From<ProgramError> for ApiError {
    fn from(error: ProgramError) -> ApiError {
        let message = error.to_string();
        match error {
            ProgramError::NotFound(_) => ApiError::not_found("not_found", message),
            ProgramError::Invalid { field, .. } => ApiError::invalid(field, message),
            ProgramError::Conflict(_) => ApiError::conflict("not_now", message),
            ProgramError::Failed(_) => ApiError::failed(message),
        }
    }
}

/// Models: on disk, to fetch, being fetched.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelShelf {
    /// The chosen one.
    #[schema(required)]
    pub current: Option<String>,
    /// The small one that a first start fetches.
    pub starter: String,
    /// The one of the catalogue that suits this machine best.
    #[schema(required)]
    pub recommended: Option<String>,
    /// Memory of this machine.
    pub memory_bytes: u64,
    /// Free space where models are kept.
    #[schema(required)]
    pub free_bytes: Option<u64>,
    /// Models on disk.
    pub installed: Vec<InstalledModel>,
    /// Models with a short name.
    pub catalog: Vec<CatalogModel>,
    /// Pulls of this server, the newest first.
    pub pulls: Vec<PullObject>,
}

/// A model on disk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstalledModel {
    /// Its name.
    pub name: String,
    /// `chat` or `embedding`.
    pub kind: String,
    /// Where it came from.
    pub source: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The licence, where it is known.
    #[schema(required)]
    pub license: Option<String>,
}

/// A model of the catalogue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CatalogModel {
    /// Its name.
    pub name: String,
    /// `chat` or `embedding`.
    pub kind: String,
    /// What it is good for.
    pub summary: String,
    /// The licence of the weights.
    pub license: String,
    /// Number of weights.
    pub parameters: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Memory to run it with a conversation of 8192 tokens.
    pub memory_bytes: u64,
    /// Whether this machine has that, with some room to spare.
    pub fits: bool,
}

/// A pull.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PullObject {
    /// What was asked for.
    pub source: String,
    /// `running`, `done`, `stopped` or `failed`; the last two go on where they were when they are asked for again.
    pub state: String,
    /// What is being done.
    pub what: String,
    /// Bytes of it that are there.
    pub done: u64,
    /// Of so many, where that is known.
    #[schema(required)]
    pub total: Option<u64>,
    /// The last thing to know.
    #[schema(required)]
    pub message: Option<String>,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<String>,
}

/// The settings, without any key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingsObject {
    /// The file that they are in.
    pub file: String,
    /// Whether nothing may leave this machine.
    pub offline: bool,
    /// In which order search providers are asked: `tavily`, `searxng`.
    pub providers: Vec<String>,
    /// Whether there is a key of Tavily.
    pub tavily_key: bool,
    /// Whether Tavily is asked without a key.
    pub tavily_keyless: bool,
    /// Address of an instance of SearXNG.
    #[schema(required)]
    pub searxng_url: Option<String>,
    /// Settings that come from the environment, and are not changed here.
    pub from_environment: Vec<String>,
    /// Base URL of a model elsewhere that answers conversations.
    #[schema(required)]
    pub remote_url: Option<String>,
    /// Its id there.
    #[schema(required)]
    pub remote_model: Option<String>,
    /// Whether there is a key for it.
    pub remote_key: bool,
    /// Instruction of conversations.
    #[schema(required)]
    pub system: Option<String>,
    /// Randomness of answers.
    #[schema(required)]
    pub temperature: Option<f32>,
    /// Longest answer.
    #[schema(required)]
    pub max_tokens: Option<u32>,
    /// Tokens that a conversation may hold.
    #[schema(required)]
    pub context: Option<u32>,
    /// Threads that compute.
    #[schema(required)]
    pub threads: Option<u32>,
    /// When hone learns by itself: `night` or `idle`; null is not.
    #[schema(required)]
    pub learn_schedule: Option<String>,
    /// The hour of this machine's clock that `night` begins with, 0 to 23.
    pub learn_from_hour: u32,
    /// The hour that it ends before; an earlier one is of the next day.
    pub learn_to_hour: u32,
    /// Minutes for which nobody may have asked anything, 1 to 1440.
    pub learn_idle_minutes: u32,
}

/// Settings to change; what is left out stays, and an empty text or zero takes a setting away.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsEdit {
    /// See `SettingsObject`.
    pub providers: Option<Vec<String>>,
    /// Key of Tavily. It is written to the settings' file, which only this user can read, and never shown again.
    pub tavily_key: Option<String>,
    /// See `SettingsObject`.
    pub tavily_keyless: Option<bool>,
    /// See `SettingsObject`.
    pub searxng_url: Option<String>,
    /// See `SettingsObject`. Another address takes the key away.
    pub remote_url: Option<String>,
    /// See `SettingsObject`.
    pub remote_model: Option<String>,
    /// Key of the model elsewhere.
    pub remote_key: Option<String>,
    /// See `SettingsObject`.
    pub system: Option<String>,
    /// See `SettingsObject`; negative takes it away.
    pub temperature: Option<f32>,
    /// See `SettingsObject`.
    pub max_tokens: Option<u32>,
    /// See `SettingsObject`.
    pub context: Option<u32>,
    /// See `SettingsObject`.
    pub threads: Option<u32>,
    /// See `SettingsObject`.
    pub learn_schedule: Option<String>,
    /// See `SettingsObject`.
    pub learn_from_hour: Option<u32>,
    /// See `SettingsObject`.
    pub learn_to_hour: Option<u32>,
    /// See `SettingsObject`.
    pub learn_idle_minutes: Option<u32>,
}

impl SettingsEdit {
    /// Names of the settings that it changes, for the audit log: never their values.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let SettingsEdit {
            providers,
            tavily_key,
            tavily_keyless,
            searxng_url,
            remote_url,
            remote_model,
            remote_key,
            system,
            temperature,
            max_tokens,
            context,
            threads,
            learn_schedule,
            learn_from_hour,
            learn_to_hour,
            learn_idle_minutes,
        } = self;
        let all = [
            ("providers", providers.is_some()),
            ("tavily_key", tavily_key.is_some()),
            ("tavily_keyless", tavily_keyless.is_some()),
            ("searxng_url", searxng_url.is_some()),
            ("remote_url", remote_url.is_some()),
            ("remote_model", remote_model.is_some()),
            ("remote_key", remote_key.is_some()),
            ("system", system.is_some()),
            ("temperature", temperature.is_some()),
            ("max_tokens", max_tokens.is_some()),
            ("context", context.is_some()),
            ("threads", threads.is_some()),
            ("learn_schedule", learn_schedule.is_some()),
            ("learn_from_hour", learn_from_hour.is_some()),
            ("learn_to_hour", learn_to_hour.is_some()),
            ("learn_idle_minutes", learn_idle_minutes.is_some()),
        ];
        all.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_its_names_only() {
        let edit = SettingsEdit {
            tavily_key: Some("tvly-secret".into()),
            temperature: Some(0.2),
            ..SettingsEdit::default()
        };
        assert_eq!(edit.names(), ["tavily_key", "temperature"]);
    }
}
