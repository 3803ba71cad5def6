//! What must hold for a tokenizer that any bytes describe; the fuzz target `tokenizer` and a property test check it.

use engine::gguf::MetadataBuilder;
use engine::text::{Decoder, Special, TextError, Tokenizer};

/// Four parts with a line `--` between: settings (a line each), tokens, merge rules, and a text to encode. A
/// token's first letter is its type, a score is its place.
pub(crate) fn check(data: &[u8]) -> Result<(), TextError> {
    let description = String::from_utf8_lossy(data);
    let mut parts = description.splitn(4, "\n--\n");
    let mut part = || parts.next().unwrap_or_default();
    let (settings, tokens, merges, text) = (part(), part(), part(), part());

    let mut metadata = MetadataBuilder::new();
    for setting in settings.lines() {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        let key = format!("tokenizer.ggml.{key}");
        match (value.parse::<u32>(), value.parse::<bool>()) {
            (Ok(number), _) => metadata.u32(&key, number),
            (_, Ok(truth)) => metadata.bool(&key, truth),
            _ => metadata.str(&key, value),
        };
    }
    let tokens: Vec<&str> = tokens.lines().collect();
    let kind = |token: &&str| token.bytes().next().map_or(0, |first| i32::from(first) - i32::from(b'0'));
    let name = |token: &&str| token.chars().skip(1).collect::<String>().replace("\\n", "\n");
    metadata.strings("tokenizer.ggml.tokens", &tokens.iter().map(name).collect::<Vec<_>>());
    metadata.i32s("tokenizer.ggml.token_type", &tokens.iter().map(kind).collect::<Vec<_>>());
    metadata
        .f32s("tokenizer.ggml.scores", &(0..tokens.len()).map(|place| -(place as f32)).collect::<Vec<_>>());
    metadata.strings("tokenizer.ggml.merges", &merges.lines().collect::<Vec<_>>());

    let tokenizer = Tokenizer::from_gguf(&metadata.build()?)?;
    let size = tokenizer.vocab_size() as u32;
    for special in [Special::Text, Special::Control] {
        let ids = tokenizer.encode(text, special)?;
        assert!(ids.iter().all(|&id| id < size));
        // A character without a token becomes the unknown token.
        let is_control = |id: u32| tokenizer.is_control(id) && kind(&tokens[id as usize]) != 2;
        assert!(special == Special::Control || !ids.iter().any(|&id| is_control(id)));
        let mut decoder = Decoder::default();
        let streamed: String = ids.iter().map(|&id| decoder.push(&tokenizer, id)).collect();
        let (streamed, whole) = (streamed + &decoder.finish(), tokenizer.decode(&ids, true));
        assert!(streamed == whole || streamed.strip_prefix(' ') == Some(&whole));
    }
    Ok(())
}
