//! Pages as plain text.

use regex::Regex;
use std::sync::LazyLock;

/// Width of a line; long, because a model reads it.
const WIDTH: usize = 120;
/// Bytes of HTML that are read.
const MOST_HTML: usize = 2 << 20;
/// Deepest nesting that is taken in.
const DEEPEST: usize = 400;
/// Space for the converter's recursion, which the nesting bounds. Only what is used becomes memory.
const STACK: usize = 64 << 20;

static TITLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?is)<title[^>]{0,200}>(.{0,1000}?)</title").expect("a constant"));
static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)<(/?)([A-Za-z][A-Za-z0-9]*)").expect("a constant"));

/// Elements that hold nothing.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// The title and the text of a page; `None` where it cannot be read as one.
pub(crate) fn text(html: &str) -> Option<(Option<String>, String)> {
    let html = &html[..boundary(html, MOST_HTML)];
    if too_deep(html) {
        return None;
    }
    let title = TITLE.captures(html).and_then(|found| plain(&found[1]));
    let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    Some((title.filter(|title| !title.is_empty()), plain(html)?))
}

/// A thread of its own: a page must not take the program along.
fn plain(html: &str) -> Option<String> {
    std::thread::scope(|scope| {
        let config = html2text::config::plain_no_decorate().link_footnotes(false);
        let work = move || config.string_from_read(html.as_bytes(), WIDTH).ok();
        let thread = std::thread::Builder::new().name("page".into()).stack_size(STACK);
        thread.spawn_scoped(scope, work).ok()?.join().ok()?
    })
}

/// Whether elements are nested so deeply that only an attack can be meant. Counts generously: what is closed in
/// another order than it was opened counts as closed.
fn too_deep(html: &str) -> bool {
    let mut depth = 0usize;
    TAG.captures_iter(html).any(|tag| {
        let name = tag[2].to_ascii_lowercase();
        if !VOID.contains(&name.as_str())
            && !matches!(name.as_str(), "p" | "li" | "dt" | "dd" | "tr" | "td" | "th" | "option")
        {
            depth = if tag[1].is_empty() { depth + 1 } else { depth.saturating_sub(1) };
        }
        depth > DEEPEST
    })
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_text() {
        let html = "<html><head><title>A &amp; B</title><style>x{}</style><script>evil()</script></head>\
            <body><h1>Head</h1><p>One <b>two</b></p><ul><li>three</ul><pre>fn main() {}</pre></body></html>";
        let (title, text) = text(html).unwrap();
        assert_eq!(title.as_deref(), Some("A & B"));
        for part in ["Head", "One two", "three", "fn main() {}"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("evil") && !text.contains("x{}"), "{text}");
    }

    #[test]
    fn hostile_pages_end() {
        for (unit, n) in [
            ("<div>", 100_000),
            ("<table><tr><td>", 50_000),
            ("<b>", 100_000),
            ("<a href='", 100_000),
            ("<!--", 100_000),
            ("<p><ul><li>", 100_000),
            ("&#x0;", 100_000),
            ("<svg><math>", 50_000),
            ("<table>", 300),
            ("<blockquote>", 390),
            ("<li>", 100_000),
            ("<td>", 100_000),
        ] {
            let _ = text(&unit.repeat(n));
        }
    }
}
