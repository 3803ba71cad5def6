//! Files cut into passages: code by its syntax, documents by their headings, the rest by paragraphs.
//!
//! The tree of a file says where definitions are (`outline`); here their lines become passages: what is large is
//! split, small neighbours are joined, and every line with something in it is in exactly one passage.

mod functions;
mod guard;
mod languages;
mod outline;
mod parses;
mod split;

pub use functions::functions;
pub use languages::{Kind, Language};
use outline::Definition;
pub use parses::parses;
use split::{LARGEST, Lines};

/// Neighbours below this many bytes are joined.
const SMALL: usize = 200;
/// A type of at most this many bytes stays whole.
const WHOLE: usize = 900;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// First and last line, counted from 1.
    pub lines: (u32, u32),
    /// `function`, `type`, `value`, `section`, `lines`.
    pub kind: &'static str,
    /// Where it stands in the file, such as `Parser::next`.
    pub name: Option<String>,
    /// First line of a function or type.
    pub signature: Option<String>,
    /// The text, as in the file.
    pub text: String,
}

/// Cuts a file. The language is told by the file's name.
pub fn chunk(path: &str, text: &str) -> (&'static str, Vec<Chunk>) {
    let language = Language::of(path);
    let admitted = language.filter(|language| guard::admits(language.name, text));
    let definitions = admitted.and_then(|language| outline::outline(language, text)).unwrap_or_default();
    let lines = Lines::new(text);
    let mut pieces = Vec::new();
    gaps_and_definitions(&definitions, (0, lines.count()), &lines, None, &mut pieces);
    let pieces = join(pieces, &lines);
    let chunks = pieces.into_iter().flat_map(|piece| piece.chunks(&lines)).collect();
    (language.map_or("text", |language| language.name), chunks)
}

/// Lines that belong together: from the first up to but without the last, counted from 0.
#[derive(Clone, Debug)]
struct Piece {
    lines: (usize, usize),
    kind: &'static str,
    name: Option<String>,
    signature: Option<String>,
    /// The definition around it; pieces of different ones are not joined.
    inside: Option<String>,
}

/// Pieces for the definitions in a range of lines and for what is between them.
fn gaps_and_definitions(
    definitions: &[Definition],
    (mut from, to): (usize, usize),
    lines: &Lines<'_>,
    inside: Option<&Definition>,
    pieces: &mut Vec<Piece>,
) {
    for definition in definitions {
        // A definition that begins on a line that is taken already (minified code) begins on the next one.
        let start = definition.lines.0.max(from);
        let end = definition.lines.1.min(to);
        if start >= end {
            continue;
        }
        pieces.extend(gap((from, start), lines, inside));
        let whole = definition.inner.is_empty() || lines.bytes((start, end)) <= WHOLE;
        if whole {
            pieces.push(Piece {
                lines: (start, end),
                kind: definition.kind.name(),
                name: Some(definition.name.clone()),
                signature: definition.signature.clone(),
                inside: inside.map(|d| d.name.clone()),
            });
        } else {
            gaps_and_definitions(&definition.inner, (start, end), lines, Some(definition), pieces);
        }
        from = end;
    }
    pieces.extend(gap((from, to), lines, inside));
}

/// The lines between definitions: of a type its fields, of a section its text, else imports and statements.
fn gap(range: (usize, usize), lines: &Lines<'_>, inside: Option<&Definition>) -> Option<Piece> {
    let range = lines.trim(range)?;
    // The end of a type alone says nothing.
    if inside.is_some() && lines.text(range).chars().all(|c| !c.is_alphanumeric()) {
        return None;
    }
    Some(Piece {
        lines: range,
        kind: inside.map_or("lines", |d| d.kind.name()),
        name: inside.map(|d| d.name.clone()),
        signature: inside.and_then(|d| d.signature.clone()),
        inside: inside.map(|d| d.name.clone()),
    })
}

/// Joins small neighbours of one place.
fn join(pieces: Vec<Piece>, lines: &Lines<'_>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        let fits = joined.last().is_some_and(|last| {
            let (a, b) = (lines.bytes(last.lines), lines.bytes(piece.lines));
            let both = lines.bytes((last.lines.0, piece.lines.1));
            let near = piece.lines.0.saturating_sub(last.lines.1) <= 2;
            last.inside == piece.inside
                && near
                && a.min(b) < SMALL
                && a.max(b) < 2 * SMALL
                && both < 3 * SMALL
        });
        match joined.last_mut().filter(|_| fits) {
            Some(last) => last.join(piece),
            None => joined.push(piece),
        }
    }
    joined
}

impl Piece {
    fn join(&mut self, next: Piece) {
        self.lines.1 = next.lines.1;
        if self.kind == "lines" || self.kind != next.kind && next.kind == "function" {
            self.kind = next.kind;
        }
        self.name = both(self.name.take(), next.name, ", ");
        self.signature = both(self.signature.take(), next.signature, "\n");
    }

    /// The passages of a piece: one, or several if it is large.
    fn chunks(self, lines: &Lines<'_>) -> Vec<Chunk> {
        let parts = lines.split(self.lines, LARGEST);
        let make = |((first, last), text): ((usize, usize), &str)| Chunk {
            lines: (first as u32 + 1, last as u32),
            kind: self.kind,
            name: self.name.clone(),
            signature: self.signature.clone(),
            text: text.to_owned(),
        };
        parts.into_iter().map(make).collect()
    }
}

/// Two names or signatures as one, each once.
fn both(a: Option<String>, b: Option<String>, between: &str) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) if a.split(between).any(|part| part == b) => Some(a),
        (Some(a), Some(b)) => Some(a + between + &b),
        (a, b) => a.or(b),
    }
}
