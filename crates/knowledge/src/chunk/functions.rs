//! The functions of a file, each by itself.

use super::languages::{Kind, Language};
use super::outline::{Definition, outline};
use super::{Chunk, guard};

/// The functions of a file with the comments above them, in order; those of types too. None in a language without
/// functions, and in a file that cannot be parsed.
pub fn functions(path: &str, text: &str) -> Vec<Chunk> {
    let Some(language) = Language::of(path).filter(|language| guard::admits(language.name, text)) else {
        return Vec::new();
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut found = Vec::new();
    let mut waiting = outline(language, text).unwrap_or_default();
    waiting.reverse();
    while let Some(Definition { lines: (first, end), kind, name, signature, inner }) = waiting.pop() {
        if kind == Kind::Function {
            let text = lines.get(first..end.min(lines.len())).unwrap_or_default().concat();
            let lines = (first as u32 + 1, end as u32);
            found.push(Chunk { lines, kind: kind.name(), name: Some(name), signature, text });
        }
        waiting.extend(inner.into_iter().rev());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_with_their_comments() {
        let text = "use a;\n\n/// Adds.\nfn add(a: u8) -> u8 {\n    a + 1\n}\n\nimpl T {\n    // Takes.\n    fn take(&self) {}\n}\n";
        let found = functions("a.rs", text);
        let told: Vec<_> =
            found.iter().map(|f| (f.name.as_deref().unwrap(), f.lines, f.text.as_str())).collect();
        assert_eq!(told[0], ("add", (3, 6), "/// Adds.\nfn add(a: u8) -> u8 {\n    a + 1\n}\n"));
        assert_eq!(told[1], ("T::take", (9, 10), "    // Takes.\n    fn take(&self) {}\n"));
        assert!(functions("a.txt", text).is_empty());
    }
}
