//! What a text names of the indexed folders: functions, types and files.

use crate::index::{Knowledge, KnowledgeError};
use crate::rules::files_named;
use crate::words::{is_identifier, words};
use std::path::Path;

/// Names of a text that are looked up.
const MOST: usize = 32;

impl Knowledge {
    /// Whether a text names a function, a type or a file that is in the index, in any spelling of its words; in the
    /// folder that holds `project` if it is given. One plain word is no name: `print` may be anybody's.
    pub fn names(&self, text: &str, project: Option<&Path>) -> Result<bool, KnowledgeError> {
        match project.map(|path| self.folder_of(path)).transpose()? {
            Some(None) => Ok(false),
            root => Ok(!self.named(text, root.flatten().map(|(id, _)| id), 1)?.is_empty()),
        }
    }

    /// Passages of what a text names, best first; of one root if it is given.
    pub(crate) fn named(
        &self,
        text: &str,
        root: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, KnowledgeError> {
        let phrase = |name: &str| words(name).join(" ");
        let names: Vec<String> = identifiers(text).take(MOST).map(phrase).collect();
        let paths: Vec<String> = files_named(text).iter().take(MOST).map(|path| phrase(path)).collect();
        Ok(self.index.named(&names, &paths, root, count)?)
    }
}

/// Words that only code has: `snake_case`, `camelCase`, `Type::method` and its parts.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    words.map(|word| word.trim_matches([':', '_'])).flat_map(|word| {
        let whole = Some(word).filter(|word| word.contains("::"));
        whole.into_iter().chain(word.split("::").filter(|part| is_identifier(part)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_told_from_words() {
        let found = |text| identifiers(text).collect::<Vec<_>>();
        assert_eq!(
            found(
                "What does `zebra_tariff` do in Turn::judge, parseHttp(x) or HTTPServer? _private_one: yes."
            ),
            ["zebra_tariff", "Turn::judge", "parseHttp", "HTTPServer", "private_one"]
        );
        assert_eq!(found("JsonReader::read, a note:"), ["JsonReader::read", "JsonReader"]);
        let prose = "A plain Question: is sha256, utf8 or Python3 at 10:30 an e.g.? __init__ x_1";
        assert_eq!(found(prose), [""; 0]);
    }
}
