//! Pages: what is read, and where it ends.

use crate::fake::{Answer, Fake, json};
use crate::out;
use agent::seam::{Page, WebError};
use remote::{Pages, System};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A page of an origin that the user trusts.
fn fetch(answers: impl IntoIterator<Item = Answer>, path: &str) -> (Result<Page, WebError>, Fake) {
    let fake = Fake::new(answers);
    let (out, ledger) = out();
    let pages = Pages::new(out, Arc::new(System), &[fake.base()]);
    let page = pages.fetch(&format!("{}{path}", fake.base()));
    assert_eq!(ledger.sent().len(), fake.asked().len(), "each request is written down");
    (page, fake)
}

fn html(body: &str) -> Answer {
    Answer::Is(200, vec![("content-type", "text/html; charset=utf-8".into())], body.into())
}

fn redirect(to: &str) -> Answer {
    Answer::Is(301, vec![("location", to.to_owned())], Vec::new())
}

fn why(answers: impl IntoIterator<Item = Answer>) -> String {
    match fetch(answers, "/").0 {
        Err(WebError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_is_read_as_text_without_telling_who_asks() {
    let (page, fake) =
        fetch([html("<title>Hi</title><p>Some <b>text</b></p><script>no()</script>")], "/a?b=c#d");
    let page = page.unwrap();
    assert_eq!((page.title.as_str(), page.text.trim()), ("Hi", "Some text"));
    let asked = &fake.asked()[0];
    assert_eq!(asked.line, "GET /a?b=c HTTP/1.1");
    for name in ["authorization", "cookie", "referer", "x-tavily-access-mode"] {
        assert_eq!(asked.header(name), None);
    }
}

#[test]
fn redirects_are_followed_three_times() {
    let hops = |n| (0..n).map(|i| redirect(&format!("/{i}"))).chain([json(200, "end")]);
    let (page, fake) = fetch(hops(3), "/");
    assert_eq!(page.unwrap().url, format!("{}/2", fake.base()));
    assert!(why(hops(4)).contains("more than 3 redirects"));
    assert!(why([Answer::Is(302, vec![], vec![])]).contains("nowhere"));
}

#[test]
fn a_trusted_origin_is_exactly_that() {
    let other = Fake::new([json(200, "inside")]);
    let to = why([redirect(&format!("{}/", other.base()))]);
    assert!(to.contains("public internet"), "{to}");
    assert_eq!(other.connections(), 0);
}

#[test]
fn what_is_not_a_page_is_refused() {
    let kind = |kind: &str| Answer::Is(200, vec![("content-type", kind.to_owned())], b"x".to_vec());
    assert!(why([kind("application/octet-stream")]).contains("not text"));
    assert!(why([kind("image/png")]).contains("not text"));
    assert!(why([json(404, "")]).contains("status 404"));
    assert!(why([Answer::Flood]).contains("more than 5242880 bytes"));
    assert!(!why([Answer::Noise]).is_empty());
    assert!(why([html(&"<div>".repeat(100_000))]).contains("cannot be read"));
    assert!(matches!(
        fetch([json(200, "")], &format!("/{}", "x".repeat(3000))).0,
        Err(WebError::Refused { .. })
    ));
}

#[test]
fn a_page_that_drips_ends_after_ten_seconds() {
    let pieces = vec!["x".to_owned(); 300];
    let began = Instant::now();
    assert!(
        why([Answer::Pieces("text/plain", pieces, Duration::from_millis(100))]).contains("longer than 10 s")
    );
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}
