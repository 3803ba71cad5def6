//! Vectors on a Chroma server: a real one with `./test --peers`, and here one that does as little as it must, or that
//! lies.

use crate::fake::{Answer, Asked, Fake, json};
use crate::{out, patience};
use knowledge::Knowledge;
use knowledge::embed::{EmbedError, Embedder};
use knowledge::index::Options;
use knowledge::search::{By, Note, Query};
use knowledge::vectors::{Entry, VectorStore};
use remote::{Chroma, MemoryLedger, Out};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A letter is a direction: texts with the same letters are near.
struct Letters;

impl Embedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }

    fn dims(&self) -> usize {
        26
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let vector = |text: &&str| {
            let mut sum = vec![0.01f32; 26];
            let letters = text.to_lowercase().into_bytes().into_iter().filter(u8::is_ascii_lowercase);
            letters.for_each(|letter| sum[usize::from(letter - b'a')] += 1.0);
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            sum.into_iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// An index and a folder beside it.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.root()).unwrap();
        files.iter().for_each(|(path, text)| fs::write(project.root().join(path), text).unwrap());
        project
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn on(&self, base: &str) -> Knowledge {
        let chroma = Chroma::new(base, out().0, patience()).unwrap();
        Knowledge::open_with(&self.folder.path().join("chroma.db"), Arc::new(Letters), Arc::new(chroma))
            .unwrap()
    }

    fn here(&self) -> Knowledge {
        Knowledge::open(&self.folder.path().join("here.db"), Some(Arc::new(Letters))).unwrap()
    }
}

fn add(knowledge: &Knowledge, root: &Path) -> u64 {
    knowledge.add(root, &Options::default(), &mut |_| true).unwrap().embedded
}

/// File and similarity of what is found by vectors alone.
fn found(knowledge: &Knowledge, text: &str, project: Option<&Path>) -> Vec<(String, f32)> {
    let answer = knowledge.search(&Query { by: By::Vectors, project, ..Query::new(text, 5) }).unwrap();
    assert_eq!(answer.note, None);
    let near = |hit: knowledge::passage::Hit| (hit.passage.path, (hit.why.similarity.unwrap() * 1e3).round());
    answer.hits.into_iter().map(near).collect()
}

/// What an index does with a server, beside one that keeps its vectors itself.
fn play(base: &str) {
    let files =
        [("a.txt", "apples and pears\n"), ("z.txt", "zig zag zebra\n"), ("q.txt", "quick quiet quest\n")];
    let project = Project::new(&files);
    let (there, here) = (project.on(base), project.here());
    let both = |text: &str, root: Option<&Path>| {
        let (there, here) = (found(&there, text, root), found(&here, text, root));
        assert_eq!(there, here, "{text}");
        there
    };
    assert_eq!((add(&there, &project.root()), add(&here, &project.root())), (3, 3));
    assert_eq!(both("zigzag", None)[0].0, "z.txt");
    assert_eq!(both("apple pear", None)[0].0, "a.txt");

    // A changed file, and one that is gone.
    fs::write(project.root().join("q.txt"), "plain words of another kind\n").unwrap();
    fs::remove_file(project.root().join("z.txt")).unwrap();
    assert_eq!((add(&there, &project.root()), add(&here, &project.root())), (1, 1));
    assert_eq!(both("zigzag", None).len(), 2);

    // Another folder, another index on the same server, and one folder alone.
    let other = project.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("o.txt"), "zig zag zebra\n").unwrap();
    assert_eq!((add(&there, &other), add(&here, &other)), (1, 1));
    assert_eq!(both("zigzag", None)[0].0, "o.txt");
    assert!(both("zigzag", Some(&project.root())).iter().all(|(path, _)| path != "o.txt"));
    let stranger = Project::new(&[("s.txt", "zig zag zebra\n")]);
    let strange = stranger.on(base);
    assert_eq!(add(&strange, &stranger.root()), 1);
    assert_eq!(found(&strange, "zigzag", None), [("s.txt".to_owned(), found(&here, "zigzag", None)[0].1)]);

    there.remove(&other).unwrap();
    here.remove(&other).unwrap();
    assert_eq!(both("zigzag", None).len(), 2);

    // Opened again, it knows what it has.
    drop(there);
    let again = project.on(base);
    assert_eq!(add(&again, &project.root()), 0);
    assert_eq!(found(&again, "apple pear", None)[0].0, "a.txt");

    // More than a request takes.
    let many = project.folder.path().join("many");
    fs::create_dir(&many).unwrap();
    (0..1100).for_each(|n| {
        fs::write(many.join(format!("{n}.txt")), format!("number {n} {}\n", "x".repeat(n % 7))).unwrap()
    });
    assert_eq!(add(&again, &many), 1100);
    assert_eq!(found(&again, "number xxx", Some(&many)).len(), 5);
    again.remove(&many).unwrap();
    assert_eq!(found(&again, "number", None).len(), 2);

    // Its vectors are left there when they are kept here from now on, until they are cleared; a stranger's stay.
    let file = project.folder.path().join("chroma.db");
    assert!(again.left_at().unwrap().is_empty());
    drop(again);
    let local = Knowledge::open(&file, Some(Arc::new(Letters))).unwrap();
    let chroma = Chroma::new(base, out().0, patience()).unwrap();
    assert_eq!(local.left_at().unwrap().into_iter().collect::<Vec<_>>(), [chroma.place()]);
    assert_eq!(add(&local, &project.root()), 2);
    local.clear_left(&chroma).unwrap();
    assert!(local.left_at().unwrap().is_empty());
    // The other way they are sent anew. A second change finds the left ones and takes them out by itself.
    drop(local);
    let there = project.on(base);
    assert_eq!(add(&there, &project.root()), 2);
    drop((there, Knowledge::open(&file, Some(Arc::new(Letters))).unwrap()));
    let there = project.on(base);
    assert_eq!(there.left_at().unwrap().len(), 1);
    assert_eq!(add(&there, &project.root()), 2);
    assert!(there.left_at().unwrap().is_empty());
    // The last folder takes the collection with it.
    there.remove(&project.root()).unwrap();
    strange.remove(&stranger.root()).unwrap();
}

