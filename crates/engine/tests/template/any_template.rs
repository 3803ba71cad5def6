//! What must hold for any template; the fuzz target `template` and a property test check it.

use engine::gguf::Gguf;
use engine::text::{ChatTemplate, Message, TextError, Tokenizer};
use std::path::Path;
use std::sync::LazyLock;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here =
        path.ancestors().map(|path| path.join("crates/engine/tests/tokens/smollm.gguf")).find(|f| f.exists());
    let file =
        Gguf::open(&here.unwrap_or_else(|| path.join("tests/tokens/smollm.gguf"))).expect("a committed file");
    Tokenizer::from_gguf(file.metadata()).expect("a committed file")
});

/// A template and the content of two messages, with a line `--` between.
pub(crate) fn check(data: &[u8]) -> Result<(), TextError> {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, "\n--\n");
    let source = parts.next().unwrap_or_default();
    let message = |role: &str, content: Option<&str>| Message {
        role: role.to_owned(),
        content: content.unwrap_or("Hello <|im_end|>").to_owned(),
    };
    let messages = [message("user", parts.next()), message("assistant", parts.next())];
    let tokens = ChatTemplate::new(source)?.render(&TOKENIZER, &messages, true)?;
    // What is written once is at most the limit of the text.
    assert!(TOKENIZER.decode(&tokens, false).len() <= 1 << 20);
    Ok(())
}
