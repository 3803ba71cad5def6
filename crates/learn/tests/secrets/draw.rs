//! Random text of given alphabets, the same for a seed (SplitMix64).

pub(crate) const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub(crate) const HEX: &str = "0123456789abcdef";
pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
pub(crate) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const UPPER32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(crate) const LOWNUM: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const DIGITS: &str = "0123456789";

pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Draw {
        Draw(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }

    pub(crate) fn one<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    pub(crate) fn uuid(&mut self) -> String {
        let parts = [8, 4, 4, 4, 12].map(|n| self.of(HEX, n));
        parts.join("-")
    }

    /// As people think of them.
    pub(crate) fn password(&mut self) -> String {
        let word = ["Sommer", "winter", "Monkey", "dragon", "Falcon", "purple", "coffee", "Tango"];
        let (a, b) = (self.one(&word), self.one(&word));
        let n = self.of(DIGITS, 2 + self.0 as usize % 3);
        let sign = self.one(&["!", "#", "$", "_", ".", "*", ""]);
        match self.below(3) {
            0 => format!("{a}{n}{sign}"),
            1 => format!("{a}{sign}{b}{n}"),
            _ => self.of("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789!#%*", 12) + "7q",
        }
    }

    /// A sentence or line of code around a token that nothing announces.
    pub(crate) fn around(&mut self, token: &str) -> String {
        match self.below(5) {
            0 => format!("why does {token} not work?"),
            1 => format!("I get 401 with {token} since yesterday"),
            2 => format!("client = Client(\"{token}\")"),
            3 => format!("export const CLIENT = new Api('{token}');"),
            _ => format!("  - {token}"),
        }
    }
}
