//! Text of others never becomes a target: 10,000 generated conversations.

use learn::export::{Conversation, Options, examine};
use learn::train::Recipe;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use store::{Chat, FeedbackKind, FeedbackRow, Id, Message, Provenance, Role, Span, State, Time};

/// A piece of a generated message: whose it is, and which word it says.
type Piece = (Provenance, u16);

#[derive(Clone, Debug)]
struct Turn {
    question: Vec<Piece>,
    /// What tools said between question and answer.
    tool: Option<u16>,
    answer: Vec<Piece>,
    reaction: Option<FeedbackKind>,
    /// Lines of the old answer that the user's edit keeps.
    keeps: u8,
    taken_in: Option<bool>,
    beside: bool,
}

fn piece() -> impl Strategy<Value = Piece> {
    let own = prop_oneof![Just(Provenance::User), Just(Provenance::Model)];
    let all = proptest::sample::select(Provenance::ALL);
    (prop_oneof![2 => own, 1 => all], any::<u16>())
}

fn turn() -> impl Strategy<Value = Turn> {
    let pieces = || proptest::collection::vec(piece(), 1..4);
    let reaction = proptest::option::of(proptest::sample::select(FeedbackKind::ALL));
    let tool = proptest::option::weighted(0.1, any::<u16>());
    (
        pieces(),
        tool,
        pieces(),
        reaction,
        any::<u8>(),
        proptest::option::weighted(0.2, any::<bool>()),
        any::<bool>(),
    )
        .prop_map(|(question, tool, answer, reaction, keeps, taken_in, beside)| Turn {
            question,
            tool,
            answer,
            reaction,
            keeps,
            taken_in,
            beside,
        })
}

/// A line that names whose it is: `web words 17 of the kind web`.
fn line((provenance, word): Piece) -> String {
    format!("{provenance} words {word} of the kind {provenance}\n")
}

fn message(chat: Id, parent: Option<Id>, role: Role, pieces: &[Piece], meta: Value) -> Message {
    let spans = pieces.iter().map(|piece| Span::new(line(*piece), piece.0)).collect();
    let (id, time) = (Id::new(), Time::now());
    Message { id, chat, parent, role, state: State::Complete, spans, meta, created: time, updated: time }
}

/// The conversation, as the store would hand it out.
fn conversation(turns: &[Turn]) -> Conversation {
    let id = Id::new();
    let (mut messages, mut feedback, mut last) = (Vec::new(), Vec::new(), None);
    for turn in turns {
        let question = message(id, last, Role::User, &turn.question, json!({}));
        let mut above = question.id;
        messages.push(question);
        if let Some(word) = turn.tool {
            let call = message(id, Some(above), Role::Assistant, &[], json!({"calls": [{"id": "1"}]}));
            let tool = message(id, Some(call.id), Role::Tool, &[(Provenance::Tool, word)], json!({}));
            above = tool.id;
            messages.extend([call, tool]);
        }
        let meta = turn.taken_in.map_or(json!({}), |learn| json!({"learn": learn}));
        let answer = message(id, Some(above), Role::Assistant, &turn.answer, meta);
        last = Some(answer.id);
        if let Some(kind) = turn.reaction {
            let kept: String =
                turn.answer.iter().filter(|_| turn.keeps & 1 == 1).map(|piece| line(*piece)).collect();
            let text = format!("user words of the edit\n{kept}");
            if kind == FeedbackKind::Edited && turn.beside {
                let spans = store::edited(&answer.spans, &text);
                let meta = json!({"edit_of": answer.id});
                messages.push(Message { spans, ..message(id, Some(above), Role::Assistant, &[], meta) });
            }
            let (created, meta) = (Time::now(), json!({}));
            feedback.push(FeedbackRow {
                id: Id::new(),
                message: Some(answer.id),
                kind,
                text: Some(text),
                meta,
                created,
            });
        }
        messages.push(answer);
    }
    let chat = Chat {
        id,
        title: String::new(),
        created: Time(0),
        updated: Time(0),
        model: None,
        adapter: None,
        project: None,
        folder: None,
        pinned: false,
        learn: None,
        origin: None,
        leaf: last,
        meta: json!({}),
    };
    Conversation { chat, messages, feedback }
}

#[test]
fn no_text_of_others_is_a_target_in_10000_conversations() {
    const FOREIGN: [&str; 5] = ["file", "web", "tool", "rule", "remote"];
    let cases = std::cell::Cell::new((0, 0, HashSet::new()));
    let mut runner =
        TestRunner::new(Config { cases: 10_000, failure_persistence: None, ..Config::default() });
    let options = Options { most: (usize::MAX, usize::MAX), ..Options::default() };
    runner
        .run(&proptest::collection::vec(turn(), 1..4), |turns| {
            let export = examine([conversation(&turns)], &[], &options);
            let (mut conversations, mut targets, mut signals) = cases.take();
            conversations += 1;
            for example in export.kept() {
                targets += 1;
                signals.insert(example.signal);
                let answer = &example.messages.last().unwrap().content;
                for name in FOREIGN {
                    prop_assert!(!answer.contains(&format!("of the kind {name}")), "{answer}");
                }
            }
            cases.set((conversations, targets, signals));
            Ok(())
        })
        .unwrap();
    let (conversations, targets, signals) = cases.take();
    println!("{conversations} conversations, {targets} targets, none of them with text of others");
    assert!(conversations >= 10_000 && targets > 3_000 && signals.len() >= 4, "{targets} {signals:?}");
}

#[test]
fn the_trainer_masks_everything_but_the_answer() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models/llama.gguf");
    let model = engine::Model::open(&tiny).unwrap();
    let turn = |question, answer| Turn {
        question: vec![(Provenance::Web, question)],
        tool: None,
        answer: vec![(answer, question)],
        reaction: None,
        keeps: 0,
        taken_in: None,
        beside: false,
    };
    let turns = [turn(1, Provenance::Remote), turn(2, Provenance::Model)];
    let export = examine([conversation(&turns)], &[], &Options::default());
    let example = export.kept().next().unwrap();
    let marked = |example: &engine::train::Example| {
        let targets = example.tokens.iter().zip(&example.supervised).filter(|(_, marked)| **marked);
        model.tokenizer.decode(&targets.map(|(token, _)| *token).collect::<Vec<_>>(), false)
    };
    let text = marked(&example.tokens(&model).unwrap());
    assert!(text.contains("kind model") && !text.contains("web") && !text.contains("remote"), "{text}");
    // The same through the files of a set.
    let home = tempfile::tempdir().unwrap();
    let rows = export.write(home.path(), "mine").unwrap().read("train").unwrap();
    let tokens = learn::train::Tokens::new(&model, &rows, &Recipe::default()).unwrap();
    assert_eq!(marked(&tokens.examples[0]), text);
}
