//! Nobody: for turns that need no model.

use super::{Cancel, End, Heard, Model, ModelError, Prompt};

/// Answers nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoModel;

impl Model for NoModel {
    fn name(&self) -> &str {
        "none"
    }

    fn window(&self) -> usize {
        0
    }

    fn count(&self, text: &str) -> usize {
        text.len()
    }

    fn ask(&self, _: &Prompt, _: &Cancel, _: &mut dyn FnMut(Heard)) -> Result<End, ModelError> {
        Err(ModelError::Unreachable("there is no model".to_owned()))
    }
}
