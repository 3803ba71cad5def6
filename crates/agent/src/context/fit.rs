//! The filling of a window, part by part.

use super::{AROUND, Part, SHARES, tokens};
use crate::data;
use crate::event::LeftOut;
use crate::model::{Message, Model, Role};
use crate::seam::Rule;
use crate::source::Found;

/// The filling of the room.
pub(super) struct Fit<'m> {
    pub(super) model: &'m dyn Model,
    /// Tokens that nobody has yet.
    pub(super) free: usize,
    /// Tokens that are shared.
    pub(super) room: usize,
    pub(super) left_out: LeftOut,
}

impl Fit<'_> {
    /// Tokens that a part may take: its share, and what those before it left of theirs.
    fn budget(&self, part: Part) -> usize {
        let later = SHARES.iter().skip_while(|(other, _)| *other != part).skip(1);
        let later: usize = later.map(|(_, percent)| percent).sum();
        self.free.saturating_sub(self.room * later / 100)
    }

    /// As many of `texts` as fit, from the first on; of a first one that does not, its beginning.
    fn texts(&mut self, part: Part, texts: impl Iterator<Item = String>) -> Vec<String> {
        let mut budget = self.budget(part);
        let mut kept: Vec<String> = Vec::new();
        for text in texts {
            let tokens = self.model.count(&text) + AROUND;
            if tokens > budget {
                let text = cut(&text, budget.saturating_sub(AROUND), self.model);
                if kept.is_empty() && !text.is_empty() {
                    self.left_out.cut += 1;
                    self.free -= (self.model.count(&text) + AROUND).min(self.free);
                    kept.push(text + "…");
                }
                break;
            }
            budget -= tokens;
            self.free -= tokens;
            kept.push(text);
        }
        kept
    }

    pub(super) fn rules(&mut self, mut rules: Vec<Rule>) -> Vec<Rule> {
        let texts = self.texts(Part::Rules, rules.iter().map(|rule| rule.text.clone()));
        self.left_out.rules = rules.len() - texts.len();
        rules.truncate(texts.len());
        rules.iter_mut().zip(texts).for_each(|(rule, text)| rule.text = text);
        rules
    }

    pub(super) fn found(&mut self, part: Part, mut found: Vec<Found>) -> Vec<Found> {
        // The block's marks, place and title take room too.
        let around = |found: &Found| data::block(&Found { text: String::new(), ..found.clone() });
        let blocks: Vec<String> = found.iter().map(around).collect();
        let marks: Vec<usize> = blocks.iter().map(|block| self.model.count(block)).collect();
        let budget = self.free;
        let mut spent = 0;
        let room = marks.iter().take_while(|&&tokens| {
            spent += tokens;
            spent <= budget / 2
        });
        let most = room.count();
        self.free -= marks[..most].iter().sum::<usize>();
        let texts = self.texts(part, found[..most].iter().map(|found| found.text.clone()));
        self.free += marks[texts.len()..most].iter().sum::<usize>();
        let gone = found.len() - texts.len();
        if part == Part::Web {
            self.left_out.web = gone
        } else {
            self.left_out.passages = gone
        }
        found.truncate(texts.len());
        found.iter_mut().zip(texts).for_each(|(found, text)| found.text = text);
        found
    }

    /// The newest exchanges that fit, whole ones.
    pub(super) fn history<'h>(&mut self, history: &'h [Message]) -> Vec<&'h Message> {
        let history: Vec<&Message> = history.iter().filter(|message| message.role != Role::System).collect();
        let mut budget = self.budget(Part::History);
        let mut from = history.len();
        for start in (0..history.len()).rev().filter(|&at| history[at].role == Role::User) {
            let tokens: usize = history[start..from].iter().map(|message| tokens(message, self.model)).sum();
            if tokens > budget {
                break;
            }
            budget -= tokens;
            from = start;
        }
        self.left_out.history = from;
        history[from..].to_vec()
    }
}

/// The beginning of a text, in whole lines where there are some, of at most so many tokens.
pub(super) fn cut(text: &str, most: usize, model: &dyn Model) -> String {
    if model.count(text) <= most {
        return text.to_owned();
    }
    let (mut low, mut high) = (0, text.len());
    while low + 1 < high {
        let middle = low.midpoint(high);
        let at = boundary(text, middle);
        if model.count(&text[..at]) <= most { low = middle } else { high = middle }
    }
    let beginning = &text[..boundary(text, low)];
    let line = beginning.rfind('\n').filter(|&at| at * 2 > beginning.len());
    beginning[..line.unwrap_or(beginning.len())].to_owned()
}

/// The last place at or before `at` where a text may be cut.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
