//! Examples of the user's own code: functions by their comments, holes to fill in, and edits out of its history.
//!
//! Who calls gives files with their functions, and edits; nothing is read here. `license` says what may be learned.

mod comment;
mod edits;
mod functions;
pub mod license;

pub use edits::{Edit, edits};

use crate::dataset::{Example, Message, Parts};
use crate::secrets;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A file, with the language that stands behind a fence.
#[derive(Clone, Debug)]
pub struct File {
    /// Below the project's folder.
    pub path: String,
    /// Its language.
    pub language: String,
    /// Its functions.
    pub functions: Vec<Function>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// With the type around it.
    pub name: String,
    /// What stands before the body.
    pub signature: String,
    /// With the comment above it.
    pub text: String,
}

/// What became of code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// A function from what its comment says.
    pub from_comments: usize,
    /// Lines to fill in.
    pub holes: usize,
    /// Changes from what their commit says.
    pub edits: usize,
    /// Left out because a secret is in them.
    pub secrets: usize,
}

/// Every tenth file validates, with all that is made of it.
const HELD: u64 = 10;

/// The examples of files and edits. What is made of one file is all on one side.
pub fn build(files: &[File], edits: &[Edit]) -> (Parts, Counts) {
    let (mut parts, mut counts) = (Parts::default(), Counts::default());
    let mut paths: BTreeMap<&str, bool> = BTreeMap::new();
    let mut add = |path, pair: Option<(String, String)>, count: fn(&mut Counts) -> &mut usize| {
        let Some((question, answer)) = pair else { return };
        if !secrets::find(&question).is_empty() || !secrets::find(&answer).is_empty() {
            counts.secrets += 1;
            return;
        }
        *count(&mut counts) += 1;
        let said = |role: &str, content| Message { role: role.into(), content };
        let example = Example::new(vec![said("user", question), said("assistant", answer)]);
        let held = *paths.entry(path).or_insert_with(|| is_held(path));
        if held { parts.valid.push(example) } else { parts.train.push(example) }
    };
    for file in files {
        for function in &file.functions {
            add(&file.path, functions::from_comment(file, function), |counts| &mut counts.from_comments);
            add(&file.path, functions::hole(file, function), |counts| &mut counts.holes);
        }
    }
    for edit in edits {
        add(&edit.path, edits::pair(edit), |counts| &mut counts.edits);
    }
    (parts, counts)
}

/// By the path alone: a file that is held back today is held back tomorrow.
fn is_held(path: &str) -> bool {
    let hash = Sha256::digest(path.as_bytes());
    u64::from_le_bytes(hash[..8].try_into().expect("eight bytes")) % HELD == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: String, body: &str) -> File {
        let text = format!(
            "/// Adds one to the number {path} and gives the sum back.\nfn add(a: u8) -> u8 {{\n{body}}}\n"
        );
        let (name, signature) = ("add".into(), "fn add(a: u8) -> u8".into());
        File { path, language: "rust".into(), functions: vec![Function { name, signature, text }] }
    }

    #[test]
    fn a_file_is_on_one_side_with_everything_made_of_it() {
        let body = "    let b = a;\n    let c = b + 1;\n    let d = c;\n    log(d);\n    d\n";
        let files: Vec<File> = (0..100).map(|n| file(format!("src/f{n}.rs"), body)).collect();
        let (parts, counts) = build(&files, &[]);
        assert_eq!((counts.from_comments, counts.secrets), (100, 0));
        assert!((90..=100).contains(&counts.holes), "a hole of one letter is none: {counts:?}");
        assert!((4..40).contains(&parts.valid.len()), "{}", parts.valid.len());
        let of =
            |examples: &[Example]| examples.iter().map(|e| e.messages[0].content.clone()).collect::<Vec<_>>();
        let (train, valid) = (of(&parts.train), of(&parts.valid));
        for file in &files {
            let names = |texts: &[String]| texts.iter().any(|text| text.contains(&file.path));
            assert!(names(&train) != names(&valid), "{}", file.path);
        }
    }

    #[test]
    fn code_with_a_secret_is_left_out() {
        let body = "    let key = \"ghp_Zk3mQ8vXw2Lr7Tn5Yb1Hs9Dc4Fg6Jp0aUeiO\";\n    let b = a;\n    let c = b;\n    send(key, c);\n    c\n";
        let (parts, counts) = build(&[file("a.rs".into(), body)], &[]);
        assert_eq!((counts.secrets, parts.train.len() + parts.valid.len()), (2, 0));
    }
}
