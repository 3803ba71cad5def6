//! What the hub says of a file before it is fetched: its commit, its size, its SHA-256.
//!
//! The hub answers `/{repo}/resolve/{revision}/{file}` with a redirect to where the bytes are. The redirect
//! itself carries `X-Repo-Commit`, `X-Linked-Size` and `X-Linked-ETag`; the last is the object id of large
//! file storage, which is the SHA-256 of the file.

use std::str::FromStr;

use reqwest::Method;
use reqwest::blocking::Response;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use crate::HubError;
use crate::http::{self, Http};
use crate::ids::{CommitId, Digest, RelPath, RepoId};
use crate::resolve::Revision;
use crate::verify::Checksum;

/// The description of a repository is cut off here.
const MAX_DESCRIPTION: u64 = 4 << 20;

/// A file that can be fetched and checked.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Where to fetch it.
    pub(crate) url: Url,
    pub(crate) checksum: Checksum,
    pub(crate) bytes: u64,
}

/// A file of the hub that has been looked up.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) remote: Remote,
    /// The commit that it belongs to, where the hub says so.
    pub(crate) commit: Option<CommitId>,
    pub(crate) digest: Digest,
}

/// What is known of a file before the hub is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

/// Asks the hub for `file` at `revision`. Where the file is `known`, the hub must not say otherwise.
pub(crate) fn look_up(
    http: &Http,
    repo: &RepoId,
    file: &RelPath,
    revision: &Revision,
    known: Option<Known>,
) -> Result<Found, HubError> {
    let url = file_url(http, repo.as_str().split('/'), file, revision.as_str());
    let headers = http.retry(|| {
        let response = http.send(&Method::HEAD, &url, &HeaderMap::new(), describes_file)?;
        Ok(response.headers().clone())
    })?;
    let shown = http::shown(&url);
    let commit: Option<CommitId> = parsed(&headers, "x-repo-commit");
    if let (Revision::Commit(asked), Some(given)) = (revision, &commit)
        && asked != given
    {
        let reason = "it answers for another commit than the one asked for".to_owned();
        return Err(HubError::Protocol { host: http::host(&url), reason });
    }
    let digest = match (parsed::<Digest>(&headers, "x-linked-etag"), known) {
        (Some(given), Some(Known { digest, .. })) if given != digest => {
            let (expected, got) = (digest.to_string(), given.to_string());
            return Err(HubError::DigestMismatch { what: shown, expected, got });
        }
        (_, Some(known)) => known.digest,
        (Some(given), None) => given,
        (None, None) => return Err(HubError::NoDigest { url: shown, missing: "X-Linked-ETag" }),
    };
    let bytes = match (parsed(&headers, "x-linked-size"), known) {
        (Some(got), Some(Known { bytes, .. })) if got != bytes => {
            return Err(HubError::SizeMismatch { what: shown, expected: bytes, got });
        }
        (_, Some(known)) => known.bytes,
        (Some(given), None) => given,
        (None, None) => return Err(HubError::NoDigest { url: shown, missing: "X-Linked-Size" }),
    };
    let at = commit.as_ref().map_or(revision.as_str(), CommitId::as_str);
    let url = file_url(http, repo.as_str().split('/'), file, at);
    Ok(Found { remote: Remote { url, checksum: Checksum::Sha256(digest), bytes }, commit, digest })
}

/// The licence that the description of a repository names. It is worth one question and no failure.
pub(crate) fn license(http: &Http, repo: &RepoId) -> Option<String> {
    #[derive(Deserialize)]
    struct Description {
        #[serde(default)]
        tags: Vec<String>,
    }
    let url = http.url(["api", "models"].into_iter().chain(repo.as_str().split('/')));
    let response = http.send(&Method::GET, &url, &HeaderMap::new(), |_| false).ok()?;
    let body = http.small_body(response, MAX_DESCRIPTION).ok()?;
    let description: Description = serde_json::from_slice(&body).ok()?;
    license_of(&description.tags)
}

/// Where the bytes of a file are; `repo` is the path of its repository.
pub(crate) fn file_url<'a>(
    http: &Http,
    repo: impl IntoIterator<Item = &'a str>,
    file: &'a RelPath,
    revision: &'a str,
) -> Url {
    http.url(repo.into_iter().chain(["resolve", revision]).chain(file.parts()))
}

/// The licence among the tags of a repository.
pub(crate) fn license_of(tags: &[String]) -> Option<String> {
    let license = tags.iter().find_map(|tag| tag.strip_prefix("license:"))?;
    Some(license.chars().filter(|c| !c.is_control()).take(80).collect())
}

/// Whether this answer is the redirect that describes the file.
fn describes_file(response: &Response) -> bool {
    let status = response.status();
    (status.is_success() || status.is_redirection()) && response.headers().contains_key("x-linked-etag")
}

/// The value of a header, without the quotes of a tag.
fn parsed<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim_start_matches("W/").trim_matches('"').parse().ok()
}
