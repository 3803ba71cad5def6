//! Clients that do what no client should, on a loopback server with small limits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Live, NAME, engine, loaded, read_all, read_until};
use engine::EngineOptions;
use serde_json::{Value, json};
use server::{Limits, Server, ServerOptions};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Tests that count files and tasks must be alone.
static ALONE: Mutex<()> = Mutex::const_new(());

fn small() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        stall_timeout: Duration::from_millis(300),
        body_bytes: 100_000,
        ..Limits::default()
    }
}

async fn start(limits: Limits) -> Live {
    Live::start(EngineOptions { queue: 4000, ..EngineOptions::default() }, limits).await
}

/// A chat that streams many answers.
fn stream(answers: u32, tokens: u32) -> Value {
    json!({
        "model": NAME, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": tokens, "n": answers,
        "stream": true, "logprobs": true, "top_logprobs": 20, "temperature": 0,
    })
}

/// Files that this process has open.
fn open_files() -> usize {
    std::fs::read_dir("/dev/fd").expect("a list of open files").count()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Files and tasks of a server that has nothing to do.
async fn at_rest(live: &Live) -> (usize, usize) {
    assert!(live.is_healthy().await, "everything is started");
    sleep(Duration::from_millis(100)).await;
    (open_files(), tasks())
}

/// Waits until something is so. A test that hangs here has found a leak.
async fn until(so: impl Fn() -> bool) {
    while !so() {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Settings begin a new round: nobody is turned away between two of them.
#[tokio::test]
async fn who_comes_between_two_rounds_is_answered_by_the_next() {
    let server = Server::bind(ServerOptions { port: 0, ..ServerOptions::default() }).await.unwrap();
    let address = server.address().tcp().unwrap();
    let engine = engine(EngineOptions::default());
    server.round(loaded(&engine), async {}).await;
    let mut early = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    early.write_all(request.as_bytes()).await.unwrap();
    let server =
        server.with(ServerOptions { allowed_hosts: vec!["hone.lan".into()], ..ServerOptions::default() });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let next = tokio::spawn(server.unwrap().run(loaded(&engine), async { drop(stopped.await) }));
    assert!(read_all(&mut early).await.starts_with("HTTP/1.1 200"));
    drop(stop);
    next.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the address is free again");
}

/// Browsers open connections ahead of need: one that has asked nothing neither holds up the end nor is answered after it.
#[tokio::test]
async fn a_connection_that_has_asked_nothing_ends_with_the_server() {
    let hour = Duration::from_secs(3600);
    let patient = Limits { shutdown_grace: hour, header_timeout: hour, ..Limits::default() };
    let live = Live::start(EngineOptions::default(), patient).await;
    let mut silent = live.connect().await;
    assert!(live.is_healthy().await, "so the silent one was accepted before");
    let request = live.head("GET", "/health", "");
    live.stop().await;
    let _ = silent.write_all(request.as_bytes()).await;
    assert_eq!(read_all(&mut silent).await, "");
}

#[tokio::test]
async fn half_open_headers_are_closed_while_others_are_served() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let (files, alive) = at_rest(&live).await;
    let mut silent = Vec::new();
    for index in 0..500 {
        let head: &[u8] = if index % 2 == 0 { b"" } else { b"GET /health HTTP/1.1\r\nHost: 127.0.0.1" };
        silent.push(live.sent(head).await);
    }
    assert!(live.is_healthy().await);
    for stream in &mut silent {
        assert!(!read_all(stream).await.contains("200 OK"));
    }
    drop(silent);
    until(|| open_files() <= files && tasks() <= alive).await;
    assert!(live.is_healthy().await);
}

#[tokio::test]
async fn headers_that_come_byte_by_byte_are_closed() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let mut stream = live.connect().await;
    let head = live.head("GET", "/health", &format!("X-Long: {}\r\n", "x".repeat(10_000)));
    let mut sent = 0;
    for byte in head.as_bytes() {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        sent += 1;
        sleep(Duration::from_millis(10)).await;
    }
    assert!(sent < head.len(), "it was closed before the end");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let mut stream = live.sent(live.head("GET", "/health", "").as_bytes()).await;
    read_until(&mut stream, "\"ok\"").await;
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let head =
        live.head("POST", "/v1/completions", "Content-Type: application/json\r\nContent-Length: 90\r\n");
    let mut stream = live.sent(head.as_bytes()).await;
    stream.write_all(b"{\"prompt\":").await.unwrap();
    let reply = read_all(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("body_timeout"), "{reply}");
}

#[tokio::test]
async fn a_body_of_ten_times_the_limit_is_refused() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let announced = 10 * small().body_bytes;
    let more = format!("Content-Type: application/json\r\nContent-Length: {announced}\r\n");
    let head = live.head("POST", "/v1/completions", &more);

    let mut silent = live.sent(head.as_bytes()).await;
    let reply = read_all(&mut silent).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "announced and never sent: {reply}");

    let mut whole = live.sent(head.as_bytes()).await;
    whole.write_all(&vec![b' '; announced]).await.unwrap();
    let reply = read_until(&mut whole, "body_too_large").await;
    assert!(reply.starts_with("HTTP/1.1 413"), "sent to the end: {reply}");

    let mut asking = live.sent(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").as_bytes()).await;
    let reply = read_until(&mut asking, "body_too_large").await;
    assert!(reply.starts_with("HTTP/1.1 413"), "asked first: {reply}");
}

