//! The files of a repository at one commit: what the hub says of them.
//!
//! `/api/{kind}/{repo}/revision/{rev}` names the commit and the licence, `/api/{kind}/{repo}/tree/{commit}`
//! lists the files page by page: the header `Link` leads to the next one. The kind is `models` or `datasets`.

use reqwest::Method;
use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::HubError;
use crate::cache::Kind;
use crate::http::{self, Http};
use crate::ids::{BlobId, CommitId, Digest, RelPath, RepoId};
use crate::remote::license_of;
use crate::resolve::Revision;
use crate::verify::Checksum;

/// An answer is cut off here.
const MAX_ANSWER: u64 = 16 << 20;

/// A page has up to 1000 files.
const MAX_PAGES: usize = 100;

/// A commit and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) version: u32,
    pub(crate) commit: CommitId,
    pub(crate) license: Option<String>,
    pub(crate) files: Vec<Listed>,
}

/// One file that can be fetched and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) path: RelPath,
    pub(crate) bytes: u64,
    pub(crate) checksum: Checksum,
}

/// Asks the hub what `repo` holds at `revision`.
pub(crate) fn ask(http: &Http, kind: Kind, repo: &RepoId, revision: &Revision) -> Result<Listing, HubError> {
    #[derive(Deserialize)]
    struct Description {
        sha: CommitId,
        #[serde(default)]
        tags: Vec<String>,
    }
    let api = |parts: [&str; 2]| {
        http.url(["api", kind.plural()].into_iter().chain(repo.as_str().split('/')).chain(parts))
    };
    let url = api(["revision", revision.as_str()]);
    let (description, _): (Description, _) = get(http, &url)?;
    if matches!(revision, Revision::Commit(asked) if *asked != description.sha) {
        let reason = "it answers for another commit than the one asked for".to_owned();
        return Err(HubError::Protocol { host: http::host(&url), reason });
    }
    let mut url = api(["tree", description.sha.as_str()]);
    url.set_query(Some("recursive=true"));
    let files = pages(http, url)?;
    Ok(Listing { version: 1, commit: description.sha, license: license_of(&description.tags), files })
}

/// All pages of a list of files.
fn pages(http: &Http, mut url: Url) -> Result<Vec<Listed>, HubError> {
    let mut files = Vec::new();
    for _ in 0..MAX_PAGES {
        let (page, next): (Vec<Entry>, _) = get(http, &url)?;
        files.extend(page.into_iter().filter_map(Entry::listed));
        match next {
            Some(next) => url = next,
            None => return Ok(files),
        }
    }
    let reason = format!("its list of files has more than {MAX_PAGES} pages");
    Err(HubError::Protocol { host: http::host(&url), reason })
}

/// A row of the list, as the hub writes it.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: Option<String>,
    lfs: Option<Lfs>,
}

/// Where a file is in large file storage: `oid` is its SHA-256.
#[derive(Deserialize)]
struct Lfs {
    oid: Digest,
    size: u64,
}

impl Entry {
    /// Folders, names that could not be saved, and what has no checksum are left out.
    fn listed(self) -> Option<Listed> {
        let path: RelPath = self.path.parse().ok().filter(|_| self.kind == "file")?;
        let (bytes, checksum) = match self.lfs {
            Some(lfs) => (lfs.size, Checksum::Sha256(lfs.oid)),
            None => (self.size, Checksum::GitBlob(self.oid?.parse::<BlobId>().ok()?)),
        };
        Some(Listed { path, bytes, checksum })
    }
}

/// An answer in JSON, and the page after it.
fn get<T: for<'de> Deserialize<'de>>(http: &Http, url: &Url) -> Result<(T, Option<Url>), HubError> {
    let (body, next) = http.retry(|| {
        let response = http.send(&Method::GET, url, &HeaderMap::new(), |_| false)?;
        let next = next_page(url, response.headers());
        Ok((http.small_body(response, MAX_ANSWER)?, next))
    })?;
    let value = serde_json::from_slice(&body).map_err(|error| HubError::Protocol {
        host: http::host(url),
        reason: format!("{} is not what the hub's documents say: {error}", http::shown(url)),
    })?;
    Ok((value, next))
}

/// The target of `rel="next"` (RFC 8288).
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    url.join(next.split_once('<')?.1.split_once('>')?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_list_become_files_that_can_be_checked() {
        let rows = r#"[
            {"type":"directory","oid":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391","size":0,"path":"data"},
            {"type":"file","oid":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391","size":7,"path":"a.json"},
            {"type":"file","oid":"ce013625030ba8dba906f756967f9e9ca394464a","size":9,"path":"data/b.json",
             "lfs":{"oid":"509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c","size":9,"pointerSize":134}},
            {"type":"file","oid":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391","size":7,"path":"../c.json"},
            {"type":"file","size":7,"path":"d.json"}]"#;
        let rows: Vec<Entry> = serde_json::from_str(rows).unwrap();
        let files: Vec<Listed> = rows.into_iter().filter_map(Entry::listed).collect();
        let told: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.bytes, f.checksum.to_string())).collect();
        let lfs = "509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c";
        let git = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        assert_eq!(told, [("a.json", 7, git.to_owned()), ("data/b.json", 9, lfs.to_owned())]);
    }

    #[test]
    fn the_next_page() {
        let url: Url = "https://hub.example/api/datasets/a/b/tree/x?recursive=true".parse().unwrap();
        let next = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, text.parse().unwrap());
            next_page(&url, &headers).map(String::from)
        };
        let cursor = "https://hub.example/api/x?cursor=a%3D";
        assert_eq!(next(&format!("<{cursor}>; rel=\"next\"")).as_deref(), Some(cursor));
        assert_eq!(next("<https://a/>; rel=\"prev\", </p>; rel=\"next\"").unwrap(), "https://hub.example/p");
        assert_eq!(next("<https://a/>; rel=\"prev\""), None);
        assert_eq!(next("rel=\"next\""), None);
    }
}
