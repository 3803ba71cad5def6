//! Server-sent events: how they are written, and a response that sends them.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::Stream;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;

/// A comment is sent when there was no news for this long, so that proxies and clients keep the connection.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The comment.
pub(crate) const WAITING: Bytes = Bytes::from_static(b": waiting\n\n");

/// A response that sends events as they come.
pub(crate) fn respond(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that gather small pieces are asked not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// An event without a name.
pub(crate) fn event(data: &impl Serialize) -> Vec<u8> {
    let mut bytes = b"data: ".to_vec();
    serde_json::to_writer(&mut bytes, data)
        .expect("our events are plain structs, and a Vec takes every write");
    bytes.extend_from_slice(b"\n\n");
    bytes
}

/// An event with a name and a number, by which a client goes on after a broken connection.
pub(crate) fn numbered(id: usize, name: &str, data: &impl Serialize) -> Vec<u8> {
    [format!("id: {id}\nevent: {name}\n").into_bytes(), event(data)].concat()
}
