//! Bytes of tokens become text, while they come.

use super::Tokenizer;

/// Turns a stream of tokens into text. A token may be half a character: what comes out is always valid UTF-8,
/// and U+FFFD only for bytes that no later token can complete. Control tokens have no text.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// Bytes of a character that is not complete.
    pending: Vec<u8>,
    each_byte: bool,
}

impl Decoder {
    /// Takes the next token; returns the text that is certain now.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        let mut text = String::new();
        if !tokenizer.is_control(id) {
            self.each_byte = tokenizer.replaces_each_byte();
            self.pending.extend_from_slice(tokenizer.token_bytes(id));
            take_text(&mut self.pending, self.each_byte, &mut text);
        }
        text
    }

    /// No token follows: an incomplete character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        replacement(self.pending.drain(..).len(), self.each_byte)
    }
}

/// The text of some bytes. Invalid sequences become U+FFFD: one for each, or one for `each_byte`, as
/// SentencePiece does it.
pub(super) fn text_of(mut bytes: Vec<u8>, each_byte: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    take_text(&mut bytes, each_byte, &mut text);
    text + &replacement(bytes.len(), each_byte)
}

/// Moves all that is certain from `bytes` to `text`; the beginning of a character stays.
fn take_text(bytes: &mut Vec<u8>, each_byte: bool, text: &mut String) {
    let mut rest = bytes.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                rest = &[];
                break;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                rest = invalid;
                let Some(len) = error.error_len() else { break };
                text.push_str(&replacement(len, each_byte));
                rest = &rest[len..];
            }
        }
    }
    let done = bytes.len() - rest.len();
    bytes.drain(..done);
}

fn replacement(invalid: usize, each_byte: bool) -> String {
    "\u{fffd}".repeat(if each_byte { invalid } else { invalid.min(1) })
}
