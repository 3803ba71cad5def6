//! What a text names of the index.

use crate::support::{Fixture, add};

#[test]
fn names_of_functions_types_and_files_are_known_and_no_others() {
    let fixture = Fixture::new(&[
        ("src/net/retry.rs", "pub fn backoff_delay(attempt: u32) -> u64 {\n    unwrap_all(attempt)\n}\n"),
        (
            "src/parse.py",
            "class JsonReader:\n    def readValue(self):\n        print(self.text)\n\ndef print(x):\n    pass\n",
        ),
        ("docs/guide.md", "# On GitHub\n\nSee there.\n"),
    ]);
    let knowledge = fixture.knowledge();
    let named = |text: &str| knowledge.names(text, None).unwrap();
    assert!(!named("backoff_delay"), "nothing is indexed");
    add(&knowledge, &fixture.root());
    for text in [
        "What does backoff_delay do?",
        "why is `backoffDelay(3)` so long",
        "JsonReader: what is it for?",
        "Explain JsonReader::readValue.",
        "What is in src/net/retry.rs?",
        "and in guide.md, please",
    ] {
        assert!(named(text), "{text}");
    }
    for text in [
        "What does unwrap_all do?", // used, and defined by somebody else
        "What does `print` do?",    // one plain word
        "How do I use GitHub?",     // a heading is no name
        "a delay and a backoff",    // words, not a name
        "What is in src/net/retry.py?",
        "\" OR name : \"backoff",
        "",
    ] {
        assert!(!named(text), "{text}");
    }
    assert!(knowledge.names("backoff_delay", Some(&fixture.root().join("src"))).unwrap());
    assert!(!knowledge.names("backoff_delay", Some(fixture.folder.path())).unwrap(), "not indexed");
    knowledge.remove(&fixture.root()).unwrap();
    assert!(!knowledge.names("backoff_delay", None).unwrap());
}
