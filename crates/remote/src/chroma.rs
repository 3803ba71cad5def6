//! Vectors on a Chroma server (HTTP API v2). It is sent vectors, ids and the names of indexed folders, never the text of
//! a file, and it is not trusted: what it answers is bounded and checked.

use crate::key::{Endpoint, EndpointError};
use crate::out::{self, Bounds, Out, OutError, Reply};
use crate::retry::Patience;
use knowledge::vectors::{Entry, Near, VectorError, VectorStore};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of an answer.
const MOST_BYTES: usize = 1 << 20;
/// Vectors of a request; a server takes some thousands.
const VECTORS: usize = 256;
/// Ids of a request.
const IDS: usize = 1000;
/// Candidates that its graph keeps while it searches: more find more, and must be as many as are asked for.
const BREADTH: usize = 200;

/// A client of one server.
#[derive(Debug)]
pub struct Chroma {
    endpoint: Endpoint,
    client: Client,
    out: Out,
    patience: Patience,
    collection: Mutex<Collection>,
}

/// The collection that holds the vectors of an index.
#[derive(Debug, Default)]
struct Collection {
    name: String,
    /// Its id there, once it is known.
    id: Option<String>,
}

/// Why a request has no answer that counts.
enum Fault {
    /// There is no such collection.
    Missing,
    Other(String),
}

/// A collection, as far as it matters.
#[derive(Deserialize)]
struct Described {
    id: String,
}

/// Results for one query.
#[derive(Deserialize)]
struct Found {
    ids: [Vec<String>; 1],
    distances: [Vec<f32>; 1],
}

impl Chroma {
    /// A client of the server at `base`, which the user set.
    pub fn new(base: &str, out: Out, patience: Patience) -> Result<Chroma, EndpointError> {
        let endpoint = Endpoint::new(base, None)?;
        let builder = if endpoint.is_loopback() { out::client().no_proxy() } else { out::client() };
        let client = builder.build().map_err(|_| EndpointError::Address(base.to_owned()))?;
        Ok(Chroma { endpoint, client, out, patience, collection: Mutex::default() })
    }

    /// Asks for the server's version: whether it can be reached and speaks this API.
    pub fn version(&self) -> Result<String, String> {
        let reply = self.ask(Method::GET, "api/v2/version", None, "version").map_err(Fault::into_text)?;
        let version: String = parse(&reply)?;
        Ok(version.chars().filter(|c| !c.is_control()).take(40).collect())
    }

