//! No page leads to an address that is not public: spellings × redirects × names that change.

use crate::fake::{Answer, Fake, json};
use agent::seam::WebError;
use remote::{MemoryLedger, Network, Out, Pages, is_public};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A public address that names of the outside have. Connections to it go to the fake.
const OUTSIDE: &str = "93.184.215.14";

/// A network in which names are what the test says, and public addresses are one fake.
struct Stub {
    outside: SocketAddr,
    /// Answers for `turn.example`, one after another.
    turns: Vec<Vec<&'static str>>,
    lookups: AtomicUsize,
    routed: Mutex<Vec<SocketAddr>>,
}

impl Network for Stub {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let at = self.lookups.fetch_add(1, Ordering::SeqCst);
        let host = host.trim_end_matches('.');
        let found: Vec<&str> = match host {
            "turn.example" => self.turns[at.min(self.turns.len() - 1)].clone(),
            "localhost" | "inside.example" | "127.0.0.1.nip.example" => vec!["127.0.0.1", "::1"],
            "mixed.example" => vec!["127.0.0.1", OUTSIDE, "::1", "169.254.169.254"],
            "metadata.example" => vec!["169.254.169.254"],
            "lan.example" => vec!["192.168.1.1", "10.0.0.1", "fd00::1", "fe80::1"],
            "mapped.example" => vec!["::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::"],
            "outside.example" => vec![OUTSIDE],
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(found.into_iter().map(|address| address.parse().unwrap()).collect())
    }

    fn route(&self, address: SocketAddr) -> SocketAddr {
        self.routed.lock().unwrap().push(address);
        self.outside
    }
}

fn stub(fake: &Fake, turns: Vec<Vec<&'static str>>) -> Arc<Stub> {
    Arc::new(Stub { outside: fake.address, turns, lookups: AtomicUsize::new(0), routed: Mutex::default() })
}

fn pages(stub: &Arc<Stub>) -> Pages {
    Pages::new(Out::new(false, Arc::new(MemoryLedger::default())), stub.clone(), &[])
}

fn redirect(to: &str) -> Answer {
    Answer::Is(302, vec![("location", to.to_owned())], Vec::new())
}

/// Spellings of hosts that are not public, with the port of a server that must not be reached.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0177.1",
        "0177.0x0.0.01",
        "127.000.000.001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "00000000",
        "0x0",
        "127.127.127.127",
        "127.255.255.254",
        "10.0.0.1",
        "0xa000001",
        "012.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "3232235521",
        "0xC0A80001",
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[2002:c0a8:1::1]",
        "[2001:0:7f00:1::]",
        "[2001:db8::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[3fff::1]",
        "[fe80::1]",
        "[fe80::7f00:1]",
        "[fec0::1]",
        "[fc00::1]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[ff0e::1]",
        "[100::1]",
        "[5f00::1]",
        "[4000::1]",
        "[1fff::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "LocalHost",
        "inside.example",
        "inside.example.",
        "INSIDE.example",
        "127.0.0.1.nip.example",
        "metadata.example",
        "lan.example",
        "mapped.example",
        "nowhere.example",
        // Dots and digits of other scripts, escapes, invisible characters.
        "127。0。0。1",
        "127．0．0．1",
        "127｡0｡0｡1",
        "①②⑦.⓪.⓪.①",
        "１２７.0.0.1",
        "𝟏𝟐𝟕.0.0.1",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "local%68ost",
        "loc\u{ad}alhost",
        "127.0.0.\u{200b}1",
        "lo\tcalhost",
        "[::1%25lo]",
        "0x7F.0x00.0x00.0x01",
        "0x7f000001.",
    ]
    .map(str::to_owned)
    .to_vec();
    hosts.extend(
        [
            "user@127.0.0.1",
            "outside.example@127.0.0.1",
            "user:pass@localhost",
            "127.0.0.1#@outside.example",
            "a@[::1]",
        ]
        .map(str::to_owned),
    );
    hosts
}

