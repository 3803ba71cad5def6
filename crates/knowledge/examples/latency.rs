//! How long a question takes among many passages, and how long a look at an unchanged folder takes.
//!
//! usage: latency MODEL_FOLDER [PASSAGES]; prints one JSON object. The files are made of random words in the frequencies
//! of a natural language, the vectors of passages are random; the question goes through the real model.

#![allow(clippy::print_stdout, reason = "a program for measurements")]

use knowledge::Knowledge;
use knowledge::embed::{EmbedError, Embedder};
use knowledge::index::Options;
use knowledge::minilm::MiniLm;
use knowledge::search::{By, Query};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Files of the made folder.
const FILES: usize = 10_000;
/// Distinct words.
const VOCABULARY: f64 = 20_000.0;
/// Questions that are asked.
const QUESTIONS: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().expect("the folder of the embedding model");
    let passages: usize = arguments.next().map_or(100_000, |n| n.parse().expect("a number of passages"));
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut random = Random(7);
    let root = folder.path().join("project");
    make(&root, passages, &mut random);

    let model = MiniLm::open(Path::new(&model), "all-minilm-l6-v2", None).expect("the model opens");
    let embedder = Arc::new(Mixed { model, next: AtomicU64::new(1) });
    let db = folder.path().join("index.db");
    let knowledge = Knowledge::open(&db, Some(embedder)).expect("the index opens");
    let time = |what: &mut dyn FnMut()| {
        let began = Instant::now();
        what();
        began.elapsed().as_secs_f64()
    };
    let mut add =
        || drop(knowledge.add(&root, &Options::default(), &mut |_| true).expect("the folder is indexed"));
    // The second pass reads files again that are younger than two seconds.
    let first = time(&mut add);
    time(&mut add);
    let unchanged = time(&mut add);

    let there = knowledge.roots().expect("the index is read").remove(0);
    let load = time(&mut || {
        ask(&knowledge, "load the vectors", By::Both);
    });
    let questions: Vec<String> = (0..QUESTIONS).map(|_| sentence(&mut random, 7)).collect();
    let mut report = format!(
        "{{\"files\": {}, \"passages\": {}, \"first_s\": {first:.3}, \"unchanged_s\": {unchanged:.3}, \"load_ms\": {:.1}",
        there.files,
        there.passages,
        load * 1e3
    );
    for (name, by) in [("words", By::Words), ("vectors", By::Vectors), ("both", By::Both)] {
        let mut times: Vec<f64> = questions
            .iter()
            .map(|q| {
                1e3 * time(&mut || {
                    ask(&knowledge, q, by);
                })
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        let _ = write!(report, ", \"{name}_p50_ms\": {:.2}, \"{name}_p95_ms\": {:.2}", at(0.5), at(0.95));
    }
    println!("{report}}}");
}

fn ask(knowledge: &Knowledge, text: &str, by: By) -> usize {
    let query = Query { by, ..Query::new(text, 10) };
    knowledge.search(&query).expect("the index is searched").hits.len()
}

/// Files of functions that are large enough not to be joined.
fn make(root: &Path, passages: usize, random: &mut Random) {
    let each = passages / FILES;
    for n in 0..FILES {
        let folder = root.join(format!("m{}", n % 97));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut text = String::new();
        for _ in 0..each {
            let name = sentence(random, 3).replace(' ', "_");
            let _ = write!(text, "/// {}.\nfn {name}() {{\n", sentence(random, 12));
            for _ in 0..8 {
                let _ = writeln!(
                    text,
                    "    {}({});",
                    sentence(random, 2).replace(' ', "_"),
                    sentence(random, 3).replace(' ', ", ")
                );
            }
            text += "}\n\n";
        }
        std::fs::write(folder.join(format!("f{n}.rs")), text).expect("a file");
    }
}

fn sentence(random: &mut Random, words: usize) -> String {
    let word = |_| {
        // Zipf's law: the n-th word is n times as rare as the first.
        let mut n = VOCABULARY.powf(random.next()) as u64;
        let mut word = String::new();
        while n > 0 {
            word.push(char::from(b"bcdfghklmnprstvz"[(n % 16) as usize]));
            word.push(char::from(b"aeiou"[(n / 16 % 5) as usize]));
            n /= 80;
        }
        word
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

/// xorshift64*, for numbers from 0 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Random vectors for passages, those of the model for questions.
struct Mixed {
    model: MiniLm,
    next: AtomicU64,
}

impl Embedder for Mixed {
    fn id(&self) -> &str {
        "mixed"
    }

    fn dims(&self) -> usize {
        self.model.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.len() == 1 {
            return self.model.embed(texts);
        }
        let vector = |_| {
            let mut random =
                Random(self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let raw: Vec<f32> = (0..self.dims()).map(|_| random.next() as f32 - 0.5).collect();
            let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
            raw.into_iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}
