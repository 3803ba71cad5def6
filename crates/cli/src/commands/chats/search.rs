//! `hone chats search`.

use crate::flags::ChatsSearch;
use crate::output::{self, harmless};
use std::io::stdout;
use store::{Found, Store};

pub(super) fn run(store: &Store, flags: &ChatsSearch) -> anyhow::Result<()> {
    let found = store.chats().search(&flags.text.join(" "), flags.limit)?;
    if flags.json {
        return output::print_json(&found);
    }
    if found.is_empty() {
        eprintln!("no message holds all these words");
    }
    let colour = output::colour(&stdout());
    for found in found {
        let line = format!("{} · {} · {}: ", found.chat.short(), found.title, found.role);
        output::print(&format!("{}{}\n", harmless(&line), marked(&found.snippet, colour)))?;
    }
    Ok(())
}

/// One line, the words that match in bold where that is welcome.
fn marked(snippet: &str, colour: bool) -> String {
    let [open, close] = Found::MARKS;
    let (on, off) = if colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    // Marks are control characters: what is harmless holds none of them, so it is made harmless between them.
    let mut line = String::new();
    for piece in snippet.split_inclusive([open, close]) {
        let text = piece.trim_end_matches([open, close]);
        line += &harmless(text).replace(['\n', '\t'], " ");
        line += match piece.chars().last() {
            Some(c) if c == open => on,
            Some(c) if c == close => off,
            _ => "",
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn only_our_own_codes_reach_the_terminal() {
        let snippet = "a\n\u{1b}[31m \u{2}word\u{3} b";
        assert_eq!(marked(snippet, true), "a \u{fffd}[31m \u{1b}[1mword\u{1b}[0m b");
        assert_eq!(marked(snippet, false), "a \u{fffd}[31m word b");
    }
}
