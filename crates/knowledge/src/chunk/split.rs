//! Lines of a text, and large ranges of them in parts.

use crate::words::char_boundary;

/// Most bytes of a passage.
pub(super) const LARGEST: usize = 1800;

/// A text with the places where its lines begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The byte where each line begins, and the end of the text.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        Lines { text, starts }
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn bytes(&self, (from, to): (usize, usize)) -> usize {
        self.starts[to] - self.starts[from]
    }

    /// The text of a range of lines, without the last line end.
    pub(super) fn text(&self, (from, to): (usize, usize)) -> &'a str {
        self.text[self.starts[from]..self.starts[to]].trim_end_matches(['\n', '\r'])
    }

    /// The range without blank lines at its ends; nothing if all are blank.
    pub(super) fn trim(&self, (mut from, mut to): (usize, usize)) -> Option<(usize, usize)> {
        let blank = |line: usize| self.text((line, line + 1)).trim().is_empty();
        while from < to && blank(from) {
            from += 1;
        }
        while from < to && blank(to - 1) {
            to -= 1;
        }
        (from < to).then_some((from, to))
    }

    /// The range in parts of at most `most` bytes, cut where the text has its widest gaps: before a heading or a line
    /// with little indentation, after a blank line. A line that is longer by itself is cut between characters.
    pub(super) fn split(&self, range: (usize, usize), most: usize) -> Vec<((usize, usize), &'a str)> {
        let mut parts = Vec::new();
        let mut rest = self.trim(range);
        while let Some((from, to)) = rest {
            if self.bytes((from, to)) <= most {
                parts.push(((from, to), self.text((from, to))));
                break;
            }
            let fitting = (from + 1..to).take_while(|end| self.bytes((from, *end)) <= most).last();
            match fitting {
                Some(last) => {
                    let earliest = (from + 1..=last).find(|end| self.bytes((from, *end)) * 2 >= most);
                    let end = self.best_cut(earliest.unwrap_or(last), last);
                    parts.extend(self.trim((from, end)).map(|range| (range, self.text(range))));
                    rest = self.trim((end, to));
                }
                None => {
                    let line = (from, from + 1);
                    parts.extend(slices(self.text(line), most).into_iter().map(|text| (line, text)));
                    rest = self.trim((from + 1, to));
                }
            }
        }
        parts
    }

    /// The best line between two (both may be taken) to begin a new part with.
    fn best_cut(&self, earliest: usize, latest: usize) -> usize {
        let cost = |line: usize| {
            let here = self.text((line, line + 1));
            let blank_before = self.text((line - 1, line)).trim().is_empty();
            let indent = here.len() - here.trim_start().len();
            let closes = here.trim_start().starts_with(['}', ')', ']']);
            (!blank_before as usize * 4 + indent + closes as usize * 8, std::cmp::Reverse(line))
        };
        (earliest..=latest).min_by_key(|line| cost(*line)).unwrap_or(latest)
    }
}

/// A text in slices of at most `most` bytes, cut between characters.
fn slices(text: &str, most: usize) -> Vec<&str> {
    let mut slices = Vec::new();
    let mut rest = text;
    while rest.len() > most {
        let (slice, after) = rest.split_at(char_boundary(rest, most));
        slices.push(slice);
        rest = after;
    }
    slices.push(rest);
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_with_and_without_a_last_line_end() {
        for (text, count) in [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("a\n\n", 2), ("\n", 1)] {
            assert_eq!(Lines::new(text).count(), count, "{text:?}");
        }
    }

    #[test]
    fn large_ranges_are_cut_at_blank_lines() {
        let text = "aaaa\nbbbb\n\ncccc\ndddd\n";
        let lines = Lines::new(text);
        let parts = lines.split((0, lines.count()), 16);
        assert_eq!(parts, [((0, 2), "aaaa\nbbbb"), ((3, 5), "cccc\ndddd")]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let text = "ab\n".to_owned() + &"é".repeat(10) + "\nend\n";
        let lines = Lines::new(&text);
        let parts = lines.split((0, lines.count()), 7);
        let texts: Vec<&str> = parts.iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, ["ab", "ééé", "ééé", "ééé", "é", "end"]);
        assert_eq!(parts[2].0, (1, 2));
    }
}
