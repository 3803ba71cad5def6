//! What to do with a message: intent, context, tools, answer.

pub mod intent;
