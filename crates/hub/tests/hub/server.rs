//! A hub on loopback: the resolver and, on another port, the host that has the bytes. Both can misbehave.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Rng, sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const SPEC: &str = "hf:acme/coder/model.gguf";
pub(crate) const TOKEN: &str = "hf_test_token";

/// One misdeed of the host that has the bytes. Offsets count from the start of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Ends after so many bytes, politely or with a reset.
    Cut { after: usize, reset: bool },
    /// Sends so many bytes, then nothing, with the connection open.
    Stall { after: usize },
    /// Sends a byte now and then.
    Drip,
    /// One bit of the answer is wrong.
    Flip { at: usize },
    /// All bytes of this part of the file are wrong.
    Garbage(Range<u64>),
    /// The headers say another range than was asked for.
    WrongRange,
    /// The right headers with the bytes from elsewhere in the file.
    Shifted,
    /// 200 and the whole file, whatever range was asked for.
    Whole,
    /// 206 with fewer bytes than were asked for, which is allowed.
    ShortRange,
    /// 416 for a range that exists.
    NoSuchRange,
    /// From now on the file has another tag, as if it were another version.
    NewTag,
    /// This answer has no tag.
    NoTag,
    /// This answer does not say how long it is.
    NoLength,
    /// This answer announces more bytes, and sends them.
    Oversize,
    /// This answer announces fewer bytes than the range has.
    Undersize,
    /// An error instead of bytes; 429 and 503 come with `Retry-After: 0`.
    Status(u16),
    /// A page of HTML with status 200.
    Html,
    /// Not even HTTP.
    Noise,
    /// One redirect more, to the same place under another name.
    Detour,
}