    /// The collection's id, asked for again where `fresh`; none where it is not there.
    fn find(&self, fresh: bool) -> Result<Option<String>, Fault> {
        let name = {
            let collection = self.lock();
            if let Some(id) = collection.id.clone().filter(|_| !fresh) {
                return Ok(Some(id));
            }
            collection.name.clone()
        };
        match self.ask(Method::GET, &format!("{COLLECTIONS}/{name}"), None, "collection") {
            Ok(reply) => self.note(&name, &reply).map(Some),
            Err(Fault::Missing) => {
                self.lock().id = None;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// The collection's id; it is made where it is missing.
    fn make(&self) -> Result<String, Fault> {
        if let Some(id) = self.find(false)? {
            return Ok(id);
        }
        let name = self.lock().name.clone();
        let body = json!({
            "name": name,
            "get_or_create": true,
            "configuration": {"hnsw": {"space": "cosine", "ef_search": BREADTH}},
        });
        let reply = self.ask(Method::POST, COLLECTIONS, Some(body), "collection")?;
        self.note(&name, &reply)
    }

    /// Takes the id out of a description. It becomes a part of addresses, so it must look like one.
    fn note(&self, name: &str, reply: &Reply) -> Result<String, Fault> {
        let Described { id } = parse(reply).map_err(Fault::Other)?;
        if id.len() != 36 || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(Fault::Other("it names a collection by something that is no id".to_owned()));
        }
        let mut collection = self.lock();
        if collection.name == name {
            collection.id = Some(id.clone());
        }
        Ok(id)
    }

    /// A request about the records of the collection.
    fn records(&self, id: &str, what: &str, body: Value, about: &str) -> Result<Reply, Fault> {
        let reply = self.ask(Method::POST, &format!("{COLLECTIONS}/{id}/{what}"), Some(body), about);
        if matches!(reply, Err(Fault::Missing)) {
            self.lock().id = None;
        }
        reply
    }

    fn ask(&self, method: Method, path: &str, body: Option<Value>, about: &str) -> Result<Reply, Fault> {
        let mut request = Request::new(method, self.endpoint.url(path));
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        let bounds = Bounds { time: self.patience.request, bytes: MOST_BYTES };
        let send = || {
            let again = request.try_clone().ok_or(OutError::Network("the request is gone".to_owned()))?;
            self.out.send(&self.client, again, "index", about, bounds)
        };
        let reply = self.patience.run(send).map_err(|error| {
            let advice = if error == OutError::Offline { "" } else { "; is `chroma run` running there?" };
            Fault::Other(format!("{error}{advice}"))
        })?;
        match reply.status {
            200 | 201 => Ok(reply),
            404 if said(&reply).is_empty() => {
                Err(Fault::Other("there is no Chroma server with API v2; check `url`".to_owned()))
            }
            404 => Err(Fault::Missing),
            401 | 403 => Err(Fault::Other("it wants a key, and hone has none for it".to_owned())),
            429 => Err(Fault::Other("it has too much to do; try again later".to_owned())),
            status @ 300..=399 => Err(Fault::Other(format!(
                "it answered with a redirect ({status}), which is not followed; check `url`"
            ))),
            status => Err(Fault::Other(format!("it answered with status {status}{}", said(&reply)))),
        }
    }

    fn failed(&self, fault: Fault) -> VectorError {
        VectorError::Remote { place: self.place(), reason: fault.into_text() }
    }

    fn lock(&self) -> MutexGuard<'_, Collection> {
        self.collection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where collections are, for a server that is not divided among tenants.
const COLLECTIONS: &str = "api/v2/tenants/default_tenant/databases/default_database/collections";

impl VectorStore for Chroma {
    fn place(&self) -> String {
        self.endpoint.base().to_owned()
    }

    fn begin(&self, set: &str) {
        let name = name_of(set);
        let mut collection = self.lock();
        if collection.name != name {
            *collection = Collection { name, id: None };
        }
    }

    fn is_there(&self) -> Result<bool, VectorError> {
        self.find(true).map(|id| id.is_some()).map_err(|fault| self.failed(fault))
    }

    fn upsert(&self, entries: &[Entry]) -> Result<(), VectorError> {
        for part in entries.chunks(VECTORS) {
            let body = json!({
                "ids": part.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>(),
                "embeddings": part.iter().map(|entry| &entry.vector).collect::<Vec<_>>(),
                "metadatas": part.iter().map(|entry| json!({"root": entry.root})).collect::<Vec<_>>(),
            });
            let about = format!("{} vectors to keep", part.len());
            let kept = self.make().and_then(|id| self.records(&id, "upsert", body, &about));
            kept.map_err(|fault| self.failed(fault))?;
        }
        Ok(())
    }

    fn remove(&self, ids: &[i64]) -> Result<(), VectorError> {
        for part in ids.chunks(IDS) {
            let Some(id) = self.find(false).map_err(|fault| self.failed(fault))? else { return Ok(()) };
            let body = json!({"ids": part.iter().map(i64::to_string).collect::<Vec<_>>()});
            match self.records(&id, "delete", body, &format!("{} vectors to forget", part.len())) {
                Ok(_) | Err(Fault::Missing) => {}
                Err(fault) => return Err(self.failed(fault)),
            }
        }
        Ok(())
    }

    fn discard(&self, set: &str) -> Result<(), VectorError> {
        let name = name_of(set);
        match self.ask(
            Method::DELETE,
            &format!("{COLLECTIONS}/{name}"),
            None,
            "vectors to forget, all of them",
        ) {
            Ok(_) | Err(Fault::Missing) => {}
            Err(fault) => return Err(self.failed(fault)),
        }
        let mut collection = self.lock();
        if collection.name == name {
            collection.id = None;
        }
        Ok(())
    }

    fn nearest(&self, query: &[f32], count: usize, root: Option<&str>) -> Result<Vec<Near>, VectorError> {
        let find = || {
            let id = self.find(false)?.ok_or(Fault::Missing)?;
            let mut body = json!({"query_embeddings": [query], "n_results": count, "include": ["distances"]});
            if let Some(root) = root {
                body["where"] = json!({"root": root});
            }
            let reply = self.records(&id, "query", body, "a vector to compare")?;
            let found: Found = parse(&reply).map_err(Fault::Other)?;
            nearest_of(found, count).map_err(Fault::Other)
        };
        find().map_err(|fault| self.failed(fault))
    }
}

/// The collection of a set.
fn name_of(set: &str) -> String {
    format!("hone-{set}")
}

/// Checks results: no more than asked for, ids of passages, nothing twice. What is JSON is a number.
fn nearest_of(
    Found { ids: [ids], distances: [distances] }: Found,
    count: usize,
) -> Result<Vec<Near>, String> {
    if ids.len() != distances.len() || ids.len() > count {
        return Err("it answered with other results than were asked for".to_owned());
    }
    let mut near: Vec<Near> = Vec::with_capacity(ids.len());
    for (id, distance) in ids.iter().zip(distances) {
        let known = id.parse::<i64>().ok().filter(|id| near.iter().all(|near| near.id != *id));
        let id = known.ok_or("it answered with ids that hone did not give")?;
        near.push(Near { id, similarity: (1.0 - distance).clamp(-1.0, 1.0) });
    }
    Ok(near)
}

fn parse<T: for<'de> Deserialize<'de>>(reply: &Reply) -> Result<T, String> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| format!("it does not answer as Chroma's API v2 does ({error})"))
}

/// What it says of a failure, if it does, in one harmless line.
fn said(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text: String =
        body["message"].as_str().unwrap_or("").chars().filter(|c| !c.is_control()).take(200).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

impl Fault {
    fn into_text(self) -> String {
        match self {
            Fault::Missing => {
                "what it kept of this index is not there; `hone index add` sends it again".to_owned()
            }
            Fault::Other(text) => text,
        }
    }
}
