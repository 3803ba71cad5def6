//! How many texts and tokens a second are embedded: `embed_speed FOLDER TEXTS.jsonl THREADS fast|exact SECONDS`.
//! TEXTS.jsonl has one JSON string a line. Prints one JSON object; `bench/embed.py` compares it.

use engine::embed::{Options, Precision, TextEncoder};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, texts, threads, precision, seconds] = args.as_slice() else {
        return Err("usage: embed_speed FOLDER TEXTS.jsonl THREADS fast|exact SECONDS".into());
    };
    let precision = if precision == "exact" { Precision::Exact } else { Precision::Fast };
    let options = Options { threads: Some(threads.parse()?), precision };
    let began = Instant::now();
    let encoder = TextEncoder::open(folder.as_ref(), options)?;
    let open = began.elapsed().as_secs_f64();
    let texts: Vec<String> =
        std::fs::read_to_string(texts)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut tokens = Vec::new();
    texts.iter().for_each(|text| encoder.tokenizer().encode(text, encoder.window(), &mut tokens));
    encoder.embed(&texts);
    let (seconds, began, mut rounds): (f64, _, usize) = (seconds.parse()?, Instant::now(), 0);
    while began.elapsed().as_secs_f64() < seconds {
        encoder.embed(&texts);
        rounds += 1;
    }
    let each = began.elapsed().as_secs_f64() / rounds as f64;
    // One message at a time, as intent is judged.
    let mut single: Vec<f64> = (texts.iter().cycle().take(200))
        .map(|text| {
            let began = Instant::now();
            encoder.embed(&[text]);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    single.sort_by(f64::total_cmp);
    let shortest = texts.iter().min_by_key(|text| text.len()).ok_or("no texts")?;
    let report = serde_json::json!({
        "first": encoder.embed(&[shortest])[0], "open_s": open, "texts_per_s": texts.len() as f64 / each, "tokens_per_s": tokens.len() as f64 / each,
        "single_ms_p50": single[100], "single_ms_p95": single[190],
    });
    #[allow(clippy::print_stdout, reason = "a program's answer")]
    {
        println!("{report}");
    }
    Ok(())
}
