//! One answer of the hub that carries bytes of a file: is it the part that was asked for, and does it flow?

use std::io::{self, Read};
use std::ops::Range;
use std::time::Instant;

use reqwest::blocking::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, StatusCode};

use crate::http::{self, Http};
use crate::remote::Remote;
use crate::{HubError, Patience};

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// An answer whose headers are right, with the body still to come.
pub(crate) struct Body {
    response: Response,
    host: String,
    /// The bytes of the file that the body announces.
    pub(crate) range: Range<u64>,
    /// The tag of the version that they belong to.
    pub(crate) tag: Option<HeaderValue>,
}

impl Body {
    /// Asks for `range` of `remote`. The answer begins there, or at 0 where the server sends the whole file.
    ///
    /// With a strong `tag` a server that has another version by now sends the whole of that.
    pub(crate) fn ask(
        http: &Http,
        remote: &Remote,
        range: &Range<u64>,
        tag: Option<&HeaderValue>,
    ) -> Result<Body, HubError> {
        let whole = *range == (0..remote.bytes);
        let mut headers = HeaderMap::new();
        if !whole {
            let text = format!("bytes={}-{}", range.start, range.end - 1);
            headers.insert(RANGE, HeaderValue::try_from(text).expect("digits are a header value"));
            // A weak tag says nothing about bytes (RFC 9110, section 13.1.5).
            if let Some(tag) = tag.filter(|tag| tag.as_bytes().starts_with(b"\"")) {
                headers.insert(IF_RANGE, tag.clone());
            }
        }
        let response = http.send(&Method::GET, &remote.url, &headers, |_| false)?;
        let host = http::host(response.url());
        let protocol = |reason: String| HubError::Protocol { host: host.clone(), reason };
        let sent = match response.status() {
            StatusCode::OK => 0..remote.bytes,
            StatusCode::PARTIAL_CONTENT if !whole => sent_range(response.headers(), range, remote.bytes)
                .map_err(|given| {
                    protocol(format!("it sent the range `{given}` of {} bytes, not {range:?}", remote.bytes))
                })?,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(protocol(format!("it has no bytes {range:?} of the file")));
            }
            _ => return Err(protocol("it sent a part where the whole was asked for".to_owned())),
        };
        let announced =
            header(response.headers(), CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
        if let Some(length) = announced.filter(|length| *length != sent.end - sent.start) {
            return Err(protocol(format!(
                "it announced {length} bytes where {} belong",
                sent.end - sent.start
            )));
        }
        Ok(Body { tag: response.headers().get(ETAG).cloned(), response, host, range: sent })
    }

    /// Hands those bytes that lie in `wanted` to `take`, with their place in the file.
    ///
    /// Ends early once `wanted` is through; fails when the body ends before.
    pub(crate) fn read(
        mut self,
        wanted: &Range<u64>,
        patience: &Patience,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        let end = self.range.end.min(wanted.end);
        let mut at = self.range.start;
        let mut buffer = vec![0; CHUNK];
        let mut flow = Flow { since: Instant::now(), bytes: 0 };
        while at < end {
            let count = match self.response.read(&mut buffer) {
                Ok(0) => return Err(self.broken("the connection ended too early")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if flow.since.elapsed() >= patience.stall => return Err(self.stalled()),
                Err(_) => return Err(self.broken("the connection broke")),
            };
            let piece = at..(at + count as u64).min(end);
            let known = wanted.start.saturating_sub(piece.start).min(piece.end - piece.start);
            if known < piece.end - piece.start {
                // Both are at most `count`.
                take(piece.start + known, &buffer[known as usize..(piece.end - piece.start) as usize])?;
            }
            at = piece.end;
            if flow.is_stalled(count, patience) {
                return Err(self.stalled());
            }
        }
        Ok(())
    }

    fn stalled(&self) -> HubError {
        HubError::Stalled { host: self.host.clone() }
    }

    fn broken(&self, reason: &str) -> HubError {
        HubError::Network { host: self.host.clone(), reason: reason.to_owned() }
    }
}

/// How much came since when: a trickle is no better than nothing.
struct Flow {
    since: Instant,
    bytes: u64,
}

impl Flow {
    fn is_stalled(&mut self, count: usize, patience: &Patience) -> bool {
        self.bytes += count as u64;
        if self.since.elapsed() < patience.stall {
            return false;
        }
        let stalled = self.bytes < patience.stall_bytes;
        *self = Flow { since: Instant::now(), bytes: 0 };
        stalled
    }
}

/// The range that the headers announce, if it begins where `asked` does, ends no later, and is of a file of
/// `total` bytes. Otherwise what they say instead.
fn sent_range(headers: &HeaderMap, asked: &Range<u64>, total: u64) -> Result<Range<u64>, String> {
    let text = header(headers, CONTENT_RANGE.as_str()).unwrap_or_default();
    parse_content_range(text)
        .filter(|(range, of)| {
            range.start == asked.start && range.end <= asked.end && of.is_none_or(|of| of == total)
        })
        .map(|(range, _)| range)
        .ok_or_else(|| text.chars().take(60).collect())
}

/// `bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4), where the total may be `*`.
fn parse_content_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (first <= last).then_some(())?;
    Some((first..last.checked_add(1)?, total))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(parse_content_range("bytes 0-9/10"), Some((0..10, Some(10))));
        assert_eq!(parse_content_range("bytes 5-5/*"), Some((5..6, None)));
        let max = format!("bytes 0-{}/*", u64::MAX);
        for text in
            ["", "bytes", "bytes 9-0/10", "bytes */10", "bytes -1-2/3", "bytes 0-9", "octets 0-9/10", &max]
        {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_range_that_was_asked_for_is_taken() {
        let sent = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().unwrap());
            sent_range(&headers, &(10..20), 100)
        };
        assert_eq!(sent("bytes 10-19/100"), Ok(10..20));
        assert_eq!(sent("bytes 10-14/100"), Ok(10..15));
        for wrong in ["bytes 0-9/100", "bytes 10-20/100", "bytes 11-19/100", "bytes 10-19/99", "nonsense"] {
            assert_eq!(sent(wrong), Err(wrong.to_owned()));
        }
    }
}
