//! `hone serve`: start, answer, end. What the routes do is tested in the server crate.

use crate::support::{Hone, Run, tiny};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

/// `hone serve` that has said where it listens, and what it said.
fn listening(hone: &Hone, args: &[&str]) -> (Child, String) {
    let mut child = hone.command(&[&["serve"], args].concat()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

impl Server {
    pub(crate) fn start(hone: &Hone, args: &[&str]) -> Server {
        let (child, line) = listening(hone, &[&["--port", "0"], args].concat());
        let address = line.strip_prefix("http://").unwrap_or_else(|| panic!("{line:?}")).to_string();
        Server { child, address }
    }

    /// Status and body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
    }

    /// Waits until the model is loaded; until then the answer is 503.
    pub(crate) fn until_healthy(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            match self.request("GET", "/health", "").0 {
                200 => return,
                503 => std::thread::sleep(Duration::from_millis(10)),
                other => panic!("health is {other}"),
            }
        }
        panic!("the model is not loaded after a minute");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Run {
        self.child.stdout.take();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Run { code: self.child.wait().unwrap().code(), stdout: String::new(), stderr }
    }
}

/// A test that fails leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        // Both do nothing where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn it_answers_and_ends_in_good_order() {
    let hone = Hone::with_model();
    for signal in ["TERM", "INT", "HUP"] {
        let server = Server::start(&hone, &[]);
        server.until_healthy();
        let (status, models) = server.request("GET", "/v1/models", "");
        assert_eq!(status, 200);
        assert!(models.contains("\"llama\""), "{models}");
        let question = r#"{"model":"llama","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#;
        let (status, answer) = server.request("POST", "/v1/chat/completions", question);
        assert_eq!(status, 200, "{answer}");
        // A random model may end its turn early.
        let counted = (1..=4).any(|n| answer.contains(&format!("\"completion_tokens\":{n},")));
        assert!(counted, "{answer}");

        crate::support::signal(signal, server.child.id());
        let run = server.end();
        assert_eq!(run.code, Some(0), "{signal}: {run:?}");
        assert!(run.stderr.contains("ready: llama"), "{run:?}");
    }
}

#[cfg(unix)]
#[test]
fn flags_reach_the_engine() {
    let hone = Hone::with_model();
    let server = Server::start(&hone, &["--context", "64", "--parallel", "2", "--threads", "1"]);
    server.until_healthy();
    crate::support::signal("TERM", server.child.id());
    let said = server.end().stderr;
    assert!(said.contains("context of 64 tokens") && said.contains("1 thread"), "{said}");
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let hone = Hone::with_model();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = hone.fails(1, &["serve", "--port", &port]);
    assert!(said.contains(&port) && said.contains("--port"), "{said}");
}

#[test]
fn other_machines_need_a_key() {
    let hone = Hone::with_model();
    let said = hone.fails(1, &["serve", "--host", "0.0.0.0", "--port", "0"]);
    assert!(said.contains("HONE_API_KEY"), "{said}");
    let said = hone.fails(1, &["serve", "--host", "0.0.0.0", "--port", "0", "--api-key", "secret"]);
    assert!(said.contains("128"), "{said}");
}

#[test]
fn a_key_in_the_environment_guards_the_api() {
    let hone = Hone::with_model();
    let mut command = hone.command(&["serve", "--port", "0"]);
    let mut child = command.env("HONE_API_KEY", "a-key-for-this-test").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_string();
    let mut server = Server { child, address };
    server.until_healthy();
    assert_eq!(server.request("GET", "/v1/models", "").0, 401);
    server.child.kill().unwrap();
    let run = server.end();
    assert!(!run.stderr.contains("a-key-for-this-test"), "{run:?}");
}

#[test]
fn a_model_that_cannot_be_loaded_ends_it() {
    let hone = Hone::new();
    let cut = hone.folder.path().join("cut.gguf");
    let whole = std::fs::read(tiny("llama")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let run = hone.run(&["serve", "--port", "0", "--model", cut.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("cut.gguf"), "{run:?}");
}

#[test]
fn an_adapter_that_is_not_there_ends_it() {
    let hone = Hone::with_model();
    let run = hone.run(&["serve", "--port", "0", "--adapter", "nothing"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("no adapter `nothing`"), "{run:?}");
}

#[test]
fn a_name_can_be_allowed() {
    let hone = Hone::with_model();
    let refused = |name: &str| hone.fails(1, &["serve", "--port", "0", "--allowed-host", name]);
    for bad in ["http://hone.lan", "hone.lan/x", "*.lan", ""] {
        let said = refused(bad);
        assert!(said.contains("host name"), "{bad}: {said}");
    }
    let config = hone.home().join("config.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("allowed_hosts = ['from.config']\n{before}")).unwrap();
    for (args, allowed, other) in [
        (&[][..], "from.config", "hone.lan"),
        (&["--allowed-host", "hone.lan", "--allowed-host", "code.example:443"], "hone.lan", "from.config"),
    ] {
        let mut server = Server::start(&hone, args);
        let port = server.address.rsplit(':').next().unwrap().to_owned();
        let status = |host: &str| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            write!(stream, "GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            reply.split(' ').nth(1).unwrap().to_owned()
        };
        let with_port = |name: &str| format!("{name}:{port}");
        assert_ne!(status(allowed), "403");
        assert_ne!(status(&with_port(allowed)), "403");
        assert_eq!(status(&with_port(other)), "403");
        assert_eq!(status(&format!("{allowed}:1")), "403");
        assert_eq!(status(&with_port("code.example")), "403", "only with the port that was given");
        server.child.kill().unwrap();
        server.end();
    }
}

#[cfg(unix)]
#[test]
fn it_ends_in_good_order_also_when_told_as_soon_as_it_listens() {
    let hone = Hone::with_model();
    let (mut child, _) = listening(&hone, &["--socket", "hone.sock"]);
    crate::support::signal("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!hone.folder.path().join("hone.sock").exists());
}

#[cfg(unix)]
#[test]
fn it_listens_on_a_socket_that_only_its_user_can_open() {
    use std::os::unix::fs::PermissionsExt;
    let hone = Hone::with_model();
    let path = hone.folder.path().join("hone.sock");
    let (mut child, line) = listening(&hone, &["--socket", "hone.sock"]);
    assert_eq!(line, format!("unix:{}", path.canonicalize().unwrap().display()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    write!(stream, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    crate::support::signal("TERM", child.id());
    assert!(child.wait().unwrap().success());
    assert!(!path.exists());
    let said = hone.fails(2, &["serve", "--socket", "hone.sock", "--port", "80"]);
    assert!(said.contains("--port"), "{said}");
}
