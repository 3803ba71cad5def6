//! Puts conversations of files into the store.

use super::{Conversation, Program};
use crate::messages::{NewMessage, Place, insert};
use crate::{
    Chats, FeedbackKind, Id, NewChat, NewFeedback, Provenance, Role, Span, StoreError, audit, chats, feedback,
};
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};

/// What became of a conversation of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is a conversation of the store now.
    New(Id),
    /// It was there already.
    Known(Id),
    /// Nothing is said in it.
    Empty,
}

impl Chats<'_> {
    /// Adds conversations of files, all of them or (after an error) none. What the user has said counts as the user's;
    /// answers count as another machine's, whatever the file says: they are not learned from. Where the user says that the
    /// conversation is his own ([`Conversation::own`]), answers count as this machine's and reactions come along.
    pub fn import(&self, conversations: Vec<Conversation>) -> Result<Vec<Imported>, StoreError> {
        let by = self.0.by;
        self.0.write(move |connection| {
            let rows = conversations.into_iter().map(|conversation| one(connection, conversation));
            let outcomes = rows.collect::<Result<Vec<_>, _>>()?;
            let new = outcomes.iter().filter(|outcome| matches!(outcome, Imported::New(_))).count();
            if new > 0 {
                audit::insert(connection, by, "conversations imported", json!({ "count": new }))?;
            }
            Ok(outcomes)
        })
    }
}

impl Conversation {
    pub(super) fn empty(program: Program) -> Conversation {
        Conversation {
            program,
            id: None,
            title: String::new(),
            created: None,
            model: None,
            project: None,
            system: Vec::new(),
            turns: Vec::new(),
            leaf: None,
            left_out: 0,
            own: false,
        }
    }

    /// By this a conversation is known when it comes again.
    fn origin(&self) -> String {
        let id = self.id.clone().unwrap_or_else(|| {
            let mut hash = Sha256::new();
            for turn in &self.turns {
                hash.update((turn.text.len() as u64).to_le_bytes());
                hash.update(&turn.text);
            }
            hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
        });
        format!("{}:{id}", self.program.as_str())
    }

    /// The conversation of this store that it is, where it was exported from here or imported before.
    fn known(&self, connection: &Connection, origin: &str) -> Result<Option<Id>, StoreError> {
        let own = self.id.as_deref().filter(|_| self.program == Program::Hone).and_then(|id| id.parse().ok());
        let sql = "SELECT id FROM chats WHERE origin = ?1 OR id = ?2 LIMIT 1";
        let own: Option<Id> = own;
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![origin, own])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }
}

fn one(connection: &Connection, conversation: Conversation) -> Result<Imported, StoreError> {
    if conversation.turns.is_empty() {
        return Ok(Imported::Empty);
    }
    let origin = conversation.origin();
    if let Some(known) = conversation.known(connection, &origin)? {
        return Ok(Imported::Known(known));
    }
    let meta = match conversation.system.is_empty() {
        true => json!({}),
        false => json!({ "imported_system": conversation.system }),
    };
    let new = NewChat {
        title: conversation.title,
        created: conversation.created,
        model: conversation.model,
        project: conversation.project,
        origin: Some(origin.clone()),
        meta,
        ..NewChat::default()
    };
    let chat = chats::insert(connection, new)?.id;
    let mut ids: Vec<Id> = Vec::with_capacity(conversation.turns.len());
    let mut reactions = Vec::new();
    for turn in conversation.turns {
        let provenance = match turn.role {
            Role::User => Provenance::User,
            Role::Tool => Provenance::Tool,
            Role::Assistant | Role::System if !conversation.own || turn.foreign => Provenance::Remote,
            _ if turn.edit_of.is_some() => Provenance::User,
            _ => Provenance::Model,
        };
        let spans = vec![Span::new(turn.text, provenance).from(origin.as_str())];
        let place = match turn.parent {
            Some(parent) => Place::After(ids[parent]),
            None => Place::Start,
        };
        let message = NewMessage {
            created: turn.created.or(conversation.created),
            ..NewMessage::new(turn.role, spans).at(place)
        };
        ids.push(insert(connection, chat, message, None)?.id);
        if conversation.own {
            reactions.push((ids.len() - 1, turn.edit_of, turn.feedback));
        }
    }
    for (place, edit_of, said) in reactions {
        react(connection, &ids, place, edit_of, said)?;
    }
    let leaf = conversation.leaf.map(|place| ids[place]);
    connection.execute("UPDATE chats SET leaf = coalesce(?2, leaf) WHERE id = ?1", params![chat, leaf])?;
    Ok(Imported::New(chat))
}

/// What the user has done to a message of his own.
fn react(
    connection: &Connection,
    ids: &[Id],
    place: usize,
    edit_of: Option<usize>,
    said: Vec<(FeedbackKind, Option<String>)>,
) -> Result<(), StoreError> {
    let message = ids[place];
    if let Some(old) = edit_of {
        let old = ids[old];
        let sql = "UPDATE messages SET meta = ?2 WHERE id = ?1";
        connection.execute(sql, params![message, json!({ "edit_of": old }).to_string()])?;
        let text = Some(crate::messages::get(connection, message)?.text());
        let (kind, meta) = (FeedbackKind::Edited, json!({ "branch": message }));
        feedback::insert(connection, NewFeedback { message: Some(old), kind, text, meta })?;
    }
    for (kind, text) in said {
        feedback::insert(connection, NewFeedback { message: Some(message), kind, text, meta: json!({}) })?;
    }
    Ok(())
}
