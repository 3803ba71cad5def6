//! The writer (`examples/writer.rs`) as a process, what it has acknowledged, and whether a store holds it.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use store::{Id, State, Store, StoreError};

/// What a killed writer has acknowledged, by thread.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    chats: HashMap<usize, Id>,
    /// The last message or answer.
    messages: HashMap<usize, usize>,
    rules: Vec<(usize, usize)>,
    /// The last value.
    settings: HashMap<usize, usize>,
    pub(crate) count: usize,
}

/// Runs the writer for so long, kills it with SIGKILL, runs `then` at once, and gives what was acknowledged.
pub(crate) fn killed_after(time: Duration, home: &Path, run: &str, sync: bool, then: impl FnOnce()) -> Acks {
    let mut command = Command::new(program());
    command.arg(home).arg(run).args((!sync).then_some("--no-sync"));
    let mut writer = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = writer.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    std::thread::sleep(time);
    writer.kill().unwrap();
    writer.wait().unwrap();
    then();
    let mut said = String::new();
    writer.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "", "the writer has failed before it was killed");
    Acks::read(&reader.join().unwrap())
}

/// The example, which `cargo test` has built beside this test.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.ancestors().nth(2).unwrap().join("examples/writer");
    assert!(program.is_file(), "{} is missing: cargo build --release -p store --examples", program.display());
    program
}

impl Acks {
    fn read(text: &str) -> Acks {
        let mut acks = Acks::default();
        // A last line without an end was not acknowledged.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let words: Vec<&str> = line.split(' ').collect();
            let t: usize = words[1].parse().unwrap();
            acks.count += 1;
            match words[0] {
                "chat" => drop(acks.chats.insert(t, words[2].parse().unwrap())),
                "rule" => acks.rules.push((t, words[2].parse().unwrap())),
                "setting" => drop(acks.settings.insert(t, words[2].parse().unwrap())),
                _ => drop(acks.messages.insert(t, words[2].parse().unwrap())),
            }
        }
        acks
    }

    /// What is wrong with the store: lost, phantom, double or out of order.
    pub(crate) fn compare(&self, store: &Store, run: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Err(error) = self.compare_all(store, run, &mut wrong) {
            wrong.push(format!("lost: {error}"));
        }
        wrong
    }

    fn compare_all(&self, store: &Store, run: &str, wrong: &mut Vec<String>) -> Result<(), StoreError> {
        for (&t, &chat) in &self.chats {
            match store.messages().tree(chat) {
                Ok(messages) => self.compare_messages(&messages, run, t, wrong),
                Err(error) => wrong.push(format!("lost: conversation {t}: {error}")),
            }
        }
        let prefix = format!("{run}/");
        let rules = store.rules().list(&[])?;
        let mut rules: Vec<&str> = rules.iter().filter_map(|rule| rule.text.strip_prefix(&prefix)).collect();
        let found = rules.len();
        rules.sort();
        rules.dedup();
        if rules.len() != found {
            wrong.push("double: a rule".into());
        }
        for (t, n) in &self.rules {
            if rules.binary_search(&&*format!("{t}/{n}")).is_err() {
                wrong.push(format!("lost: rule {t}/{n}"));
            }
        }
        if found > self.rules.len() + self.chats.len() {
            wrong.push(format!("phantom: {found} rules, {} acknowledged", self.rules.len()));
        }
        for (t, &last) in &self.settings {
            let value = store.settings().get(&format!("{run}/{t}"))?;
            let value = value.and_then(|value| value.as_u64()).map(|n| n as usize);
            // Five steps on there would have been another message.
            if value != Some(last) && value != Some(last + 5) {
                wrong.push(format!("lost: setting {t} is {value:?}, {last} was acknowledged"));
            }
        }
        Ok(())
    }

    /// Messages of a thread are 0, 1, 2 … up to the last acknowledged one, or one more that was on its way.
    fn compare_messages(&self, messages: &[store::Message], run: &str, t: usize, wrong: &mut Vec<String>) {
        for (n, message) in messages.iter().enumerate() {
            let text = message.text();
            let more = if n % 10 == 9 { "and more" } else { "" };
            let expected = format!("{run}/{t}/{n} {}{more}", "word ".repeat(n % 50));
            let half =
                message.state == State::Interrupted && n + 1 == messages.len() && expected.starts_with(&text);
            if text != expected && !half {
                wrong.push(format!("phantom, double or out of order: {t}/{n} is {text:?}"));
                return;
            }
            if message.parent != n.checked_sub(1).map(|before| messages[before].id) {
                wrong.push(format!("out of order: {t}/{n} follows another message"));
            }
        }
        let acknowledged = self.messages.get(&t).map_or(0, |last| last + 1);
        let last_is_whole =
            messages.get(acknowledged.wrapping_sub(1)).is_none_or(|m| m.state == State::Complete);
        if messages.len() < acknowledged || !last_is_whole {
            wrong.push(format!(
                "lost: thread {t} has {} messages, {acknowledged} acknowledged",
                messages.len()
            ));
        }
        if messages.len() > acknowledged + 1 {
            wrong.push(format!(
                "phantom: thread {t} has {} messages, {acknowledged} acknowledged",
                messages.len()
            ));
        }
    }
}
