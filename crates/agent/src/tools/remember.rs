//! `remember`: a rule as a draft, which has no effect until the user accepts it.

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::model::ToolSpec;
use crate::seam::Rules;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest rule.
const MOST_CHARS: usize = 500;

/// Drafts rules.
pub struct Remember(pub Arc<dyn Rules>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    rule: String,
}

impl Tool for Remember {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "remember".to_owned(),
            description: "Propose a lasting rule when the user states a preference. The user must accept it."
                .to_owned(),
            parameters: schema(
                json!({"rule": {"type": "string", "description": "One sentence", "maxLength": MOST_CHARS}}),
                &["rule"],
            ),
        }
    }

    fn run(&self, value: &Value, view: &View<'_>) -> Result<Output, ToolError> {
        let Arguments { rule } = arguments(value)?;
        let rule = crate::data::visible(rule.trim());
        if rule.is_empty() || rule.chars().count() > MOST_CHARS {
            return Err(ToolError(format!("a rule has 1 to {MOST_CHARS} characters")));
        }
        let draft = self.0.draft(&rule, view.project).map_err(ToolError::of)?;
        Ok(Output::Text(format!("Proposed as a draft ({}). It counts once the user accepts it.", draft.id)))
    }
}
