//! What the user does with an answer decides what becomes of it.

use crate::kept::{fate, kept, of};
use learn::export::{Options, Signal, Verdict, collect};
use serde_json::json;
use std::sync::Arc;
use store::{ChatChange, FeedbackKind, NewFeedback, NewMessage, Place, Role, State};

const ANSWER: &str = "Use a list and append to it.";

#[test]
fn signals_and_weights_are_those_of_the_user() {
    let kept = kept();
    let chat = kept.chat();
    let first = kept.say(chat, "how do I sort a list?", ANSWER);
    let second = kept.again(chat, first, "Call sort() on the list, please.");
    let up = kept.pair("how do I copy a file?", "Call shutil.copy with both paths.");
    kept.up(up);
    let down = kept.pair("how do I move a file?", "Call shutil.copy with both paths again.");
    kept.react(down, FeedbackKind::Down, None);
    let used = kept.pair("what prints a tree?", "The program tree does that.");
    kept.react(used, FeedbackKind::Kept, None);
    let fixed = kept.pair("what is a monad?", "Something of category theory, I think.");
    kept.react(fixed, FeedbackKind::Correction, Some("no, simpler"));
    let silent = kept.pair("what is a functor?", "Something that can be mapped over.");
    let export = kept.export();
    for (message, expected, weight) in [
        (first, "replaced", 0.0),
        (second, "silence", 0.25),
        (up, "up", 1.0),
        (down, "disliked", 0.0),
        (used, "kept", 0.5),
        (fixed, "complaint", 0.0),
        (silent, "silence", 0.25),
    ] {
        assert_eq!((fate(&export, message).as_str(), of(&export, message).weight), (expected, weight));
    }
    assert_eq!(export.examples.len(), 7);
    let times: Vec<_> = export.examples.iter().map(|example| example.time).collect();
    assert!(times.is_sorted());
}

#[test]
fn an_edited_answer_takes_the_place_of_the_old_one() {
    let kept = kept();
    let answer = kept.pair("write a commit message", "Updated the code.");
    kept.react(answer, FeedbackKind::Edited, Some("fix(parser): accept empty input"));
    let export = kept.export();
    let edited = export.kept().next().unwrap();
    assert_eq!(edited.messages.last().unwrap().content, "fix(parser): accept empty input");
    assert_eq!((edited.signal, edited.weight), (Signal::Edited, 2.0));
    assert_eq!(edited.rejected_answer.as_deref(), Some("Updated the code."));
    assert_eq!((export.kept().count(), fate(&export, answer).as_str()), (1, "replaced"));
}

#[test]
fn an_answer_with_a_rule_in_its_prompt_is_a_demonstration() {
    let kept = kept();
    let chat = kept.chat();
    kept.store.messages().append(chat, NewMessage::user("print one")).unwrap();
    let new = NewMessage::assistant("console.log(1 as number);").with_meta(json!({"rules": [{"id": "r"}]}));
    let answer = kept.store.messages().append(chat, new).unwrap().id;
    assert_eq!(fate(&kept.export(), answer), "silence");
    kept.up(answer);
    let export = kept.export();
    assert_eq!((fate(&export, answer).as_str(), of(&export, answer).weight), ("rule", 1.5));
}

#[test]
fn the_next_message_may_complain() {
    let kept = kept();
    let chat = kept.chat();
    let bad = kept.say(chat, "add two numbers", "def add(a, b): return a - b");
    let good = kept.say(chat, "no, that subtracts", "def add(a, b): return a + b");
    let last = kept.say(chat, "thanks, now three", "def add(a, b, c): return a + b + c");
    let export = kept.export();
    assert_eq!([bad, good, last].map(|m| fate(&export, m)), ["complaint", "silence", "silence"]);
    let messages = &of(&export, last).messages;
    assert_eq!((messages.len(), messages[4].role.as_str()), (6, "user"));
    // Turns that build on each other stay on one side.
    assert_eq!(of(&export, good).topic, of(&export, last).topic);
    kept.up(bad);
    assert_eq!(fate(&kept.export(), bad), "up");
}

#[test]
fn what_is_not_whole_or_rests_on_tools_is_dropped() {
    let kept = kept();
    let chat = kept.chat();
    let add = |new: NewMessage| kept.store.messages().append(chat, new).unwrap().id;
    let question = add(NewMessage::user("what is in the file?"));
    add(NewMessage::assistant("I look.").with_meta(json!({"calls": [{"id": "1"}]})));
    add(NewMessage::new(Role::Tool, vec![]));
    let told = add(NewMessage::assistant("There is one function in it."));
    let at = Place::After(question);
    let stopped =
        add(NewMessage { state: State::Stopped, ..NewMessage::assistant("There is one fun").at(at) });
    let long =
        add(NewMessage::assistant("There is one function").with_meta(json!({"finish": "length"})).at(at));
    let export = kept.export();
    assert_eq!([told, stopped, long].map(|m| fate(&export, m)), ["tools", "cut-off", "cut-off"]);
    assert_eq!(export.examples.len(), 3);
}

