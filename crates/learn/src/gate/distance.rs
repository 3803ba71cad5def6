//! How much must a text be edited to become another? Levenshtein's distance, as a share of the longer one.

/// Characters that are compared; more of them are cut off.
const LONGEST: usize = 4000;

/// 0 where both are the same, 1 where nothing is.
pub fn distance(from: &str, to: &str) -> f64 {
    let chars = |text: &str| text.trim().chars().take(LONGEST).collect::<Vec<char>>();
    let (a, b) = (chars(from), chars(to));
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 0.0;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()] as f64 / longest as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_the_published_ones() {
        // Wagner and Fischer's examples.
        assert_eq!(distance("kitten", "sitting"), 3.0 / 7.0);
        assert_eq!(distance("Saturday", "Sunday"), 3.0 / 8.0);
        assert_eq!((distance("", ""), distance("abc", ""), distance(" x ", "x")), (0.0, 1.0, 0.0));
    }
}
