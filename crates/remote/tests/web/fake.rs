//! A server on loopback that answers from a script and keeps what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    pub(crate) fn json_or_null(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status, headers, body.
    Is(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These pieces with this long between them, then the end.
    Pieces(&'static str, Vec<String>, Duration),
    /// Nothing, with the connection open.
    Silence,
    /// Not even HTTP.
    Noise,
    /// Bytes without end.
    Flood,
}

pub(crate) fn json(status: u16, body: &str) -> Answer {
    Answer::Is(status, vec![("content-type", "application/json".into())], body.into())
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    /// Connections whose client went away before the answer was complete.
    pub(crate) gone: Arc<AtomicUsize>,
}

impl Fake {
    /// Gives the answers in their order; the last one again and again.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Fake {
        let answers: Mutex<VecDeque<Answer>> = Mutex::new(answers.into_iter().collect());
        Fake::with(move |_| {
            let mut answers = answers.lock().unwrap();
            let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            answer.unwrap_or_else(|| json(500, "{}"))
        })
    }

    /// Answers as `answer` says.
    pub(crate) fn with(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Fake {
        let answer = Arc::new(answer);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Fake {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            connections: Arc::default(),
            gone: Arc::default(),
        };
        let (asked, connections, gone) = (fake.asked.clone(), fake.connections.clone(), fake.gone.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (asked, answer, gone) = (asked.clone(), answer.clone(), gone.clone());
                std::thread::spawn(move || {
                    if serve(stream.unwrap(), &asked, &*answer).is_none() {
                        gone.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        fake
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// `None` when the client has gone.
fn serve(
    stream: TcpStream,
    asked: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(&Asked) -> Answer + ?Sized),
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    let request = Asked { line: line.trim_end().to_owned(), headers, body };
    asked.lock().unwrap().push(request.clone());
    let mut out = stream;
    match answer(&request) {
        Answer::Is(status, headers, body) => {
            let mut head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            out.write_all(format!("{head}\r\n").as_bytes()).ok()?;
            out.write_all(&body).ok()
        }
        Answer::Pieces(kind, pieces, pause) => {
            out.write_all(
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\n\r\n").as_bytes(),
            )
            .ok()?;
            for piece in pieces {
                out.write_all(piece.as_bytes()).ok()?;
                std::thread::sleep(pause);
            }
            Some(())
        }
        Answer::Silence => reader.read(&mut [0]).ok().filter(|&n| n > 0).map(drop),
        Answer::Noise => out.write_all(b"\x00\x01 what?\r\n\r\n").ok(),
        Answer::Flood => {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n").ok()?;
            loop {
                out.write_all(&[b'x'; 65536]).ok()?;
            }
        }
    }
}
