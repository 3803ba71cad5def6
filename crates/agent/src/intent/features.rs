//! A message as numbers: its embedding, which words and pairs of words it has, and what they say.

use super::lexicon;

/// Places that words and pairs are hashed to.
const BUCKETS: usize = 2048;

/// Words of a message that count: what is asked stands at its beginning, and a pasted file may follow.
const WORDS: usize = 64;

/// The numbers of one message: all that is not zero.
#[derive(Clone, Debug)]
pub(super) struct Features {
    /// Unit length.
    pub(super) vector: Vec<f32>,
    /// Bucket and weight, as a whole of unit length.
    pub(super) words: Vec<(u32, f32)>,
    /// See `lexicon`.
    pub(super) signs: Vec<f32>,
    /// Square of its length.
    pub(super) square: f32,
}

impl Features {
    pub(super) fn new(text: &str, vector: Vec<f32>) -> Features {
        let words = words(text);
        let mut features =
            Features { vector, signs: lexicon::features(text, &words), words: weights(&words), square: 0.0 };
        features.square = features.dot(&features);
        features
    }

    /// The product of all numbers of both.
    pub(super) fn dot(&self, other: &Features) -> f32 {
        self.cosine(other) + lanes(&self.signs, &other.signs) + common(&self.words, &other.words)
    }

    /// How near the meanings are: the cosine of the vectors.
    pub(super) fn cosine(&self, other: &Features) -> f32 {
        lanes(&self.vector, &other.vector)
    }
}

/// `Σ a · b` in eight sums, which the compiler can compute at once.
fn lanes(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The product of two lists that are sorted by bucket.
fn common(mut a: &[(u32, f32)], mut b: &[(u32, f32)]) -> f32 {
    let mut sum = 0.0;
    while let ([(at, x), a_rest @ ..], [(bt, y), b_rest @ ..]) = (a, b) {
        if at == bt {
            sum += x * y;
        }
        (a, b) = (if at <= bt { a_rest } else { a }, if bt <= at { b_rest } else { b });
    }
    sum
}

fn weights(words: &[String]) -> Vec<(u32, f32)> {
    let mut hashes: Vec<u32> = words.iter().map(|word| bucket(std::slice::from_ref(word))).collect();
    let edges = std::iter::once("^").chain(words.iter().map(String::as_str)).chain(["$"]);
    let all: Vec<&str> = edges.collect();
    hashes.extend(all.windows(2).map(bucket));
    hashes.sort_unstable();
    let mut weights: Vec<(u32, f32)> = Vec::new();
    for same in hashes.chunk_by(|a, b| a == b) {
        weights.push((same[0], (same.len() as f32).sqrt()));
    }
    let length = weights.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
    weights.iter_mut().for_each(|(_, w)| *w /= length);
    weights
}

/// Runs of letters and of digits; everything else that is no space stands alone.
fn words(text: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Letter,
        Digit,
        Other,
    }
    let mut words: Vec<String> = Vec::new();
    let mut last = Kind::Other;
    for c in text.chars().flat_map(char::to_lowercase) {
        let kind = match c {
            c if c.is_alphabetic() => Kind::Letter,
            c if c.is_ascii_digit() => Kind::Digit,
            _ => Kind::Other,
        };
        if kind == last && kind != Kind::Other {
            // A word of a hostile length counts with its beginning.
            if let Some(word) = words.last_mut().filter(|word| word.len() < 64) {
                word.push(c);
            }
        } else if !c.is_whitespace() {
            if words.len() == WORDS {
                break;
            }
            words.push(c.to_string());
        }
        last = kind;
    }
    words
}

/// FNV-1a of the words with a space between.
fn bucket<S: AsRef<str>>(words: &[S]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (n, word) in words.iter().enumerate() {
        let space: &[u8] = if n > 0 { b" " } else { b"" };
        for byte in space.iter().chain(word.as_ref().as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    (hash % BUCKETS as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_digits_and_signs() {
        assert_eq!(words("Fix x1: naïve\n (2x)"), ["fix", "x", "1", ":", "naïve", "(", "2", "x", ")"]);
        assert_eq!(words("a ").len(), 1);
        assert_eq!(words(&"a ".repeat(1000)).len(), WORDS);
    }

    #[test]
    fn weights_have_unit_length_and_the_empty_message_too() {
        for text in ["", "a", "a a a b", &"x".repeat(1 << 20)] {
            let length: f32 = weights(&words(text)).iter().map(|(_, w)| w * w).sum();
            assert!((length - 1.0).abs() < 1e-5, "{text}: {length}");
        }
    }
}
