//! Writes into a store as fast as it can and prints what is acknowledged, until it is killed.
//!
//!     writer HOME RUN [--no-sync]
//!
//! Four threads append to a conversation each, teach rules, change settings and stream answers. A line is printed
//! after the commit: `chat T ID`, `message T N`, `rule T N`, `setting T N`, `answer T N`. `--no-sync` is the null
//! control of the power cut test.

use serde_json::json;
use std::io::Write;
use std::path::Path;
use store::{NewChat, NewMessage, NewRule, State, Store, StoreError};

const THREADS: usize = 4;

fn main() -> Result<(), StoreError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let home = Path::new(&args[0]);
    let store = match args.get(2).map(String::as_str) {
        Some("--no-sync") => Store::open_unsafely(home)?,
        _ => Store::open(home)?,
    };
    let run = &args[1];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|t| {
                let store = store.clone();
                scope.spawn(move || work(store, run, t))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })
}

fn work(store: Store, run: &str, t: usize) -> Result<(), StoreError> {
    let chat = store.chats().create(NewChat { title: format!("{run}/{t}"), ..NewChat::default() })?.id;
    say(&format!("chat {t} {chat}"));
    for n in 0.. {
        let text = format!("{run}/{t}/{n} {}", "word ".repeat(n % 50));
        if n % 10 == 9 {
            let mut answer = store.messages().begin(chat, NewMessage::assistant(text))?;
            answer.add("and more")?;
            answer.save(None)?;
            answer.finish(State::Complete, Some(json!({ "n": n })))?;
            say(&format!("answer {t} {n}"));
        } else {
            store.messages().append(chat, NewMessage::user(text))?;
            say(&format!("message {t} {n}"));
        }
        if n % 7 == 3 {
            store.rules().add(NewRule::typed(format!("{run}/{t}/{n}")))?;
            say(&format!("rule {t} {n}"));
        }
        if n % 5 == 2 {
            store.settings().set(&format!("{run}/{t}"), json!(n))?;
            say(&format!("setting {t} {n}"));
        }
    }
    Ok(())
}

/// One line at once: a line that is half there was not acknowledged.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listens may be gone.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}
