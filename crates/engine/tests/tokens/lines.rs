//! Lines of text with the tokens that another tokenizer gives them: what `reference.py` wrote.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![allow(dead_code, reason = "every test file uses its own part")]

use engine::gguf::{Gguf, Metadata, Strings};
use engine::text::{Special, Tokenizer};
use std::path::{Path, PathBuf};

/// A vocabulary, and what another tokenizer made of some lines: see `tokens/reference.py`.
pub(crate) struct Reference {
    pub(crate) metadata: Metadata,
    pub(crate) tokenizer: Tokenizer,
}

impl Reference {
    pub(crate) fn open(path: &Path) -> Reference {
        let metadata = Gguf::open(path).unwrap().metadata().clone();
        let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
        Reference { metadata, tokenizer }
    }

    pub(crate) fn tiny(name: &str) -> Reference {
        Reference::open(&folder().join(format!("{name}.gguf")))
    }

    pub(crate) fn strings(&self, key: &str) -> Vec<&str> {
        self.metadata.require::<Strings<'_>>(key).unwrap().collect()
    }

    pub(crate) fn lists(&self, key: &str) -> Vec<Vec<u32>> {
        let flat: Vec<u32> = self.metadata.require(key).unwrap();
        let lengths: Vec<u32> = self.metadata.require(&format!("{key}_len")).unwrap();
        let mut rest = flat.as_slice();
        let lists = lengths.iter().map(|&len| rest.split_off(..len as usize).unwrap().to_vec()).collect();
        assert!(rest.is_empty());
        lists
    }

    /// Compares everything that the file holds; returns the number of lines.
    pub(crate) fn compare(&self) -> usize {
        self.compare_with(&self.tokenizer)
    }

    /// The same for a tokenizer from elsewhere.
    pub(crate) fn compare_with(&self, tokenizer: &Tokenizer) -> usize {
        let lines = self.strings("reference.lines");
        for (key, special) in [("text", Special::Text), ("control", Special::Control)] {
            let expected = self.lists(&format!("reference.{key}"));
            assert_eq!(expected.len(), lines.len());
            for (line, expected) in lines.iter().zip(expected) {
                let found = tokenizer.encode(line, special).unwrap();
                assert_eq!(found, expected, "{special:?} {line:?}");
            }
        }
        let decoded = self.strings("reference.decoded").into_iter().zip(self.strings("reference.skipped"));
        for (ids, (decoded, skipped)) in self.lists("reference.ids").iter().zip(decoded) {
            assert_eq!(tokenizer.decode(ids, false), decoded, "{ids:?}");
            assert_eq!(tokenizer.decode(ids, true), skipped, "{ids:?}");
        }
        lines.len()
    }

    pub(crate) fn id(&self, token: &str) -> u32 {
        self.strings("tokenizer.ggml.tokens").iter().position(|other| *other == token).unwrap() as u32
    }
}

/// Where the references are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens")
}
