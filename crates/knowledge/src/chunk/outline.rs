//! The definitions of a file, out of its syntax tree.

use super::languages::{Kind, Language};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longest signature and longest name, in characters.
const SIGNATURE: usize = 240;
const NAME: usize = 120;
/// Definitions deeper than this belong to the one around them.
const DEEPEST: usize = 12;
/// Nodes below this depth of the tree are not looked at: hostile files are deep.
const DEEPEST_NODE: usize = 400;
/// Longest time for the tree of one file. Real files of the largest size take a tenth of it.
const TIME: Duration = Duration::from_secs(2);
/// Fields and then kinds of children where a name stands, in every grammar of the table.
const NAME_FIELDS: [&str; 4] = ["name", "key", "declarator", "type"];
const NAME_KINDS: [&str; 9] = [
    "selectors",
    "dotted_key",
    "bare_key",
    "quoted_key",
    "start_tag",
    "object_reference",
    "atx_heading",
    "setext_heading",
    "keyframes_name",
];

/// A definition with the lines of its comment, from the first up to but without the last, counted from 0.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) lines: (usize, usize),
    pub(super) kind: Kind,
    /// With the names around it.
    pub(super) name: String,
    pub(super) signature: Option<String>,
    pub(super) inner: Vec<Definition>,
}

thread_local! {
    /// A parser each thread and language: making one costs more than parsing a small file.
    static PARSERS: RefCell<HashMap<&'static str, Parser>> = RefCell::default();
}

/// The definitions of a text; nothing where it cannot be parsed in time.
pub(super) fn outline(language: &'static Language, text: &str) -> Option<Vec<Definition>> {
    let tree = parse(language, text)?;
    let reader = Reader { language, text };
    Some(reader.definitions_in(tree.root_node(), "", 0))
}

/// Whether a text is of the language from its first to its last letter; `None` where it cannot be parsed in time.
pub(super) fn is_whole(language: &'static Language, text: &str) -> Option<bool> {
    Some(!parse(language, text)?.root_node().has_error())
}

fn parse(language: &'static Language, text: &str) -> Option<Tree> {
    PARSERS.with_borrow_mut(|parsers| {
        let parser = parsers.entry(language.name).or_insert_with(|| {
            let mut parser = Parser::new();
            // A grammar of another version leaves the parser without language, and every file to its lines.
            if let Err(error) = parser.set_language(&language.grammar) {
                tracing::warn!("the grammar of {} cannot be used: {error}", language.name);
            }
            parser
        });
        let began = Instant::now();
        let mut in_time = |_: &_| match began.elapsed() < TIME {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let bytes = text.as_bytes();
        let options = ParseOptions::new().progress_callback(&mut in_time);
        let tree =
            parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        parser.reset(); // what was begun is not gone on with
        tree
    })
}

struct Reader<'a> {
    language: &'static Language,
    text: &'a str,
}

