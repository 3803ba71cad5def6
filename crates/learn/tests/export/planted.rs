//! Secrets to plant in conversations, and the search for them.

use crate::kept::Kept;
use store::{FeedbackKind, Provenance, Span};

/// Two hundred secrets of twenty kinds, none like another; others for another seed.
pub(crate) fn canaries(seed: u64) -> Vec<String> {
    let mut state = seed;
    let mut draw = move |alphabet: &[u8], length: usize| -> String {
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            alphabet[(state >> 33) as usize % alphabet.len()] as char
        };
        (0..length).map(|_| letter()).collect()
    };
    let alnum = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    let (hex, upper) = (b"0123456789abcdef", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    let kinds: [(&str, &[u8], usize); 20] = [
        ("ghp_", alnum, 36),
        ("AKIA", upper, 16),
        ("sk-proj-", alnum, 48),
        ("xoxb-1234-", alnum, 24),
        ("glpat-", alnum, 20),
        ("hf_", alnum, 34),
        ("npm_", alnum, 36),
        ("sk_live_", alnum, 24),
        ("AIza", alnum, 35),
        ("dop_v1_", hex, 64),
        ("hvs.", alnum, 90),
        ("api_key=", alnum, 32),
        ("PASSWORD=", alnum, 14),
        ("Authorization: Bearer ", alnum, 40),
        ("token: ", hex, 40),
        ("postgres://app:", alnum, 16),
        ("lin_api_", alnum, 40),
        ("secret_", alnum, 43),
        ("", alnum, 44),
        ("client_secret=", alnum, 30),
    ];
    let secret = |n: usize, draw: &mut dyn FnMut(&[u8], usize) -> String| {
        let (prefix, alphabet, length) = kinds[n % kinds.len()];
        let end = if prefix.starts_with("postgres") { "@db/shop" } else { "" };
        format!("{prefix}{}{end}", draw(alphabet, length))
    };
    (0..200).map(|n| secret(n, &mut draw)).collect()
}

/// The part of a secret that must not be found anywhere, as it is and in other writings.
pub(crate) fn writings(secret: &str) -> Vec<String> {
    let core = secret.trim_end_matches("@db/shop");
    let core = core.rsplit([' ', '=', ':']).next().unwrap().to_owned();
    let hex: String = core.bytes().map(|byte| format!("{byte:02x}")).collect();
    let url: String = core.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // Base64 of a text inside of another one begins at one of three places; its inner letters are the same.
    let base64 = (0..3)
        .map(|shift| base64(&format!("{}{core}", &"   "[..shift]))[4..].trim_end_matches('=').to_owned());
    let mut all: Vec<String> = base64.map(|text| text[..text.len() - 2].to_owned()).collect();
    all.extend([core, hex, url]);
    all
}

pub(crate) fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let n = three.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(n >> (18 - 6 * at) & 63) as usize] as char;
            out.push(if at <= three.len() { letter } else { '=' });
        }
    }
    out
}

/// Every place in a conversation where a secret may stand.
pub(crate) fn plant(kept: &Kept, n: usize, secret: &str) {
    let chat = kept.chat();
    let harmless = format!("Here is what number {n} does.");
    match n % 7 {
        0 => drop(kept.say(chat, &format!("why does {secret} fail?"), &harmless)),
        1 => drop(kept.say(
            chat,
            &format!("what do I set, {n}?"),
            &format!("Set it like this:\n```\n{secret}\n```\n"),
        )),
        2 => {
            let answer = kept.say(chat, &format!("what is the config of {n}?"), &harmless);
            kept.react(answer, FeedbackKind::Edited, Some(&format!("Write {secret} into it.")));
        }
        3 => {
            // What the edit takes out must not come back as the rejected answer.
            let answer =
                kept.say(chat, &format!("how do I log in to {n}?"), &format!("Use {secret} for that."));
            kept.react(answer, FeedbackKind::Edited, Some("Use the variable for that."));
        }
        4 => {
            kept.say(chat, &format!("remember {secret}"), &harmless);
            kept.say(chat, &format!("and now question {n}?"), "A good answer to it.");
        }
        5 => {
            let file = Span::new(format!("header: {secret}\n"), Provenance::File).from("config.yml:1-2");
            let typed = Span::new(format!("what does this do, {n}?"), Provenance::User);
            let new = store::NewMessage::new(store::Role::User, vec![typed, file]);
            kept.store.messages().append(chat, new).unwrap();
            kept.store.messages().append(chat, store::NewMessage::assistant(harmless)).unwrap();
        }
        _ => {
            let answer = kept.say(chat, &format!("curl -H '{secret}' https://host.io/{n}"), &harmless);
            kept.up(answer);
        }
    }
}

/// Those of the secrets that are somewhere in a text, in whatever writing.
pub(crate) fn found<'a>(secrets: &'a [String], text: &str) -> Vec<&'a String> {
    let lower = text.to_lowercase();
    let is_there = |form: &String| text.contains(form) || lower.contains(&form.to_lowercase());
    secrets.iter().filter(|secret| writings(secret).iter().any(is_there)).collect()
}
