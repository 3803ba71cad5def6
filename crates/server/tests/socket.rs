//! The Unix socket: nobody else can open it, and everything else is as on a port.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{engine, loaded};
use engine::EngineOptions;
use server::{Server, ServerOptions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

fn options(path: &Path) -> ServerOptions {
    ServerOptions { socket: Some(PathBuf::from(path)), ..ServerOptions::default() }
}

async fn ask(path: &Path, host: &str, more: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = format!("GET /v1/models HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn it_is_private_and_answers_and_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hone.sock");
    let server = Server::bind(options(&path)).await.unwrap();
    assert_eq!(server.address().to_string(), format!("unix:{}", path.display()));
    let there = std::fs::symlink_metadata(&path).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o600);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let state = loaded(&engine(EngineOptions::default()));
    let running = tokio::spawn(server.run(state, async { drop(stopped.await) }));
    assert_eq!(ask(&path, "localhost", "").await, "HTTP/1.1 200 OK");
    for (host, more) in [
        ("evil.example", ""),
        ("", ""),
        ("localhost", "Origin: http://evil.example\r\n"),
        ("localhost", "Sec-Fetch-Site: cross-site\r\n"),
    ] {
        assert_eq!(ask(&path, host, more).await, "HTTP/1.1 403 Forbidden", "{host} {more}");
    }
    let busy = Server::bind(options(&path)).await.err().expect("refused").to_string();
    assert!(busy.contains("another server") && busy.contains("hone.sock"), "{busy}");
    assert_eq!(ask(&path, "localhost", "").await, "HTTP/1.1 200 OK", "and it is not disturbed");
    drop(stop);
    running.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn what_a_killed_server_left_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hone.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap()); // nobody listens any more
    assert!(path.exists());
    drop(Server::bind(options(&path)).await.unwrap());
    std::fs::write(&path, "mine").unwrap();
    let refused = Server::bind(options(&path)).await.err().expect("refused").to_string();
    assert!(refused.contains("another file"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let missing =
        Server::bind(options(&folder.path().join("no/such/folder"))).await.err().unwrap().to_string();
    assert!(missing.contains("no/such/folder"), "{missing}");
}