impl Reader<'_> {
    /// The definitions below a node, without recursion into what holds none.
    fn definitions_in(&self, top: Node<'_>, around: &str, depth: usize) -> Vec<Definition> {
        let mut found = Vec::new();
        let mut cursor = top.walk();
        let mut down = cursor.goto_first_child();
        let mut level = 1;
        while down {
            let node = cursor.node();
            let definition = self.definition(node, around, depth);
            let is_definition = definition.is_some();
            found.extend(definition);
            if !is_definition && level < DEEPEST_NODE && cursor.goto_first_child() {
                level += 1;
                continue;
            }
            while !cursor.goto_next_sibling() {
                level -= 1;
                if level == 0 || !cursor.goto_parent() {
                    down = false;
                    break;
                }
            }
        }
        found
    }

    fn definition(&self, node: Node<'_>, around: &str, depth: usize) -> Option<Definition> {
        if !node.is_named() || depth >= DEEPEST {
            return None;
        }
        let kind = self.language.definition(node.kind())?;
        // `struct x y;` uses a type, `struct x { ... } y;` defines one.
        if kind == Kind::Type
            && node.kind().ends_with("_specifier")
            && node.child_by_field_name("body").is_none()
        {
            return None;
        }
        let own = self.name(node)?;
        let own = match self.receiver(node) {
            Some(receiver) => receiver + self.language.separator + &own,
            None => own,
        };
        let name = if around.is_empty() { own } else { format!("{around}{}{own}", self.language.separator) };
        let outer = self.wrapped(node);
        let inner =
            if kind.is_container() { self.definitions_in(node, &name, depth + 1) } else { Vec::new() };
        let end = node.end_position().max(outer.end_position());
        Some(Definition {
            // A node that ends with its line end ends before the next line.
            lines: (self.comment(outer), end.row + usize::from(end.column > 0)),
            kind,
            signature: (kind != Kind::Section).then(|| self.signature(node)).filter(|s| !s.is_empty()),
            name,
            inner,
        })
    }

    /// The node with decorators, `export` and the like around it.
    fn wrapped<'t>(&self, node: Node<'t>) -> Node<'t> {
        let mut outer = node;
        while let Some(parent) = outer.parent().filter(|p| self.language.wrappers.contains(&p.kind())) {
            outer = parent;
        }
        outer
    }

    /// The line where comments and attributes right above a definition begin.
    fn comment(&self, node: Node<'_>) -> usize {
        let mut start = node.start_position().row;
        let mut before = node.prev_named_sibling();
        while let Some(above) = before.filter(|above| belongs_below(above.kind())) {
            let end = above.end_position();
            let last = if end.column == 0 { end.row.saturating_sub(1) } else { end.row };
            // A comment behind a statement belongs to that, as one on the same line.
            let behind = above.prev_named_sibling().is_some_and(|s| {
                s.end_position().row == above.start_position().row && s.end_position().column > 0
            });
            if last + 1 < start || behind {
                break;
            }
            start = above.start_position().row;
            before = above.prev_named_sibling();
        }
        start
    }

    /// The name of a definition alone.
    fn name(&self, node: Node<'_>) -> Option<String> {
        if node.kind() == "impl_item" {
            return self.impl_name(node);
        }
        let mut cursor = node.walk();
        let field = NAME_FIELDS.iter().find_map(|field| node.child_by_field_name(field));
        let mut named =
            field.or_else(|| node.named_children(&mut cursor).find(|c| NAME_KINDS.contains(&c.kind())));
        if named.is_none() {
            named = node.named_children(&mut cursor).find(|c| c.kind().ends_with("declarator"));
        }
        let mut named = named.or_else(|| node.named_child(0))?;
        while let Some(deeper) = ["declarator", "name"].iter().find_map(|f| named.child_by_field_name(f)) {
            named = deeper;
        }
        let text = self.line(named).trim_matches(['#', '<', '>', '"', '=', '-', ' ']).to_owned();
        (!text.is_empty()).then(|| cut(text, NAME))
    }

    /// `impl Display for Parser` is found as `Parser`.
    fn impl_name(&self, node: Node<'_>) -> Option<String> {
        let mut of = node.child_by_field_name("type")?;
        while let Some(plain) = of.child_by_field_name("type") {
            of = plain;
        }
        Some(cut(self.line(of), NAME))
    }

    /// The type that a method of Go belongs to.
    fn receiver(&self, node: Node<'_>) -> Option<String> {
        let receiver = node.child_by_field_name("receiver")?;
        let text = self.line(receiver);
        let of = text.trim_matches(['(', ')']).split_whitespace().last()?.trim_start_matches('*');
        Some(cut(of.split('[').next()?.to_owned(), NAME))
    }

    /// What stands before the body, on one line.
    fn signature(&self, node: Node<'_>) -> String {
        let from = node.start_byte();
        let body = node.child_by_field_name("body").map(|body| body.start_byte());
        let to = body.unwrap_or_else(|| self.first_line_end(node)).max(from);
        let text = self.text.get(from..to).unwrap_or_default();
        // A comment between the head and the body is no part of the head.
        let head =
            text.lines().enumerate().take_while(|(n, line)| *n == 0 || !line.trim_start().starts_with('#'));
        let text = head.map(|(_, line)| line).collect::<Vec<_>>().join(" ");
        cut(
            text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(['{', ' ']).to_owned(),
            SIGNATURE,
        )
    }

    fn first_line_end(&self, node: Node<'_>) -> usize {
        let text = &self.text[node.byte_range()];
        node.start_byte() + text.find('\n').unwrap_or(text.len())
    }

    /// The first line of a node.
    fn line(&self, node: Node<'_>) -> String {
        let text = self.text.get(node.byte_range()).unwrap_or_default();
        text.trim().lines().next().unwrap_or_default().trim_end().to_owned()
    }
}

/// Comments, attributes and annotations that stand above what they speak of.
fn belongs_below(kind: &str) -> bool {
    kind.contains("comment")
        || kind.contains("attribute")
        || kind.contains("annotation")
        || kind == "decorator"
}

/// The first `most` characters.
fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => text[..at].to_owned(),
        None => text,
    }
}
