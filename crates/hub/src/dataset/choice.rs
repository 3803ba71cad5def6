//! Which files of a repository hold the rows to train on.

use crate::HubError;
use crate::dataset::source::HubData;
use crate::ids::RelPath;
use crate::repository::Listed;

/// The outcome.
pub(crate) struct Choice<'a> {
    pub(crate) files: Vec<&'a Listed>,
    /// Data files that are of another split or a copy in another format.
    pub(crate) left_out: Vec<String>,
}

/// The forms in which rows are kept. A repository that has several keeps copies, so the first one is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DataKind {
    Lines,
    Array,
    Parquet,
}

/// Files that describe data and hold none.
const DESCRIPTIONS: [&str; 6] = [
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "config.json",
    "metadata.json",
];

/// Parts of file names that tell of a split that must not be trained on.
const OTHER_SPLITS: [&str; 5] = ["test", "valid", "validation", "eval", "dev"];

/// The one file that was asked for; or all of the split for training where names tell the splits apart,
/// in the first form that the repository has.
pub(crate) fn choose<'a>(files: &'a [Listed], source: &HubData) -> Result<Choice<'a>, HubError> {
    if let Some(wanted) = &source.file {
        let file = files.iter().find(|file| file.path == *wanted);
        let file = file.ok_or_else(|| HubError::NotFound { url: source.to_string() })?;
        return Ok(Choice { files: vec![file], left_out: Vec::new() });
    }
    let data: Vec<&Listed> =
        files.iter().filter(|file| file.bytes > 0 && kind(&file.path).is_some()).collect();
    let train: Vec<&Listed> = match data.iter().any(|file| has_word(file, &["train"])) {
        true => data.iter().copied().filter(|file| has_word(file, &["train"])).collect(),
        false => data.iter().copied().filter(|file| !has_word(file, &OTHER_SPLITS)).collect(),
    };
    let first = train.iter().filter_map(|file| kind(&file.path)).min();
    let mut chosen: Vec<&Listed> =
        train.into_iter().filter(|file| first.is_some() && kind(&file.path) == first).collect();
    if chosen.is_empty() {
        return Err(HubError::NoData { source_text: source.to_string() });
    }
    chosen.sort_by(|a, b| a.path.cmp(&b.path));
    let left_out = data.iter().filter(|file| !chosen.iter().any(|taken| taken.path == file.path));
    let left_out = left_out.map(|file| file.path.to_string()).collect();
    Ok(Choice { files: chosen, left_out })
}

/// The form of a data file by its name; `None` for everything else.
pub(crate) fn kind(path: &RelPath) -> Option<DataKind> {
    let name = path.file_name().to_ascii_lowercase();
    if DESCRIPTIONS.contains(&name.as_str()) || path.parts().any(|part| part.starts_with('.')) {
        return None;
    }
    match name.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" => Some(DataKind::Lines),
        "json" => Some(DataKind::Array),
        "parquet" => Some(DataKind::Parquet),
        _ => None,
    }
}

/// Whether the path has one of `words` as a word of its own, as in `data/train-00000-of-00002.parquet`.
fn has_word(file: &Listed, words: &[&str]) -> bool {
    let path = file.path.as_str().to_ascii_lowercase();
    path.split(|c: char| !c.is_ascii_alphabetic()).any(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Checksum, digest_of};

    fn chosen(paths: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let listed = |path: &&str| Listed {
            path: path.parse().unwrap(),
            bytes: 1,
            checksum: Checksum::Sha256(digest_of(b"")),
        };
        let files: Vec<Listed> = paths.iter().map(listed).collect();
        let source = crate::dataset::DataSource::Hub(HubData {
            repo: "a/b".parse().unwrap(),
            file: None,
            revision: crate::resolve::Revision::Name("main".into()),
        });
        let crate::dataset::DataSource::Hub(source) = source else { unreachable!() };
        let choice = choose(&files, &source).ok()?;
        Some((choice.files.iter().map(|file| file.path.to_string()).collect(), choice.left_out))
    }

    #[test]
    fn the_rows_for_training_are_found() {
        let (files, left) = chosen(&[".gitattributes", "README.md", "code_alpaca_20k.json"]).unwrap();
        assert_eq!((files.as_slice(), left.len()), (&["code_alpaca_20k.json".to_owned()][..], 0));

        let parquet = [
            "data/test-00000-of-00001.parquet",
            "data/train-00001-of-00002.parquet",
            "data/train-00000-of-00002.parquet",
            "dataset_infos.json",
        ];
        let (files, left) = chosen(&parquet).unwrap();
        assert_eq!(files, ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]);
        assert_eq!(left, ["data/test-00000-of-00001.parquet"]);

        // Words in a longer name are no splits.
        assert_eq!(chosen(&["latest.jsonl", "eval.jsonl"]).unwrap().0, ["latest.jsonl"]);
        // A copy in another form is left out.
        assert_eq!(chosen(&["train.parquet", "train.jsonl"]).unwrap().0, ["train.jsonl"]);
        assert!(chosen(&["README.md", "a.csv", ".hidden/a.json", "test.json"]).is_none());
        assert!(chosen(&[]).is_none());
    }
}
