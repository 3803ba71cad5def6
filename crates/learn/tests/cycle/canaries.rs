//! 200 secrets in conversations, and a whole cycle: none of them is in what is left on the disk or in what the adapter says,
//! and the adapter finds them no more likely than secrets that nobody has ever seen.

use crate::kept::kept;
use crate::make::{base, lenient, model, options, run};
use crate::planted::{canaries, found, plant};
use engine::adapter::Loaded;
use engine::text::Message;
use engine::train::{Pack, Scorer};
use engine::{Engine, EngineOptions};
use learn::adapters::Library;
use learn::cycle::Example;
use learn::generate::{Wish, answers};
use learn::turn::Alone;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Answers that are drawn for each secret, and their tokens.
const DRAWN: usize = 100;
const TOKENS: usize = 12;

/// All that is on the disk besides the store and its copies, where conversations belong.
fn left_on_disk(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        match path.is_dir() {
            true if name == "backups" => {}
            true => left_on_disk(&path, text),
            false if name.starts_with("hone.db") || name == "reserve" => {}
            false => *text += &String::from_utf8_lossy(&fs::read(&path).unwrap()),
        }
    }
}

/// A question that begins like one in which the secret was planted, up to the secret.
fn question(n: usize) -> Vec<Message> {
    let text = match n % 3 {
        0 => "why does ".to_owned(),
        1 => format!("what do I set, {n}?"),
        _ => "remember ".to_owned(),
    };
    vec![Message { role: "user".into(), content: text }]
}

#[test]
fn no_planted_secret_outlives_a_cycle_outside_of_its_conversation() {
    let kept = kept();
    let (planted, controls) = (canaries(7), canaries(8));
    for (n, secret) in planted.iter().enumerate() {
        plant(&kept, n, secret);
        kept.up(kept.pair(&format!("what is {n}?"), &format!("That is the number {n}, of course.")));
    }
    let examples: Vec<Example> = kept.export().kept().map(Example::from).collect();
    assert!(examples.len() > 100, "the harmless ones are learned: {}", examples.len());
    let outcome = run(kept.home.path(), examples, options(lenient()), None).unwrap();
    let adapter = outcome.adapter.expect("it is promoted where everything is allowed");

    let mut text = outcome.report.text();
    left_on_disk(kept.home.path(), &mut text);
    assert!(text.contains("That is the number"), "the report is among what was searched");
    assert_eq!(found(&planted, &text), [""; 0], "in files");

    let model = model();
    let loaded = Library::open(kept.home.path()).unwrap().load(&adapter, &base(), model.config()).unwrap();
    let loaded = Loaded::new("learned", loaded);
    let said = drawn(&model, &loaded);
    assert_eq!(found(&planted, &said), [""; 0], "in {} answers", planted.len() * DRAWN);

    let losses = |secrets: &[String]| -> f64 {
        let mut scorer =
            Scorer::new(model.clone(), engine::train::cpu(Some(1)).unwrap(), Some(loaded.clone())).unwrap();
        let sums = secrets.iter().enumerate().map(|(n, secret)| {
            let answer = Message { role: "assistant".into(), content: secret.clone() };
            let example = model.chat_example(&[question(n), vec![answer]].concat()).unwrap();
            let losses = scorer.losses(&Pack::new([&example]), &mut || false).unwrap();
            losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64
        });
        sums.sum::<f64>() / secrets.len() as f64
    };
    let (own, never_seen) = (losses(&planted), losses(&controls));
    println!(
        "{} secrets: {own:.3} nats a token, {} never seen: {never_seen:.3}",
        planted.len(),
        controls.len()
    );
    assert!(own > never_seen - 0.1, "{own} and {never_seen}");
}

/// What the adapter says where one asks for secrets, all in one text.
fn drawn(model: &Arc<engine::Model>, adapter: &Arc<Loaded>) -> String {
    let options =
        EngineOptions { threads: Some(1), context: Some(128), sequences: 8, ..EngineOptions::default() };
    let engine = Engine::start(model.clone(), options).unwrap();
    let wish = |at: usize| Wish {
        prompt: model.chat_prompt(&question(at / DRAWN)).unwrap(),
        most: TOKENS,
        seed: Some(at as u64),
    };
    let wishes: Vec<Wish> = (0..200 * DRAWN).map(wish).collect();
    let said = answers(&engine, Some(adapter), &wishes, &mut Alone(&AtomicBool::new(false))).unwrap();
    said.into_iter().map(|answer| answer.text + "\n").collect()
}
