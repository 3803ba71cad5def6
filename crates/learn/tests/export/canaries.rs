//! 200 secrets in chats: none of them in what an export writes or says.

use crate::kept::kept;
use crate::planted::{base64, canaries, found, plant, writings};

#[test]
fn none_of_200_planted_secrets_is_in_a_set() {
    let kept = kept();
    let canaries = canaries(7);
    for (n, secret) in canaries.iter().enumerate() {
        plant(&kept, n, secret);
        kept.pair(&format!("what is {n}?"), &format!("That is the number {n}, of course."));
    }
    let export = kept.export();
    let folder = kept.home.path().join("datasets/mine");
    export.write(&folder, "mine").unwrap();
    assert!(export.kept().count() > 200, "the harmless ones are there");
    let mut text =
        serde_json::to_string(&export.lines()).unwrap() + &serde_json::to_string(&export.counts()).unwrap();
    for file in std::fs::read_dir(&folder).unwrap() {
        text += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let found = found(&canaries, &text);
    println!("{} of {} planted secrets found in the set or its report", found.len(), canaries.len());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_search_for_canaries_finds_them_in_any_writing() {
    assert_eq!((base64("Man"), base64("Ma"), base64("M")), ("TWFu".into(), "TWE=".into(), "TQ==".into()));
    let secret = "ghp_aB3dE5gH7jK9mN1pQ2sT4vW6yZ8";
    for text in
        [secret.to_owned(), base64(secret), base64(&format!("x{secret}y")), base64(&format!("xy{secret}!"))]
    {
        assert!(writings(secret).iter().any(|form| text.contains(form)), "{text}");
    }
}
