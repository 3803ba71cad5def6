//! The index: words that are everywhere, and the count of what has no vector.

use store::index::{Change, FileRow, Index, NewPassage};

/// An index of one file, with a passage for each text.
fn index(texts: &[String]) -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("index.db")).unwrap();
    let root = index.add_root("/project", 1).unwrap();
    let file = FileRow { path: "a.txt".into(), hash: [1; 32], mtime: 1, size: 1, language: "text".into() };
    index.apply(root, &[Change::Put(file, texts.iter().map(|text| passage(text)).collect())]).unwrap();
    (folder, index)
}

fn passage(text: &str) -> NewPassage {
    NewPassage {
        first: 1,
        last: 1,
        kind: "lines".into(),
        name: None,
        signature: None,
        text: text.into(),
        words: [String::new(), String::new(), text.into()],
        digest: [0; 16],
    }
}

#[test]
fn a_word_that_is_everywhere_counts_only_where_there_is_no_other() {
    let mut texts = vec!["common".to_string(); 5_001];
    texts.push("common rare".into());
    texts.push("rare".into());
    let (_folder, index) = index(&texts);
    let find = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        index.by_words(&words, None, 10).unwrap()
    };
    let rare = find(&["rare"]);
    assert_eq!(rare.len(), 2);
    assert_eq!(find(&["common", "rare"]), rare);
    assert_eq!(find(&["common", "absent"]).len(), 10);
    assert_eq!(find(&["common"]).len(), 10);
}

#[test]
fn the_count_of_what_has_no_vector_follows_the_index() {
    let (_folder, index) = index(&["one".to_string(), "two".to_string()]);
    assert_eq!(index.without_vector(None).unwrap(), 2);
    let ids: Vec<i64> = index.by_words(&["one".to_string()], None, 1).unwrap();
    index.put_vectors(&[(ids[0], vec![0; 4])]).unwrap();
    assert_eq!(index.without_vector(None).unwrap(), 1);
}