const COLLECTIONS: &str = "/api/v2/tenants/default_tenant/databases/default_database/collections";

/// Collections by id: name, and vectors with their roots by id.
type Kept = BTreeMap<String, (String, BTreeMap<String, (Vec<f32>, Value)>)>;

/// Does what a Chroma server does for hone.
fn fake(kept: &Arc<Mutex<Kept>>) -> Fake {
    let kept = kept.clone();
    Fake::with(move |asked| {
        let kept = &mut kept.lock().unwrap();
        answer(kept, asked)
            .unwrap_or_else(|| json(404, r#"{"error":"NotFoundError","message":"it does not exist"}"#))
    })
}

fn answer(kept: &mut Kept, asked: &Asked) -> Option<Answer> {
    let mut line = asked.line.split(' ');
    let (method, path) = (line.next()?, line.next()?);
    let rest: Vec<&str> = path.strip_prefix(COLLECTIONS)?.split('/').skip(1).collect();
    let described =
        |(id, (name, _)): (&String, &(String, _))| json(200, &value!({"id": id, "name": name}).to_string());
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    match (method, &rest[..]) {
        ("GET", [name]) => kept.iter().find(|(_, (known, _))| known == name).map(described),
        ("DELETE", [name]) => {
            let id = kept.iter().find(|(_, (known, _))| known == name)?.0.clone();
            kept.remove(&id).map(|_| json(200, "{}"))
        }
        ("POST", []) => {
            assert_eq!(body["configuration"]["hnsw"]["space"], "cosine");
            let next = kept.last_key_value().map_or(0, |(id, _)| id[24..].parse::<u64>().unwrap() + 1);
            let id = format!("00000000-0000-4000-8000-{next:012}");
            kept.insert(id.clone(), (body["name"].as_str()?.to_owned(), BTreeMap::new()));
            kept.get_key_value(&id).map(described)
        }
        ("POST", [id, "upsert"]) => {
            let vectors = &mut kept.get_mut(*id)?.1;
            for (n, id) in body["ids"].as_array()?.iter().enumerate() {
                let vector = serde_json::from_value(body["embeddings"][n].clone()).unwrap();
                vectors.insert(id.as_str()?.to_owned(), (vector, body["metadatas"][n].clone()));
            }
            Some(json(200, "{}"))
        }
        ("POST", [id, "delete"]) => {
            let vectors = &mut kept.get_mut(*id)?.1;
            body["ids"].as_array()?.iter().for_each(|id| drop(vectors.remove(id.as_str().unwrap())));
            Some(json(200, "{}"))
        }
        ("POST", [id, "query"]) => {
            let query: Vec<f32> = serde_json::from_value(body["query_embeddings"][0].clone()).unwrap();
            let root = body["where"].get("root");
            let vectors = kept
                .get(*id)?
                .1
                .iter()
                .filter(|(_, (_, about))| root.is_none_or(|root| about["root"] == *root));
            let distance = |vector: &[f32]| 1.0 - vector.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
            let mut near: Vec<(f32, &String)> =
                vectors.map(|(id, (vector, _))| (distance(vector), id)).collect();
            near.sort_by(|a, b| a.partial_cmp(b).unwrap());
            near.truncate(body["n_results"].as_u64()? as usize);
            let (distances, ids): (Vec<f32>, Vec<&String>) = near.into_iter().unzip();
            Some(json(200, &value!({"ids": [ids], "distances": [distances], "documents": null}).to_string()))
        }
        _ => None,
    }
}

#[test]
fn it_keeps_and_finds_what_the_index_itself_would() {
    let kept = Arc::default();
    let server = fake(&kept);
    play(&server.base());
    assert!(kept.lock().unwrap().is_empty(), "no collection is left behind");
    let asked = server.asked();
    let sent: String = asked.iter().map(|asked| asked.body.as_str()).collect();
    assert!(!sent.contains("zebra") && !sent.contains("a.txt"), "neither texts nor names of files are sent");
    assert!(
        asked.iter().all(|asked| asked.json_or_null()["ids"].as_array().is_none_or(|ids| ids.len() <= 1000))
    );
}

#[test]
fn what_is_thrown_away_there_is_told_and_sent_again() {
    let kept: Arc<Mutex<Kept>> = Arc::default();
    let server = fake(&kept);
    let project = Project::new(&[("a.txt", "apples and pears\n")]);
    let knowledge = project.on(&server.base());
    assert_eq!(add(&knowledge, &project.root()), 1);
    kept.lock().unwrap().clear();
    let answer = knowledge.search(&Query::new("pears", 5)).unwrap();
    assert_eq!(answer.hits.len(), 1, "by its words");
    assert!(
        matches!(&answer.note, Some(Note::Failed(why)) if why.contains("`hone index add` sends it again")),
        "{answer:?}"
    );
    assert_eq!(add(&knowledge, &project.root()), 1);
    assert_eq!(found(&knowledge, "pears", None).len(), 1);
}

#[test]
fn a_server_that_lies_or_is_gone_leaves_the_words() {
    let good = "00000000-0000-4000-8000-000000000000";
    let collection = json(200, &value!({"id": good}).to_string());
    let found =
        |ids: Value, distances: Value| json(200, &value!({"ids": ids, "distances": distances}).to_string());
    let long = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    let rows: Vec<(Vec<Answer>, &str)> = vec![
        (vec![json(200, r#"{"id":"../../../admin"}"#)], "that is no id"),
        (vec![json(200, "<html>")], "does not answer as Chroma's API v2 does"),
        (vec![json(200, r#"{"id":7}"#)], "does not answer as Chroma's API v2 does"),
        (vec![Answer::Is(404, vec![], b"nothing here".to_vec())], "no Chroma server with API v2"),
        (vec![json(302, "")], "redirect"),
        (vec![json(401, "{}")], "wants a key"),
        (vec![json(429, "{}")], "too much to do"),
        (vec![json(500, r#"{"message":"out of \u0007 luck"}"#)], "status 500: out of  luck"),
        (vec![Answer::Noise], "is `chroma run` running there?"),
        (vec![Answer::Flood], "more than 1048576 bytes"),
        (
            vec![collection.clone(), found(value!([["1", "1"]]), value!([[0.1, 0.1]]))],
            "ids that hone did not give",
        ),
        (vec![collection.clone(), found(value!([["x"]]), value!([[0.1]]))], "ids that hone did not give"),
        (vec![collection.clone(), found(value!([["1"]]), value!([[]]))], "other results than were asked for"),
        (vec![collection.clone(), found(value!([long(500)]), value!([vec![0.1; 500]]))], "other results"),
        (vec![collection.clone(), found(value!([["1"]]), value!([[1e39]]))], "does not answer as"),
        (
            vec![collection.clone(), found(value!([["1"], ["2"]]), value!([[0.1], [0.1]]))],
            "does not answer as",
        ),
        (vec![collection, found(value!([["1"]]), Value::Null)], "does not answer as"),
    ];
    for (answers, said) in rows {
        let about: String = format!("{answers:?}").chars().take(300).collect();
        let server = Fake::new(answers);
        let chroma = Chroma::new(&server.base(), out().0, patience()).unwrap();
        chroma.begin("test");
        let error = chroma.nearest(&[1.0; 26], 10, None).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains(&server.base()), "{about}: {error}");
    }
    // Ids that no passage has any more are passed over.
    let collection = json(200, &value!({"id": good}).to_string());
    let server = Fake::new([collection, found(value!([["77"]]), value!([[0.5]]))]);
    let project = Project::new(&[]);
    assert!(project.on(&server.base()).search(&Query::new("x", 5)).unwrap().hits.is_empty());
}

#[test]
fn offline_nothing_is_sent_and_what_is_sent_is_written_down() {
    let kept = Arc::default();
    let server = fake(&kept);
    let entry = Entry { id: 1, root: "/r".into(), path: "p".into(), vector: vec![1.0, 0.0] };
    let ledger = Arc::new(MemoryLedger::default());
    let closed = Chroma::new(&server.base(), Out::new(true, ledger.clone()), patience()).unwrap();
    closed.begin("s");
    let error = closed.upsert(std::slice::from_ref(&entry)).unwrap_err().to_string();
    assert!(error.contains("offline") && server.connections() == 0 && ledger.sent().is_empty(), "{error}");

    let open = Chroma::new(&server.base(), Out::new(false, ledger.clone()), patience()).unwrap();
    open.begin("s");
    open.upsert(&[entry]).unwrap();
    let sent = ledger.sent();
    let about: Vec<&str> = sent.iter().map(|sent| sent.about.as_str()).collect();
    assert_eq!(about, ["collection", "collection", "1 vectors to keep"]);
    assert!(
        sent.iter().all(|sent| sent.purpose == "index" && sent.to.starts_with(&server.base())),
        "{sent:?}"
    );
    let statuses: Vec<_> = ledger.answered().into_iter().map(|how| how.unwrap().status).collect();
    assert_eq!(statuses, [Some(404), Some(200), Some(200)]);
}

/// `chroma run` on a free port, ended with this.
struct Real(Child);

impl Real {
    fn start(program: &str, data: &Path) -> (Real, String) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(program);
        command
            .args(["run", "--host", "127.0.0.1", "--port", &port, "--path"])
            .arg(data)
            .env("ANONYMIZED_TELEMETRY", "False");
        let real = Real(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let base = format!("http://127.0.0.1:{port}");
        let chroma = Chroma::new(&base, out().0, patience()).unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while let Err(why) = chroma.version() {
            assert!(Instant::now() < patience, "it does not start: {why}");
            std::thread::sleep(Duration::from_millis(100));
        }
        (real, base)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let mut said = String::new();
        let _ = self.0.stderr.take().map(|mut errors| errors.read_to_string(&mut said));
        println!("{said}");
    }
}

/// What a real server says of its collections.
fn collections(base: &str) -> Value {
    let host = base.strip_prefix("http://").unwrap();
    let mut server = TcpStream::connect(host).unwrap();
    write!(server, "GET {COLLECTIONS} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut reply = String::new();
    server.read_to_string(&mut reply).unwrap();
    serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
#[ignore = "./test --peers runs it"]
fn a_real_server_does_the_same() {
    let Some(program) = std::env::var("HONE_TEST_CHROMA").ok() else {
        return println!("skipped: HONE_TEST_CHROMA names no chroma program");
    };
    let data = tempfile::tempdir().unwrap();
    let (real, base) = Real::start(&program, data.path());
    play(&base);
    assert_eq!(collections(&base), Value::Array(vec![]), "no collection is left behind");
    drop(real);
    // What was kept is there after a restart; what was never there is told.
    let project = Project::new(&[("a.txt", "apples and pears\n")]);
    let (real, base) = Real::start(&program, data.path());
    let knowledge = project.on(&base);
    add(&knowledge, &project.root());
    assert_eq!(found(&knowledge, "pears", None).len(), 1);
    drop(real);
    let answer = knowledge.search(&Query::new("pears", 5)).unwrap();
    assert!(
        matches!(&answer.note, Some(Note::Failed(why)) if why.contains("is `chroma run` running there?")),
        "{answer:?}"
    );
    assert_eq!(answer.hits.len(), 1, "by its words");
    let (_real, base) = Real::start(&program, data.path());
    let again = project.on(&base);
    // Its port is another one now, and so it is another place: everything is sent again.
    assert_eq!(add(&again, &project.root()), 1);
    assert_eq!(found(&again, "pears", None).len(), 1);
}
