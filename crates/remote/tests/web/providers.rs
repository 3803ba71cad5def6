//! Tavily and SearXNG: every row of their contracts, the order, the cache, the meter, secrets, offline.

use crate::fake::{Answer, Fake, json};
use crate::{out, patience};
use agent::seam::{Web, WebError, WebResults};
use remote::*;
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "tvly-test";
const FOUND: &str = r#"{"query":"q","answer":null,"images":[],"results":[
    {"title":"T","url":"https://a.example/","content":"C","score":0.9,"raw_content":null,"published_date":"2026-01-01"},
    {"title":"","url":"https://b.example/","score":0.1},
    {"title":"no web","url":"javascript:alert(1)","content":"x","score":0.1}],
    "response_time":"1.2","usage":{"credits":1},"request_id":"r"}"#;
const SEARX: &str = r#"{"query":"q","results":[{"url":"https://s.example/","title":"S","engine":"x","engines":["x"]},
    {"url":"https://t.example/","title":"T","content":"C","engine":"x","engines":["x"],"score":1.0,"publishedDate":null}],
    "answers":[],"suggestions":[],"unresponsive_engines":[["slow","timeout"]]}"#;

fn tavily(fake: &Fake, key: Option<&str>) -> (Tavily, Arc<MemoryLedger>) {
    let (out, ledger) = out();
    (Tavily::new(Some(&fake.base()), key, out, patience()).unwrap(), ledger)
}

fn search(answers: Vec<Answer>, key: Option<&str>) -> (Result<WebResults, String>, Fake, Arc<MemoryLedger>) {
    let fake = Fake::new(answers);
    let (tavily, ledger) = tavily(&fake, key);
    (tavily.search("what is new?", 5), fake, ledger)
}

#[test]
fn a_search_sends_what_the_contract_says() {
    let (found, fake, ledger) = search(vec![json(200, FOUND)], Some(KEY));
    let found = found.unwrap();
    let rows: Vec<_> =
        found.results.iter().map(|row| (row.title.as_str(), row.url.as_str(), row.text.as_str())).collect();
    assert_eq!(rows, [("T", "https://a.example/", "C"), ("https://b.example/", "https://b.example/", "")]);
    assert_eq!((found.credits, ledger.credits("tavily")), (Some(1), 1));
    let asked = &fake.asked()[0];
    assert_eq!(asked.line, "POST /search HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer tvly-test"));
    assert_eq!(asked.header("x-tavily-access-mode"), None);
    let body = asked.json();
    assert_eq!((body["query"].as_str(), body["max_results"].as_u64()), (Some("what is new?"), Some(5)));
    assert!(body.get("api_key").is_none(), "the old field is not used");
    let sent = ledger.sent();
    assert_eq!(
        (sent.len(), sent[0].about.as_str(), sent[0].to.as_str()),
        (1, "what is new?", format!("{}/search", fake.base()).as_str())
    );
    assert!(!format!("{sent:?}").contains(KEY));
}

#[test]
fn without_a_key_it_asks_as_a_guest() {
    let (found, fake, _) = search(vec![json(200, &FOUND.replace("\"1.2\"", "1.2"))], None);
    assert!(found.is_ok());
    let asked = &fake.asked()[0];
    assert_eq!(
        (asked.header("x-tavily-access-mode"), asked.header("authorization")),
        (Some("keyless"), None)
    );
    assert!(asked.json().get("include_usage").is_none());
    let (tavily, _) = tavily(&fake, None);
    assert!(tavily.usage().unwrap_err().contains("TAVILY_API_KEY"));
    assert_eq!(fake.asked().len(), 1, "without a key only search and extract are asked");
}

