//! Where an answer ends because a stop string came.

/// Ends a stream of text at the first stop string, however the text is cut into pieces.
///
/// Text that may be the beginning of a stop string is held back until it is certain. One automaton step a
/// byte and stop string (Knuth, Morris, Pratt), so no text and no stop string makes it slow.
#[derive(Clone, Debug, Default)]
pub struct StopMatcher {
    stops: Vec<Stop>,
    /// Text not given out yet; always the beginning of at least one stop string.
    held: String,
    stopped: bool,
}

/// What one more piece of text led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Text that is certain to belong to the answer; it ends before the stop string.
    pub emit: String,
    /// A stop string was completed: nothing follows.
    pub stopped: bool,
}

#[derive(Clone, Debug)]
struct Stop {
    text: Vec<u8>,
    /// For every length of a match: the length of the longest shorter one with the same end.
    shorter: Vec<usize>,
    matched: usize,
}

impl StopMatcher {
    /// Empty stop strings are ignored: they would end every answer before it began.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Self {
        let stops = stops.iter().map(|stop| stop.as_ref().as_bytes()).filter(|stop| !stop.is_empty());
        StopMatcher { stops: stops.map(Stop::new).collect(), ..StopMatcher::default() }
    }

    /// Takes the next piece of text. The stop string that is completed first ends the stream; of two
    /// completed by the same byte, the longer.
    pub fn push(&mut self, text: &str) -> Step {
        if self.stopped {
            return Step { emit: String::new(), stopped: true };
        }
        let new = self.held.len();
        self.held.push_str(text);
        for at in new..self.held.len() {
            let byte = self.held.as_bytes()[at];
            let ended = self.stops.iter_mut().filter_map(|stop| stop.step(byte)).max();
            if let Some(len) = ended {
                self.stopped = true;
                self.held.truncate(at + 1 - len);
                return Step { emit: std::mem::take(&mut self.held), stopped: true };
            }
        }
        let keep = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        let held = self.held.split_off(self.held.len() - keep);
        Step { emit: std::mem::replace(&mut self.held, held), stopped: false }
    }

    /// The stream has ended: the text that was held back belongs to the answer after all.
    pub fn finish(&mut self) -> String {
        self.stops.iter_mut().for_each(|stop| stop.matched = 0);
        std::mem::take(&mut self.held)
    }
}

impl Stop {
    fn new(text: &[u8]) -> Self {
        let mut stop = Stop { text: text.to_vec(), shorter: vec![0; text.len() + 1], matched: 0 };
        for (at, &byte) in text.iter().enumerate().skip(1) {
            stop.advance(byte);
            stop.shorter[at + 1] = stop.matched;
        }
        stop.matched = 0;
        stop
    }

    fn advance(&mut self, byte: u8) {
        while self.text[self.matched] != byte {
            if self.matched == 0 {
                return;
            }
            self.matched = self.shorter[self.matched];
        }
        self.matched += 1;
    }

    /// Takes one byte of the text; the length of the stop string if this completes it.
    fn step(&mut self, byte: u8) -> Option<usize> {
        self.advance(byte);
        (self.matched == self.text.len()).then_some(self.matched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds the pieces; the text given out, and whether a stop string came.
    fn feed(stops: &[String], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops);
        let mut out = String::new();
        for piece in pieces {
            let step = matcher.push(piece);
            out.push_str(&step.emit);
            if step.stopped {
                assert_eq!(matcher.push("more"), Step { emit: String::new(), stopped: true });
                assert_eq!(matcher.finish(), "");
                return (out, true);
            }
        }
        (out + &matcher.finish(), false)
    }

    #[test]
    fn holds_back_what_may_become_a_stop_string() {
        let mut matcher = StopMatcher::new(&["</code>"]);
        assert_eq!(matcher.push("let x <"), Step { emit: "let x ".into(), stopped: false });
        assert_eq!(matcher.push("/"), Step::default());
        assert_eq!(matcher.push("b> </co"), Step { emit: "</b> ".into(), stopped: false });
        assert_eq!(matcher.push("de> rest"), Step { emit: String::new(), stopped: true });
    }

    #[test]
    fn the_first_completed_wins_and_then_the_longer() {
        let stops = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        assert_eq!(feed(&stops(&["abcd", "bc"]), &["xabcd"]), ("xa".into(), true));
        assert_eq!(feed(&stops(&["cd", "bcd"]), &["xab", "cd"]), ("xa".into(), true));
        assert_eq!(feed(&stops(&["", "\n\n"]), &["a\n", "b\n", "\nc"]), ("a\nb".into(), true));
        assert_eq!(feed(&stops(&["日本"]), &["日", "曜日", "本"]), ("日曜".into(), true));
        assert_eq!(feed(&stops(&["END"]), &["the EN"]), ("the EN".into(), false));
    }

    proptest! {
        /// However the text is cut, the answer is the text before the earliest completed stop string.
        #[test]
        fn equals_a_search_in_the_whole_text(
            stops in prop::collection::vec("[abé]{1,4}", 0..4),
            pieces in prop::collection::vec("[abcé]{0,6}", 0..12),
        ) {
            let whole = pieces.concat();
            let first = stops.iter().filter_map(|s| whole.find(s.as_str()).map(|at| (at + s.len(), at))).min();
            let want = first.map_or((whole.clone(), false), |(_, at)| (whole[..at].to_owned(), true));
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(feed(&stops, &pieces), want);
        }
    }
}