/// What an address that is not http could do.
const SCHEMES: [&str; 9] = [
    "file:///etc/passwd",
    "ftp://outside.example/",
    "gopher://127.0.0.1/",
    "data:text/html,x",
    "javascript:1",
    "ws://outside.example/",
    "http:///",
    "//outside.example",
    "http://",
];

#[test]
fn no_spelling_and_no_redirect_leads_inside() {
    let inside = Fake::new([json(200, "TOP SECRET")]);
    let port = inside.address.port();
    let mut urls: Vec<String> = hosts()
        .iter()
        .flat_map(|host| {
            let (user, rest) = host.split_once('#').unwrap_or((host.as_str(), ""));
            let rest = if rest.is_empty() { String::new() } else { format!("#{rest}") };
            [
                format!("http://{user}:{port}/secret{rest}"),
                format!("https://{user}:{port}/secret{rest}"),
                format!("http:\\\\{user}:{port}\\{rest}"),
            ]
        })
        .collect();
    urls.extend(SCHEMES.map(str::to_owned));
    assert!(urls.len() > 300, "{}", urls.len());
    for url in &urls {
        let outside = Fake::new([redirect(url)]);
        let stub = stub(&outside, vec![]);
        let got = pages(&stub).fetch(url);
        assert!(matches!(&got, Err(WebError::Refused { .. })), "{url}: {got:?}");
        assert_eq!(outside.connections(), 0, "{url}: went out to the public fake, which nobody named");
        assert!(stub.routed.lock().unwrap().is_empty(), "{url} may be connected to");
        // The same address behind a redirect.
        let got = pages(&stub).fetch("http://outside.example/start");
        assert!(matches!(&got, Err(WebError::Refused { .. })), "redirect to {url}: {got:?}");
        let public: IpAddr = OUTSIDE.parse().unwrap();
        assert!(stub.routed.lock().unwrap().iter().all(|address| address.ip() == public), "{url}");
    }
    assert_eq!(inside.connections(), 0, "connections to loopback");
}

#[test]
fn a_name_that_changes_changes_nothing() {
    let url = "http://turn.example/";
    let page = || json(200, "public");
    for turns in [
        vec![vec![OUTSIDE], vec!["127.0.0.1"]],
        vec![vec!["127.0.0.1"], vec![OUTSIDE]],
        vec![vec![OUTSIDE, "127.0.0.1"], vec!["127.0.0.1"]],
        vec![vec!["127.0.0.1", OUTSIDE, "::1"]],
        vec![vec!["::ffff:127.0.0.1", "fe80::1"]],
    ] {
        let inside = |got: &Result<_, WebError>| matches!(got, Err(WebError::Refused { why, .. }) if why.contains("public internet"));
        let outside = Fake::new([page()]);
        let first = stub(&outside, turns.clone());
        let got = pages(&first).fetch(url);
        let public = turns[0].contains(&OUTSIDE);
        assert!(if public { got.is_ok() } else { inside(&got) }, "{turns:?}: {got:?}");
        assert_eq!(first.lookups.load(Ordering::SeqCst), 1, "one lookup, which is the one that counts");
        assert_eq!(
            *first.routed.lock().unwrap(),
            if public { vec![format!("{OUTSIDE}:80").parse().unwrap()] } else { vec![] }
        );
        // After a redirect to itself the name is looked up, and checked, again.
        let outside = Fake::new([redirect(url), page()]);
        let again = stub(&outside, turns.clone());
        let got = pages(&again).fetch(url);
        let still = public && turns.get(1).unwrap_or(&turns[0]).contains(&OUTSIDE);
        assert!(if still { got.is_ok() } else { inside(&got) }, "{turns:?}: {got:?}");
        assert!(again.routed.lock().unwrap().iter().all(|address| is_public(address.ip())));
    }
}

#[test]
fn public_addresses_are_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        OUTSIDE,
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:4860:4860::8888",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}