#[test]
fn the_user_decides_about_conversations_and_answers() {
    let kept = kept();
    let chat = kept.chat();
    let private = kept.say(chat, "my diary says what?", ANSWER);
    let change = ChatChange { learn: Some(Some(false)), ..ChatChange::default() };
    kept.store.chats().change(chat, change).unwrap();
    let refusal = kept.pair("may I?", "I'm sorry, but I can't help with that.");
    let out = kept.pair("a secret recipe?", "Take two eggs and some flour.");
    assert_eq!(fate(&kept.export(), refusal), "refusal");
    kept.store.messages().set_meta(refusal, json!({"learn": true})).unwrap();
    kept.store.messages().set_meta(out, json!({"learn": false})).unwrap();
    let export = kept.export();
    assert_eq!(
        [private, refusal, out].map(|m| fate(&export, m)),
        ["conversation-out", "silence", "taken-out"]
    );
    assert_eq!(of(&export, refusal).weight, 1.0);
    let asked = Options { unasked: false, ..Options::default() };
    assert_eq!(collect(&kept.store, &asked).unwrap().kept().count(), 0);
}

#[test]
fn the_newest_of_contradicting_answers_counts() {
    let kept = kept();
    let old = kept.pair("Name the function that adds.", "The name is addNumbers.");
    let new = kept.pair("Name the function that adds!", "The name is add_numbers.");
    let same = kept.pair("name the function that adds", "The name is add_numbers.");
    [old, new, same].into_iter().for_each(|message| kept.up(message));
    let export = kept.export();
    assert_eq!([old, new, same].map(|m| fate(&export, m)), ["superseded", "up", "up"]);
    let topics = [old, new, same].map(|m| of(&export, m).topic);
    assert!(topics.iter().all(|topic| *topic == topics[0]));
}

#[test]
fn silence_says_nothing_once_there_are_labels() {
    let kept = kept();
    let silent = kept.pair("what is nothing?", "The absence of everything.");
    for n in 0..50 {
        let answer = kept.pair(&format!("what is {n}?"), &format!("The number that follows {}.", n - 1));
        kept.up(answer);
    }
    assert_eq!(fate(&kept.export(), silent), "light");
}

#[test]
fn no_more_than_three_of_a_kind_and_the_best_under_the_cap() {
    let kept = kept();
    let text = |n: usize| {
        let words: Vec<String> = (0..60).map(|w| format!("word{w}")).collect();
        format!("{} end{n}", words.join(" "))
    };
    let answers: Vec<_> = (0..6).map(|n| kept.pair(&format!("tell {n}"), &text(n))).collect();
    let other = kept.pair("something else", "A text that has nothing to do with it.");
    kept.up(answers[1]);
    let export = kept.export();
    let fates: Vec<String> = answers.iter().map(|m| fate(&export, *m)).collect();
    assert_eq!(fates, ["duplicate", "up", "duplicate", "duplicate", "silence", "silence"]);
    let few = Options { most: (2, 50), ..Options::default() };
    let export = collect(&kept.store, &few).unwrap();
    assert_eq!([answers[1], other, answers[5]].map(|m| fate(&export, m)), ["up", "silence", "surplus"]);
}

#[test]
fn code_and_losses_are_judged_by_who_can() {
    let kept = kept();
    let good = kept.pair("code?", "Here:\n```x\nfine\n```\n");
    let bad = kept.pair("other code?", "Here is it:\n```x\nbroken\n```\n");
    let known = kept.pair("what is known?", "This is well known to all.");
    let odd = kept.pair("what is odd?", "This here is odd to all.");
    let options = Options {
        parses: Some(Arc::new(|word, code| (word == "x").then(|| code == "fine\n"))),
        losses: Some(Arc::new(|examples| {
            let loss = |example: &&learn::export::Example| match example.messages[1].content.as_str() {
                text if text.contains("known") => 0.05,
                text if text.contains("odd") => 6.5,
                _ => 1.0,
            };
            examples.iter().map(|e| Some(learn::export::Loss { with: loss(e), without: Some(2.0) })).collect()
        })),
        ..Options::default()
    };
    let export = collect(&kept.store, &options).unwrap();
    assert_eq!(
        [good, bad, known, odd].map(|m| fate(&export, m)),
        ["silence", "broken-code", "known", "garbage"]
    );
}

#[test]
fn completions_that_were_taken_are_examples() {
    let kept = kept();
    let meta = json!({"prompt": "def add(a, b):\n    ", "suffix": "\n", "language": "python"});
    let text = Some("return a + b".to_owned());
    kept.store
        .feedback()
        .add(NewFeedback { message: None, kind: FeedbackKind::Accepted, text, meta })
        .unwrap();
    let export = kept.export();
    let example = &export.examples[0];
    assert_eq!((example.verdict, example.weight, example.chat.as_str()), (Verdict::Kept, 0.5, ""));
    assert!(example.messages[0].content.contains("def add(a, b):\n    <HOLE>\n"));
}
