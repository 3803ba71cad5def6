//! Marks in messages that spell control tokens.

use super::template::Message;
use super::{TextError, Tokenizer};
use std::collections::HashSet;

/// Keeps a template's control tokens apart from text that spells the same: see
/// [`ChatTemplate`](super::ChatTemplate).
#[derive(Debug)]
pub(super) struct Marks {
    mark: char,
}

impl Marks {
    /// Chooses a mark that occurs neither in the messages nor in the template nor in the tools nor in a control token.
    pub(super) fn new(
        tokenizer: &Tokenizer,
        template: &str,
        messages: &[Message],
        tools: &str,
    ) -> Result<Self, TextError> {
        let contents = messages.iter().map(|message| message.content.as_str());
        let texts = contents.chain(tokenizer.spelled()).chain([template, tools]);
        let used: HashSet<char> = texts.flat_map(str::chars).filter(|&c| is_private_use(c)).collect();
        let mark = private_use().find(|c| !used.contains(c)).ok_or(TextError::NoMarker)?;
        Ok(Marks { mark })
    }

    pub(super) fn mark(&self) -> char {
        self.mark
    }

    /// `content` with the mark in every control token that it spells, and at either end that could be completed
    /// to one by the text around it. Space at the ends stays there, for templates that trim.
    pub(super) fn guard(&self, tokenizer: &Tokenizer, content: &str) -> String {
        let core = content.trim();
        let at = content.len() - content.trim_start().len();
        let (before, after) = (&content[..at], &content[at + core.len()..]);
        let mut guarded = String::from(before);
        if !core.is_empty()
            && tokenizer.spelled().any(|token| proper_suffixes(token).any(|s| core.starts_with(s)))
        {
            guarded.push(self.mark);
        }
        let mut done = 0;
        while let Some(start) = tokenizer.next_spelled(core, done) {
            let inside = start + core[start..].chars().next().map_or(1, char::len_utf8);
            guarded.push_str(&core[done..inside]);
            guarded.push(self.mark);
            done = inside;
        }
        guarded.push_str(&core[done..]);
        if !core.is_empty()
            && tokenizer.spelled().any(|token| proper_prefixes(token).any(|p| core.ends_with(p)))
        {
            guarded.push(self.mark);
        }
        guarded + after
    }
}

/// The characters that Unicode leaves to anyone.
fn private_use() -> impl Iterator<Item = char> {
    ('\u{e000}'..='\u{f8ff}').chain('\u{f0000}'..='\u{ffffd}')
}

fn is_private_use(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}')
}

fn proper_prefixes(token: &str) -> impl Iterator<Item = &str> {
    token.char_indices().skip(1).map(|(at, _)| &token[..at])
}

fn proper_suffixes(token: &str) -> impl Iterator<Item = &str> {
    token.char_indices().skip(1).map(|(at, _)| &token[at..])
}
