//! Trees of messages as other programs write them: nodes by name, each with its parent's name.

use super::{Conversation, Turn, is_text, role};
use crate::Time;
use std::collections::HashMap;

/// A node of a file.
pub(super) struct Node<'a> {
    pub(super) key: &'a str,
    pub(super) parent: Option<&'a str>,
    /// Who speaks; none for a node that only holds others together.
    pub(super) role: Option<&'a str>,
    pub(super) text: String,
    pub(super) created: Option<Time>,
}

/// Puts the nodes into `conversation`, parents first. A node without text gives its children to its parent; nodes of a
/// circle, which hang from nothing, are left out. No recursion: a file may be as deep as it likes.
pub(super) fn plant(nodes: Vec<Node<'_>>, current: Option<&str>, conversation: &mut Conversation) {
    let place: HashMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (node.key, at)).collect();
    let mut children = vec![Vec::new(); nodes.len()];
    let mut waiting = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node.parent.and_then(|parent| place.get(parent)) {
            Some(&parent) => children[parent].push(at),
            None => waiting.push((at, None)),
        }
    }
    waiting.reverse();
    let leaf = current.and_then(|key| place.get(key)).copied();
    let mut seen = 0;
    while let Some((at, parent)) = waiting.pop() {
        seen += 1;
        let here = add(&nodes[at], parent, conversation);
        if leaf == Some(at) {
            conversation.leaf = here;
        }
        waiting.extend(children[at].iter().rev().map(|&child| (child, here)));
    }
    conversation.left_out += nodes.len() - seen;
    let last = conversation.turns.len().checked_sub(1);
    conversation.leaf = conversation.leaf.or(last);
}

/// Adds a node; the place that its children follow.
pub(super) fn add(node: &Node<'_>, parent: Option<usize>, conversation: &mut Conversation) -> Option<usize> {
    let Some(word) = node.role else { return parent };
    match role(word) {
        Some(Ok(role)) if is_text(&node.text) => {
            let (text, created) = (node.text.clone(), node.created);
            let (edit_of, feedback, foreign) = (None, Vec::new(), false);
            conversation.turns.push(Turn { parent, role, text, created, edit_of, feedback, foreign });
            Some(conversation.turns.len() - 1)
        }
        Some(Err(())) => {
            if is_text(&node.text) {
                conversation.system.push(node.text.clone());
            }
            parent
        }
        _ => {
            conversation.left_out += 1;
            parent
        }
    }
}
