//! Rules from conversations: taught in so many words, or offered for a preference.

use crate::make::*;
use agent::model::{Line, ScriptedModel};
use agent::*;
use std::sync::Arc;
use store::{RuleSource, RuleState, Store};

/// A store that keeps rules, and what turns with it lead to.
struct School {
    _folder: tempfile::TempDir,
    store: Store,
}

impl School {
    fn new() -> School {
        let folder = tempfile::tempdir().unwrap();
        School { store: Store::open(folder.path()).unwrap(), _folder: folder }
    }

    /// What is heard, what is kept, and the prompts that the model got.
    fn say(&self, text: &str) -> (Ears, Vec<Step>, Vec<Prompt>) {
        let rims = Arc::new(Rims::default());
        let model = Arc::new(ScriptedModel::new(4000, [Line::text("Done.")]));
        let agent = Agent {
            model: model.clone(),
            judge: rims.clone(),
            knowledge: rims.clone(),
            rules: Arc::new(self.store.clone()),
            web: rims,
            settings: Settings::default(),
        };
        let (mut ears, mut kept) = (Ears::default(), Kept::default());
        agent.answer(&ask(text), &Cancel::default(), &mut kept, &mut ears).unwrap();
        (ears, kept.steps, model.prompts())
    }

    fn rules(&self) -> Vec<(String, RuleState)> {
        let rules = self.store.rules().list(&[]).unwrap();
        assert!(rules.iter().all(|rule| rule.source == RuleSource::Chat));
        rules.into_iter().map(|rule| (rule.text, rule.state)).collect()
    }
}

#[test]
fn a_rule_in_so_many_words_holds_at_once_and_asks_no_model() {
    let school = School::new();
    let (ears, steps, prompts) = school.say("remember: Always use tabs");
    assert_eq!(ears.kinds(), ["remembered", "text", "done"]);
    assert!(ears.text().starts_with("Remembered, as rule "), "{}", ears.text());
    assert!(prompts.is_empty(), "the model was asked");
    assert!(
        matches!(&steps[..], [Step::Remembered { remembered, .. }] if remembered.holds && remembered.new)
    );
    assert_eq!(school.rules(), [("Always use tabs".to_owned(), RuleState::Active)]);

    let (ears, ..) = school.say("Remember: always use tabs!");
    assert!(ears.text().starts_with("I know this already"), "{}", ears.text());
    assert_eq!(school.rules().len(), 1);

    let (ears, ..) = school.say("remember: Never use tabs");
    let said = ears.text();
    assert!(
        said.contains("Kept as a draft")
            && said.contains("It contradicts rule")
            && said.contains("--replace"),
        "{said}"
    );
    assert_eq!(school.rules()[1], ("Never use tabs".to_owned(), RuleState::Draft));

    // It is in the next prompt, and the draft is not.
    let (.., prompts) = school.say("Write it.");
    let system = prompts[0].messages[0].text();
    assert!(system.contains("Always use tabs") && !system.contains("Never use tabs"), "{system}");
}

#[test]
fn a_preference_is_a_draft_until_it_is_accepted() {
    let school = School::new();
    let (ears, steps, prompts) = school.say("Sort the list. From now on answer in rhymes.");
    assert_eq!(ears.kinds(), ["intent", "offered", "rules", "sources", "text", "answered", "done"]);
    assert!(
        matches!(&steps[0], Step::Gathered { offered, .. } if offered[0].text == "From now on answer in rhymes.")
    );
    assert!(!prompts[0].messages[0].text().contains("rhymes"), "a draft has no effect");
    assert_eq!(school.rules(), [("From now on answer in rhymes.".to_owned(), RuleState::Draft)]);

    let (ears, ..) = school.say("From now on, answer in rhymes!");
    assert!(!ears.kinds().contains(&"offered".to_owned()), "it is offered once");
    let draft = school.store.rules().list(&[RuleState::Draft]).unwrap().remove(0);
    school.store.rules().accept(draft.id, None).unwrap();
    let (.., prompts) = school.say("Sort another one.");
    assert!(prompts[0].messages[0].text().contains("rhymes"));
}

#[test]
fn what_cannot_be_written_down_is_told() {
    let rims = Rims::default();
    let full = Kept { full: Some(0), ..Kept::default() };
    let played = play_with(rims, ask("remember: x"), [], 4000, Ears::default(), full);
    assert_eq!(played.result, Err(TurnError::Record(RecordError("the disk is full".into()))));
    assert_eq!(played.ears.kinds(), ["failed"]);
}
