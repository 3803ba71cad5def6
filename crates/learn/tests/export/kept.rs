//! Conversations to export.

use learn::export::{Example, Export, Options, Verdict, collect};
use store::{FeedbackKind, Id, NewChat, NewFeedback, NewMessage, Place, Store};
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) home: TempDir,
}

pub(crate) fn kept() -> Kept {
    let home = tempfile::tempdir().unwrap();
    Kept { store: Store::open_unsafely(home.path()).unwrap(), home }
}

impl Kept {
    pub(crate) fn chat(&self) -> Id {
        self.store.chats().create(NewChat::default()).unwrap().id
    }

    /// A question and its answer at the end of a conversation: the id of the answer.
    pub(crate) fn say(&self, chat: Id, question: &str, answer: &str) -> Id {
        self.store.messages().append(chat, NewMessage::user(question)).unwrap();
        self.store.messages().append(chat, NewMessage::assistant(answer)).unwrap().id
    }

    /// The same in a conversation of its own.
    pub(crate) fn pair(&self, question: &str, answer: &str) -> Id {
        self.say(self.chat(), question, answer)
    }

    pub(crate) fn again(&self, chat: Id, beside: Id, answer: &str) -> Id {
        let new = NewMessage::assistant(answer).at(Place::Beside(beside));
        self.store.messages().append(chat, new).unwrap().id
    }

    pub(crate) fn react(&self, message: Id, kind: FeedbackKind, text: Option<&str>) {
        let (text, meta) = (text.map(str::to_owned), serde_json::Value::Null);
        self.store.feedback().add(NewFeedback { message: Some(message), kind, text, meta }).unwrap();
    }

    pub(crate) fn up(&self, message: Id) {
        self.react(message, FeedbackKind::Up, None);
    }

    pub(crate) fn export(&self) -> Export {
        collect(&self.store, &Options::default()).unwrap()
    }
}

/// A word for what became of an answer: its signal, or the reason why it was dropped.
pub(crate) fn fate(export: &Export, message: Id) -> String {
    let example = of(export, message);
    match example.verdict {
        Verdict::Kept => example.signal.as_str().into(),
        Verdict::Dropped(reason) => reason.code().into(),
    }
}

pub(crate) fn of(export: &Export, message: Id) -> &Example {
    export.examples.iter().find(|example| example.message == message.to_string()).unwrap()
}