/// Status, body, how often it is asked, what is said.
#[test]
fn every_refusal_is_told_and_retried_as_agreed() {
    let error = |text: &str| format!(r#"{{"detail":{{"error":"{text}"}}}}"#);
    let guest = r#"{"error":{"code":"keyless_limit","message":"Guests may search 10 times","window":"day","retry_after_seconds":3600,"next_actions":["get a key"]}}"#;
    let list = r#"{"detail":[{"loc":["body","max_results"],"msg":"must be at most 20"}]}"#;
    for (status, body, times, said) in [
        (400, error("bad topic"), 1, "the request is wrong (bad topic)"),
        (422, list.to_owned(), 1, "the request is wrong (body.max_results: must be at most 20)"),
        (401, error("Unauthorized"), 1, "the key is wrong; check TAVILY_API_KEY (Unauthorized)"),
        (403, guest.to_owned(), 1, "Guests may search 10 times; get a key"),
        (429, error("slow down"), 3, "too many requests; try again later (slow down)"),
        (429, guest.to_owned(), 1, "Guests may search 10 times"),
        (432, error("exceeded"), 1, "the plan's credits are used up"),
        (433, error("exceeded"), 1, "the pay-as-you-go limit is reached"),
        (500, "oops".to_owned(), 2, "the server failed (500)"),
        (503, "{}".to_owned(), 2, "the server failed (503)"),
        (302, String::new(), 1, "a redirect (302), which is not followed"),
        (418, String::new(), 1, "status 418"),
        (200, "<html>".to_owned(), 1, "not what was agreed on"),
        (200, r#"{"results":7}"#.to_owned(), 1, "not what was agreed on"),
    ] {
        let (found, fake, _) = search(vec![json(status, &body)], Some(KEY));
        let why = found.unwrap_err();
        assert!(why.contains(said), "{status}: {why}");
        assert_eq!(fake.asked().len(), times, "{status} {body}");
    }
}

#[test]
fn a_retry_waits_as_long_as_it_is_told() {
    let later = |seconds: &str| Answer::Is(429, vec![("retry-after", seconds.to_owned())], Vec::new());
    let began = std::time::Instant::now();
    let (found, fake, _) = search(vec![later("1"), json(200, FOUND)], Some(KEY));
    assert!(found.is_ok() && fake.asked().len() == 2);
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "it came back too early");
    let (found, fake, _) = search(vec![later("3600"), json(200, FOUND)], Some(KEY));
    assert!(found.is_err() && fake.asked().len() == 1, "nobody waits for an hour");
    let (found, fake, _) = search(vec![json(503, ""), json(200, FOUND)], Some(KEY));
    assert!(found.is_ok() && fake.asked().len() == 2);
}

#[test]
fn what_is_not_an_answer_is_a_failure() {
    for answer in [
        Answer::Noise,
        Answer::Flood,
        Answer::Pieces("application/json", vec!["{\"results\": [".into()], Default::default()),
    ] {
        let (found, _, _) = search(vec![answer.clone()], Some(KEY));
        assert!(found.is_err(), "{answer:?}");
    }
    let (out, _) = out();
    let quick = Patience { request: std::time::Duration::from_millis(200), ..patience() };
    let fake = Fake::new([Answer::Silence]);
    let why = Tavily::new(Some(&fake.base()), None, out, quick).unwrap().search("q", 1).unwrap_err();
    assert!(why.contains("no complete answer"), "{why}");
}

#[test]
fn pages_are_extracted_and_failures_are_partial() {
    let fake = Fake::new([json(
        200,
        r#"{"results":[{"url":"https://a/","raw_content":"text"}],"failed_results":[{"url":"https://b/","error":"gone"}],"response_time":0.1}"#,
    )]);
    let (tavily, _) = tavily(&fake, None);
    let got = tavily.extract(&["https://a/".into(), "https://b/".into()]).unwrap();
    assert_eq!(
        got,
        Extracted {
            pages: vec![("https://a/".into(), "text".into())],
            failed: vec![("https://b/".into(), "gone".into())]
        }
    );
    assert_eq!(fake.asked()[0].json()["urls"].as_array().unwrap().len(), 2);
    assert!(tavily.extract(&[]).is_err() && tavily.extract(&vec!["https://a/".into(); 21]).is_err());
}

#[test]
fn a_key_is_tested_without_spending() {
    let fake = Fake::new([
        json(
            200,
            r#"{"key":{"usage":150,"limit":null},"account":{"current_plan":"Bootstrap","plan_usage":500,"plan_limit":15000}}"#,
        ),
        json(401, "{}"),
    ]);
    let (tavily, ledger) = tavily(&fake, Some(KEY));
    let credits = tavily.usage().unwrap();
    assert_eq!(
        (credits.key_used, credits.key_limit, credits.plan_used, credits.plan_limit),
        (Some(150.0), None, Some(500.0), Some(15000.0))
    );
    assert_eq!((fake.asked()[0].line.as_str(), ledger.credits("tavily")), ("GET /usage HTTP/1.1", 0));
    assert!(tavily.usage().unwrap_err().contains("the key is wrong"));
}

fn searxng(answers: Vec<Answer>) -> (Result<WebResults, String>, Fake) {
    let fake = Fake::new(answers);
    let found =
        Searxng::new(&format!("{}/sub/", fake.base()), out().0, patience()).unwrap().search("a b&c", 1);
    (found, fake)
}

#[test]
fn searxng_is_asked_and_read_as_agreed() {
    let (found, fake) = searxng(vec![json(200, SEARX)]);
    let found = found.unwrap();
    assert_eq!(
        (found.results.len(), found.results[0].url.as_str(), found.results[0].text.as_str()),
        (1, "https://s.example/", "")
    );
    let line = &fake.asked()[0].line;
    assert_eq!(
        line,
        "GET /sub/search?q=a+b%26c&format=json&categories=general&language=&pageno=1&time_range=&safesearch= HTTP/1.1"
    );
    let empty = |engines: &str| format!(r#"{{"query":"q","results":[],"unresponsive_engines":{engines}}}"#);
    assert!(searxng(vec![json(200, &empty("[]"))]).0.unwrap().results.is_empty());
    for (answer, said) in [
        (json(403, ""), "its owner must add `json` to `search.formats`"),
        (
            json(200, &empty(r#"[["google","CAPTCHA"],["bing","timeout"]]"#)),
            "google (CAPTCHA), bing (timeout)",
        ),
        (json(200, r#"{"results":[{"title":"no url"}]}"#), "not what was agreed on"),
        (json(429, ""), "too many requests"),
        (json(500, ""), "status 500"),
        (json(301, ""), "redirect"),
    ] {
        let why = searxng(vec![answer]).0.unwrap_err();
        assert!(why.contains(said), "{why}");
    }
}

fn services(tavily: &Fake, searx: &Fake, offline: bool) -> (WebServices, Arc<MemoryLedger>) {
    let ledger = Arc::new(MemoryLedger::default());
    let out = Out::new(offline, ledger.clone());
    let providers = vec![
        Provider::Tavily(Tavily::new(Some(&tavily.base()), Some(KEY), out.clone(), patience()).unwrap()),
        Provider::Searxng(Searxng::new(&searx.base(), out.clone(), patience()).unwrap()),
    ];
    let pages = Pages::new(out.clone(), Arc::new(System), &[]);
    (WebServices::new(out, providers, pages), ledger)
}

#[test]
fn the_next_provider_is_asked_and_the_failure_told() {
    let (first, second) = (Fake::new([json(432, "{}")]), Fake::new([json(200, SEARX)]));
    let (web, ledger) = services(&first, &second, false);
    let found = web.search("q", 5).unwrap();
    assert_eq!((found.provider.as_str(), found.notices.len(), ledger.sent().len()), ("SearXNG", 1, 2));
    assert!(found.notices[0].starts_with("Tavily: the plan's credits are used up"), "{:?}", found.notices);
    // The same question goes out once.
    let again = web.search("q", 5).unwrap();
    assert!(again.cached && again.notices.is_empty() && again.results == found.results);
    assert_eq!(ledger.sent().len(), 2);
}

#[test]
fn when_all_fail_each_reason_is_told_and_nothing_is_cached() {
    let (first, second) = (Fake::new([json(401, "{}")]), Fake::new([json(403, ""), json(200, SEARX)]));
    let (web, _) = services(&first, &second, false);
    let Err(WebError::Failed(why)) = web.search("q", 5) else { panic!() };
    assert!(why.contains("Tavily: the key is wrong") && why.contains("SearXNG: it refuses JSON"), "{why}");
    assert!(web.search("q", 5).is_ok());
}

#[test]
fn secrets_do_not_go_out_and_offline_nothing_does() {
    let (first, second) = (Fake::new([json(200, FOUND)]), Fake::new([json(200, SEARX)]));
    let (web, ledger) = services(&first, &second, false);
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    assert_eq!(
        web.search(&format!("why is {token} refused"), 5),
        Err(WebError::Secret("a GitHub token".into()))
    );
    for url in [
        format!("https://a.example/?t={token}"),
        format!("https://a.example/?t={}", token.replace('_', "%5F")),
    ] {
        assert!(matches!(web.fetch(&url), Err(WebError::Secret(_))), "{url}");
    }
    let (offline, quiet) = services(&first, &second, true);
    assert_eq!(offline.search("q", 5), Err(WebError::Offline));
    assert_eq!(offline.fetch("https://a.example/"), Err(WebError::Offline));
    let pages = Pages::new(Out::new(true, quiet.clone()), Arc::new(System), &[first.base()]);
    assert_eq!(pages.fetch(&first.base()), Err(WebError::Offline));
    assert_eq!(
        (ledger.sent().len() + quiet.sent().len(), first.connections() + second.connections()),
        (0, 0)
    );
    let nobody = WebServices::new(out().0, vec![], Pages::new(out().0, Arc::new(System), &[]));
    assert_eq!(nobody.search("q", 5), Err(WebError::Unconfigured));
}

#[test]
fn the_store_keeps_what_went_out_and_no_query() {
    let home = tempfile::tempdir().unwrap();
    let store = Arc::new(store::Store::open(home.path()).unwrap());
    let fake = Fake::new([json(200, FOUND)]);
    let out = Out::new(false, Arc::new(StoreLedger(store.clone())));
    let tavily = Tavily::new(Some(&fake.base()), Some(KEY), out.clone(), patience()).unwrap();
    let pages = Pages::new(out.clone(), Arc::new(System), &[]);
    let web = WebServices::new(out, vec![Provider::Tavily(tavily)], pages);
    let first = web.search("a very private question", 5).unwrap();
    let again = web.search("a very private question", 5).unwrap();
    assert!(!first.cached && again.cached && fake.asked().len() == 1);
    let sent = store.outgoing().list(10).unwrap();
    assert_eq!(
        (sent.len(), sent[0].method.as_str(), sent[0].address.as_str()),
        (1, "POST", format!("{}/search", fake.base()).as_str())
    );
    assert!(sent[0].sent > 20 && !format!("{sent:?}").contains("private"));
    assert_eq!((sent[0].status, sent[0].received, &sent[0].error), (Some(200), FOUND.len() as u64, &None));
    for (answer, status, why) in [
        (json(200, &"x".repeat(9 << 20)), Some(200), "the answer has more than"),
        (Answer::Noise, None, ""),
        (Answer::Silence, None, "given up before the answer was complete"),
    ] {
        let fake = Fake::new([answer]);
        let out = Out::new(false, Arc::new(StoreLedger(store.clone())));
        let patience = Patience { request: Duration::from_millis(300), ..patience() };
        assert!(Tavily::new(Some(&fake.base()), None, out, patience).unwrap().search("x", 5).is_err());
        let row = store.outgoing().list(1).unwrap().remove(0);
        assert_eq!(row.status, status, "{row:?}");
        assert!(row.error.as_ref().is_some_and(|error| error.contains(why)), "{row:?}");
        assert!(row.millis > 0 || why.is_empty() || status.is_some(), "{row:?}");
    }
    assert_eq!(store.outgoing().charged("tavily").unwrap(), 1.0);
}