/// What the resolver says when it is asked for the file.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16, &'static str),
    /// 429 with this in `Retry-After`.
    Later(&'static str),
    /// Leaves this header of the description out.
    Without(&'static str),
    /// Replaces headers of the description.
    With(Vec<(&'static str, String)>),
    /// Redirects to this place without describing anything.
    Redirect(String),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at_resolver: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

/// A running hub with one file, `acme/coder/model.gguf`, which it also gives for every file of Qwen's.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<State>,
}

struct State {
    content: Vec<u8>,
    sha256: String,
    bytes_port: u16,
    resolver_port: u16,
    faults: Mutex<VecDeque<Fault>>,
    /// Served to every request for bytes, after the queue of faults is empty.
    always: Mutex<Option<Fault>>,
    answers: Mutex<VecDeque<Answer>>,
    tag: Mutex<u32>,
    seen: Mutex<Vec<Seen>>,
    sent: Mutex<u64>,
    stop: AtomicBool,
}

impl Hub {
    /// Starts a hub that has `content` as its only file.
    pub(crate) fn start(content: Vec<u8>) -> Hub {
        let (resolver, bytes) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            sha256: sha256(&content),
            content,
            bytes_port: port(&bytes),
            resolver_port: port(&resolver),
            faults: Mutex::default(),
            always: Mutex::default(),
            answers: Mutex::default(),
            tag: Mutex::new(1),
            seen: Mutex::default(),
            sent: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let endpoint = format!("http://127.0.0.1:{}", port(&resolver));
        listen(resolver, &state, State::resolve);
        listen(bytes, &state, State::send_bytes);
        Hub { endpoint, state }
    }

    /// Misdeeds for the next requests for bytes, one each.
    pub(crate) fn faults(&self, faults: impl IntoIterator<Item = Fault>) -> &Hub {
        self.state.faults.lock().unwrap().extend(faults);
        self
    }

    /// What happens to every further request for bytes.
    pub(crate) fn always(&self, fault: Option<Fault>) -> &Hub {
        *self.state.always.lock().unwrap() = fault;
        self
    }

    /// What the resolver says to the next requests for the file.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Answer>) -> &Hub {
        self.state.answers.lock().unwrap().extend(answers);
        self
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Bytes of bodies that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        *self.state.sent.lock().unwrap()
    }

    /// Requests for bytes so far.
    pub(crate) fn fetches(&self) -> usize {
        self.seen().iter().filter(|seen| !seen.at_resolver && seen.method == "GET").count()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        for port in [self.state.resolver_port, self.state.bytes_port] {
            let _ = TcpStream::connect(("127.0.0.1", port));
        }
    }
}

fn listen(listener: TcpListener, state: &Arc<State>, handle: fn(&State, &mut TcpStream, &Seen)) {
    let state = state.clone();
    let at_resolver = listener.local_addr().unwrap().port() == state.resolver_port;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if state.stop.load(Ordering::Relaxed) {
                return;
            }
            let (Ok(mut stream), state) = (stream, state.clone()) else { continue };
            std::thread::spawn(move || {
                let Some(seen) = read_request(&stream, at_resolver) else { return };
                state.seen.lock().unwrap().push(seen.clone());
                handle(&state, &mut stream, &seen);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
}

fn read_request(stream: &TcpStream, at_resolver: bool) -> Option<Seen> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Seen { at_resolver, method, path, headers })
}

impl State {
    fn resolve(&self, stream: &mut TcpStream, seen: &Seen) {
        if let Some(path) = seen.path.strip_prefix("/api/datasets/acme/") {
            return self.describe_data(stream, path);
        }
        if let Some(path) = seen.path.strip_prefix("/datasets/acme/") {
            return self.send_data(stream, path, seen);
        }
        if seen.path == "/api/models/acme/coder" {
            let body = format!(r#"{{"sha":"{COMMIT}","tags":["gguf","license:mit"]}}"#);
            return write_head(
                stream,
                200,
                &[("Content-Length", body.len().to_string())],
                Some(body.as_bytes()),
            );
        }
        let acme = ["main", COMMIT].map(|revision| format!("/acme/coder/resolve/{revision}/model.gguf"));
        if !acme.contains(&seen.path) && !seen.path.starts_with("/Qwen/") {
            return write_head(stream, 404, &[("X-Error-Code", "EntryNotFound".into())], None);
        }
        let mut headers = vec![
            ("X-Repo-Commit", COMMIT.to_owned()),
            ("X-Linked-Size", self.content.len().to_string()),
            ("X-Linked-ETag", format!("\"{}\"", self.sha256)),
            ("ETag", "\"of-the-redirect\"".to_owned()),
            ("Location", format!("http://127.0.0.1:{}/blob?Signature=secret", self.bytes_port)),
        ];
        // Only the question what the file is meets a prepared answer.
        let answer = if seen.method == "HEAD" { self.answers.lock().unwrap().pop_front() } else { None };
        match answer {
            None => {}
            Some(Answer::Status(status, code)) => {
                let headers = [("X-Error-Code", code.to_owned()), ("Retry-After", "0".to_owned())];
                return write_head(stream, status, &headers, None);
            }
            Some(Answer::Later(when)) => {
                return write_head(stream, 429, &[("Retry-After", when.to_owned())], None);
            }
            Some(Answer::Without(name)) => headers.retain(|(known, _)| *known != name),
            Some(Answer::With(others)) => {
                headers.retain(|(known, _)| others.iter().all(|(name, _)| known != name));
                headers.extend(others);
            }
            Some(Answer::Redirect(place)) => return write_head(stream, 302, &[("Location", place)], None),
        }
        write_head(stream, 302, &headers, None);
    }

    /// The API of data sets: `rows` has files in large storage, `small` has one that git keeps, `none` has no
    /// rows. The list of files has two pages.
    fn describe_data(&self, stream: &mut TcpStream, path: &str) {
        match self.answers.lock().unwrap().pop_front() {
            Some(Answer::Status(status, code)) => {
                let headers = [("X-Error-Code", code.to_owned()), ("Retry-After", "0".to_owned())];
                return write_head(stream, status, &headers, None);
            }
            Some(Answer::Later(when)) => {
                return write_head(stream, 429, &[("Retry-After", when.into())], None);
            }
            Some(Answer::Redirect(place)) => return write_head(stream, 307, &[("Location", place)], None),
            _ => {}
        }
        let size = self.content.len();
        let (oid, sha256) = (git_blob(&self.content), &self.sha256);
        let readme = format!(r#"{{"type":"file","oid":"{COMMIT}","size":9,"path":"README.md"}}"#);
        let large = |path: &str| {
            format!(
                r#"{{"type":"file","oid":"{COMMIT}","size":{size},"path":"{path}","lfs":{{"oid":"{sha256}","size":{size},"pointerSize":130}}}}"#
            )
        };
        let git = format!(r#"{{"type":"file","oid":"{oid}","size":{size},"path":"rows.jsonl"}}"#);
        let (repo, question) = path.split_once('/').unwrap();
        let first = format!("tree/{COMMIT}?recursive=true");
        let second = format!("{first}&cursor=2");
        let about = ["main", COMMIT].iter().any(|revision| question == format!("revision/{revision}"));
        let link = format!(
            "<http://127.0.0.1:{}/api/datasets/acme/{repo}/{second}>; rel=\"next\"",
            self.resolver_port
        );
        let (body, headers) = match repo {
            _ if about => {
                (format!(r#"{{"sha":"{COMMIT}","tags":["license:cc-by-4.0"],"siblings":[]}}"#), vec![])
            }
            _ if question == first => (format!("[{readme}]"), vec![("Link", link)]),
            "rows" if question == second => {
                (format!("[{},{}]", large("data/train-0.jsonl"), large("data/test-0.jsonl")), vec![])
            }
            "small" if question == second => (format!("[{git}]"), vec![]),
            "none" if question == second => ("[]".to_owned(), vec![]),
            _ => return write_head(stream, 404, &[("X-Error-Code", "RepoNotFound".into())], None),
        };
        let headers = [&[("Content-Length", body.len().to_string())][..], &headers].concat();
        write_head(stream, 200, &headers, Some(body.as_bytes()));
    }

    /// Large files are elsewhere; small ones come at once.
    fn send_data(&self, stream: &mut TcpStream, path: &str, seen: &Seen) {
        if path == format!("rows/resolve/{COMMIT}/data/train-0.jsonl") {
            let place = format!("http://127.0.0.1:{}/blob?Signature=secret", self.bytes_port);
            return write_head(stream, 302, &[("Location", place)], None);
        }
        if path == format!("small/resolve/{COMMIT}/rows.jsonl") {
            return self.send_bytes(stream, seen);
        }
        write_head(stream, 404, &[("X-Error-Code", "EntryNotFound".into())], None);
    }

    fn send_bytes(&self, stream: &mut TcpStream, seen: &Seen) {
        if seen.method == "HEAD" {
            return write_head(stream, 200, &[("Content-Length", self.content.len().to_string())], None);
        }
        let fault = self.faults.lock().unwrap().pop_front().or_else(|| self.always.lock().unwrap().clone());
        if fault == Some(Fault::NewTag) {
            *self.tag.lock().unwrap() += 1;
        }
        let tag = format!("\"version-{}\"", self.tag.lock().unwrap());
        match fault {
            Some(Fault::Status(status)) => {
                return write_head(stream, status, &[("Retry-After", "0".into())], Some(b"no"));
            }
            Some(Fault::NoSuchRange) => {
                return write_head(stream, 416, &[("Content-Range", "bytes */1".into())], None);
            }
            Some(Fault::Html) => {
                return write_head(stream, 200, &[], Some(b"<html>Sign in to the network</html>"));
            }
            Some(Fault::Noise) => return drop(stream.write_all(b"\0\x01 this is no HTTP\r\n\r\n")),
            Some(Fault::Detour) => {
                let place = format!("http://localhost:{}/blob?again", self.bytes_port);
                return write_head(stream, 307, &[("Location", place)], None);
            }
            _ => {}
        }
        self.send_range(stream, seen, fault, tag);
    }

    fn send_range(&self, stream: &mut TcpStream, seen: &Seen, fault: Option<Fault>, tag: String) {
        let size = self.content.len() as u64;
        let same = seen.headers.get("if-range").is_none_or(|asked| *asked == tag);
        let asked = seen.headers.get("range").and_then(|text| parse_range(text, size));
        let asked = asked.filter(|_| same && fault != Some(Fault::Whole));
        let status = if asked.is_some() { 206 } else { 200 };
        let mut range = asked.clone().unwrap_or(0..size);
        if fault == Some(Fault::ShortRange) && asked.is_some() {
            range.end = range.start + (range.end - range.start).div_ceil(2);
        }
        let mut body = self.content[range.start as usize..range.end as usize].to_vec();
        let mut shown = range.clone();
        let mut length = Some(body.len());
        let mut headers = vec![("ETag", tag)];
        match &fault {
            Some(Fault::WrongRange) => shown = (range.start + 1)..(range.end + 1),
            Some(Fault::Shifted) => body.rotate_left(1),
            Some(Fault::Flip { at }) if !body.is_empty() => {
                let at = at % body.len();
                body[at] ^= 0x10;
            }
            Some(Fault::Garbage(bad)) => {
                let noise = Rng(bad.start + 1).bytes(body.len());
                let bad = |at: usize| bad.contains(&(range.start + at as u64));
                for at in (0..body.len()).filter(|at| bad(*at)) {
                    body[at] = noise[at] | 1;
                }
            }
            Some(Fault::NoTag) => headers.clear(),
            Some(Fault::NoLength) => length = None,
            Some(Fault::Oversize) => {
                body.extend_from_slice(b"and more");
                length = Some(body.len());
            }
            Some(Fault::Undersize) => length = Some(body.len() / 2),
            _ => {}
        }
        if status == 206 {
            headers.push((
                "Content-Range",
                format!("bytes {}-{}/{size}", shown.start, shown.end.saturating_sub(1)),
            ));
        }
        headers.extend(length.map(|length| ("Content-Length", length.to_string())));
        write_head(stream, status, &headers, None);
        self.send_body(stream, &body, fault);
    }

    fn send_body(&self, stream: &mut TcpStream, body: &[u8], fault: Option<Fault>) {
        let send = |stream: &mut TcpStream, bytes: &[u8]| {
            *self.sent.lock().unwrap() += bytes.len() as u64;
            let _ = stream.write_all(bytes);
        };
        match fault {
            Some(Fault::Cut { after, reset }) => {
                send(stream, &body[..after.min(body.len())]);
                if reset {
                    let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
                }
            }
            Some(Fault::Stall { after }) => {
                send(stream, &body[..after.min(body.len())]);
                self.sleep_while_wanted(stream, Duration::from_secs(20));
            }
            Some(Fault::Drip) => {
                for byte in body.chunks(1).take(4000) {
                    if stream.write_all(byte).is_err() || self.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            _ => send(stream, body),
        }
    }

    /// Keeps the connection open until the other side has had enough.
    fn sleep_while_wanted(&self, stream: &mut TcpStream, longest: Duration) {
        let _ = stream.set_read_timeout(Some(longest));
        let _ = std::io::Read::read(stream, &mut [0; 1]);
    }
}

/// The object id that git gives to `content`.
pub(crate) fn git_blob(content: &[u8]) -> String {
    use sha1::{Digest as _, Sha1};
    let hash = Sha1::new().chain_update(format!("blob {}\0", content.len())).chain_update(content).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < size).then_some(first..last + 1)
}

fn write_head(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], body: Option<&[u8]>) {
    let mut text = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    let _ = stream.write_all(&bytes);
}
