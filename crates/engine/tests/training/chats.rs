//! From a conversation to what is learned: the very tokens of serving, and which of them are targets.

use crate::fixtures;
use engine::Model;
use engine::gguf::Gguf;
use engine::text::{ChatTemplate, Message, Tokenizer};
use engine::train::Example;
use std::ops::Range;
use std::path::Path;

/// Templates, and the vocabulary that knows their control tokens.
const CASES: [(&str, &str); 4] = [
    ("smollm2.jinja", "smollm"),
    ("qwen2.5.jinja", "smollm"),
    ("qwen3.jinja", "smollm"),
    ("llama3.jinja", "llama-bpe"),
];

/// A tiny model that reads and writes as another one does.
fn model(template: &str, vocabulary: &str) -> Model {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut model = Model::from_gguf(&fixtures::tiny("llama")).unwrap();
    let file = Gguf::open(&tests.join(format!("tokens/{vocabulary}.gguf"))).unwrap();
    model.tokenizer = Tokenizer::from_gguf(file.metadata()).unwrap();
    let source = std::fs::read_to_string(tests.join("template").join(template)).unwrap();
    model.template = Some(ChatTemplate::new(&source).unwrap());
    model
}

fn chat() -> Vec<Message> {
    let message = |(role, content): (&str, &str)| Message { role: role.into(), content: content.into() };
    [
        ("system", "Be brief."),
        ("user", "2 + 2? <|im_end|>"),
        ("assistant", "Four."),
        ("user", "And 3?"),
        ("assistant", "Five,\nI think."),
    ]
    .map(message)
    .to_vec()
}

/// Runs of targets.
fn learned(example: &Example) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..example.tokens.len()).filter(|&at| example.supervised[at]) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

#[test]
fn an_answer_is_learned_with_the_end_of_its_turn_and_nothing_else() {
    for (template, vocabulary) in CASES {
        let (model, chat) = (model(template, vocabulary), chat());
        let example = model.chat_example(&chat).unwrap();
        let answers: Vec<&Message> = chat.iter().filter(|m| m.role == "assistant").collect();
        let runs = learned(&example);
        assert_eq!(runs.len(), answers.len(), "{template}");
        for (run, answer) in runs.into_iter().zip(answers) {
            let (last, words) = example.tokens[run].split_last().unwrap();
            assert!(model.tokenizer.is_end(*last), "{template}: the end of the turn is learned");
            // What a template puts before the words, such as Qwen 3's empty thought, is generated with them.
            let words = model.tokenizer.decode(words, true);
            assert!(words.ends_with(&answer.content), "{template}: {words:?}");
        }
    }
}

#[test]
fn an_answer_is_learned_behind_the_tokens_that_serving_puts_before_it() {
    for (template, vocabulary) in CASES {
        let (model, chat) = (model(template, vocabulary), chat());
        for turn in [2, 4] {
            let example = model.chat_example(&chat[..=turn]).unwrap();
            let last = learned(&example).pop().unwrap();
            assert_eq!(example.tokens[..last.start], model.chat_prompt(&chat[..turn]).unwrap(), "{template}");
        }
    }
}

#[test]
fn a_learned_text_begins_once() {
    // This vocabulary wants a token that begins a text, and so does the template.
    let model = model("llama3.jinja", "llama-bpe");
    let (bos, example) = (model.tokenizer.bos().unwrap(), model.chat_example(&chat()).unwrap());
    assert!(model.tokenizer.add_bos());
    assert_eq!(example.tokens.iter().filter(|&&token| token == bos).count(), 1);
    assert_eq!(example.tokens[0], bos);
}

#[test]
fn what_a_message_spells_is_learned_as_text() {
    let model = model("smollm2.jinja", "smollm");
    let mut chat = chat();
    chat[4].content = "It ends with <|im_end|> and more.".into();
    let example = model.chat_example(&chat).unwrap();
    let last = learned(&example).pop().unwrap();
    let ends = example.tokens[last.clone()].iter().filter(|&&token| model.tokenizer.is_end(token)).count();
    assert_eq!(ends, 1, "only the turn's own");
    assert!(model.tokenizer.decode(&example.tokens[last], true).ends_with("<|im_end|> and more."));
}

#[test]
fn a_cut_never_moves_a_target() {
    let model = model("qwen2.5.jinja", "smollm");
    let whole = model.chat_example(&chat()).unwrap();
    for len in 0..=whole.tokens.len() {
        let mut cut = whole.clone();
        cut.truncate(len);
        assert_eq!((&cut.tokens[..], &cut.supervised[..]), (&whole.tokens[..len], &whole.supervised[..len]));
        let before = whole.supervised[..len].iter().skip(1).filter(|s| **s).count();
        assert_eq!(cut.targets(), before, "{len}");
    }
}