#[tokio::test]
async fn a_chunked_body_without_end_is_refused() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let more = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let stream = live.sent(live.head("POST", "/v1/chat/completions", more).as_bytes()).await;
    let (mut from, mut to) = stream.into_split();
    let flood = tokio::spawn(async move {
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
        while to.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut reply = [0; 12];
    from.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 413");
    drop(from);
    flood.await.unwrap();
    assert!(live.is_healthy().await);
}

#[tokio::test]
async fn many_large_bodies_at_once_are_refused() {
    let _alone = ALONE.lock().await;
    let limits = Limits { body_bytes: 10_000, body_bytes_total: 15_000, ..Limits::default() };
    let live = start(limits).await;
    let body = json!({"model": NAME, "prompt": "x", "max_tokens": 1, "user": "y".repeat(9_000)});
    let whole = live.post("/v1/completions", &body);
    let (most, rest) = whole.split_at(whole.len() - 10);
    let mut first = live.sent(most).await;
    let reply = loop {
        let mut second = live.sent(&whole).await;
        let reply = read_until(&mut second, "}}").await;
        if !reply.starts_with("HTTP/1.1 200") {
            break reply; // the first one's bytes have arrived
        }
    };
    assert!(reply.starts_with("HTTP/1.1 429") && reply.contains("retry-after"), "{reply}");
    first.write_all(rest).await.unwrap();
    assert!(read_until(&mut first, "}}").await.starts_with("HTTP/1.1 200"), "the first one is not disturbed");
    let mut third = live.sent(&whole).await;
    assert!(read_until(&mut third, "}}").await.starts_with("HTTP/1.1 200"), "the budget is given back");
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let many: String = (0..10_000).map(|index| format!("X-{index}: y\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "y".repeat(1 << 20));
    for more in [many, large] {
        let mut stream = live.connect().await;
        // The server may close before everything is sent.
        let _ = stream.write_all(live.head("GET", "/health", &more).as_bytes()).await;
        let mut reply = vec![0; 12];
        if stream.read_exact(&mut reply).await.is_ok() {
            assert_eq!(reply, b"HTTP/1.1 431");
        }
    }
    assert!(live.is_healthy().await);
}

#[tokio::test]
async fn ambiguous_lengths_are_refused() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let smuggled = live.head("GET", "/health", "");
    for more in
        ["Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: -1\r\n", "Content-Length: 5, 6\r\n"]
    {
        let head = live.head("POST", "/v1/completions", &format!("Content-Type: application/json\r\n{more}"));
        let mut stream = live.sent(format!("{head}{smuggled}").as_bytes()).await;
        let reply = read_all(&mut stream).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{more}: {reply}");
        assert!(!reply.contains("\"ok\""), "{more}: {reply}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let one = live.head("GET", "/health", "") + &live.head("GET", "/v1/nothing", "");
    let last = live.head("GET", "/health", "Connection: close\r\n");
    let mut stream = live.sent((one.repeat(50) + &last).as_bytes()).await;
    let replies = read_all(&mut stream).await;
    let statuses: Vec<&str> = replies.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect();
    assert_eq!(statuses, [["200", "404"].repeat(50), vec!["200"]].concat());
}

#[tokio::test]
async fn a_reader_that_never_reads_is_dropped() {
    let _alone = ALONE.lock().await;
    let live = start(small()).await;
    let (files, alive) = at_rest(&live).await;
    const TIMES: usize = 400; // more than the buffers of the system hold
    let mut deaf = Vec::new();
    let routes = ["/v1/chat/completions", "/docs"];
    for request in [live.post(routes[0], &stream(8, 1000)), live.head("GET", routes[1], "").into()] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(live.address).await.unwrap();
        stream.write_all(&request.repeat(TIMES)).await.unwrap();
        deaf.push(stream);
    }
    // Their own ends stay open, the server's are closed and the engine is free.
    until(|| open_files() <= files + deaf.len() && tasks() <= alive).await;
    until(|| live.engine.stats().running + live.engine.stats().waiting == 0).await;
    let mut counters = live.sent(live.head("GET", "/metrics", "Connection: close\r\n").as_bytes()).await;
    let counters = read_all(&mut counters).await;
    for route in routes {
        let name = format!("hone_http_requests_total{{route=\"{route}\",status=\"200\"}} ");
        let line = counters.lines().find_map(|line| line.strip_prefix(&name)).expect("it was asked for");
        let answered: usize = line.parse().unwrap();
        assert!(answered < TIMES, "{route}: all {answered} answers went into the buffers of the system");
    }
}

#[tokio::test]
async fn a_thousand_streams_that_vanish_leave_nothing() {
    let _alone = ALONE.lock().await;
    let live = start(Limits::default()).await;
    let (files, alive) = at_rest(&live).await;
    let ask = live.post("/v1/chat/completions", &stream(1, 1000));
    let mut streams: Vec<TcpStream> = Vec::new();
    for _ in 0..1000 {
        streams.push(live.sent(&ask).await);
    }
    for stream in &mut streams {
        let opening = read_until(stream, "\"role\":\"assistant\"").await;
        assert!(opening.contains("text/event-stream"), "{opening}");
    }
    let cancelled = live.engine.stats().cancelled_total;
    drop(streams);
    until(|| live.engine.stats().running + live.engine.stats().waiting == 0).await;
    until(|| open_files() <= files && tasks() <= alive).await;
    assert!(live.engine.stats().cancelled_total > cancelled, "some were still being answered");
    assert!(live.is_healthy().await);
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let _alone = ALONE.lock().await;
    let limits = Limits { connections: 2, ..Limits::default() };
    let live = start(limits).await;
    let ask = live.head("GET", "/health", "");
    let (mut first, mut second) = (live.connect().await, live.connect().await);
    for stream in [&mut first, &mut second] {
        stream.write_all(ask.as_bytes()).await.unwrap();
        read_until(stream, "\"ok\"").await;
    }
    let mut third = live.sent(ask.as_bytes()).await;
    let mut reply = [0; 12];
    let early = tokio::time::timeout(Duration::from_millis(200), third.read_exact(&mut reply)).await;
    assert!(early.is_err(), "both places are taken");
    drop(first);
    read_until(&mut third, "\"ok\"").await;
}

#[tokio::test]
async fn an_answer_in_progress_is_finished_at_the_end() {
    let _alone = ALONE.lock().await;
    let live = start(Limits { shutdown_grace: Duration::from_secs(600), ..Limits::default() }).await;
    let mut idle = live.sent(live.head("GET", "/health", "").as_bytes()).await;
    read_until(&mut idle, "\"ok\"").await;
    let mut busy = live.sent(&live.post("/v1/chat/completions", &stream(2, 300))).await;
    let begin = read_until(&mut busy, "assistant").await;
    let address = live.address;
    let stopping = tokio::spawn(live.stop());
    assert_eq!(read_all(&mut idle).await, "", "an idle connection is closed");
    let answer = begin + &read_all(&mut busy).await;
    assert!(answer.contains("data: [DONE]"), "{}", &answer[answer.len().saturating_sub(300)..]);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_answer_does_not_hold_up_the_end_for_ever() {
    let _alone = ALONE.lock().await;
    let live = start(Limits { shutdown_grace: Duration::from_millis(1), ..Limits::default() }).await;
    let engine = std::sync::Arc::clone(&live.engine);
    let mut busy = live.sent(&live.post("/v1/chat/completions", &stream(8, 1500))).await;
    read_until(&mut busy, "assistant").await;
    live.stop().await;
    assert!(!read_all(&mut busy).await.contains("[DONE]"));
    until(|| engine.stats().running + engine.stats().waiting == 0).await;
}
