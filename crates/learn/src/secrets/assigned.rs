//! Values behind a word that says they are secret: `API_KEY=…`, `"password": "…"`, `--token …`, `login x password y`.

use super::Hit;
use super::letters::{Classes, entropy, is_hex};
use super::plain::{is_code, is_example};
use regex::Regex;
use std::sync::LazyLock;

/// A name, a sign between, a value. Names end in one of these words; what stands before the word is in group 1.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    let word = "[Pp]ass(?:[Ww]ord|[Ww]d|[Pp]hrase|[Cc]ode)?|PASS(?:WORD|WD|PHRASE|CODE)?|[Pp]wd|PWD|[Ss]ecrets?|SECRETS?\
        |[Tt]oken|TOKEN|[Kk]ey|KEY|[Kk]ey[_-]?[Dd]ata|[Cc]redentials?|CREDENTIALS?|CREDS?|[Cc]reds?|[Aa]uth|AUTH|[Ss]ig|PAT|[Dd]sn";
    let between = r"\\?['\x22`]?\]?(?:\s{0,3}(?::=|=>|[:=])\s{0,3}|\s{1,3}(?:is|=)\s{1,3}|,\s{0,2}|['\x22]>|>\s{0,2}|\s{1,3})";
    let value = r"(?:[bru]?\\?(['\x22`]))?([^\s'\x22`,;<>\\]{6,200})";
    Regex::new(&format!(r"([A-Za-z0-9_.-]{{0,60}}?)({word}){between}{value}"))
        .expect("a constant, and a test compiles it")
});

/// Flags of programs that take a password: `curl -u`, `mysql -p`, `docker login -p`, `sshpass -p`.
static FLAG: LazyLock<Regex> = LazyLock::new(|| {
    let user =
        r"\b(?:curl|http|wget|https)\b[^\n]*?\s(?:-u|--user)[ =]['\x22]?[^\s:'\x22]{1,80}:([^\s'\x22]{4,})";
    let password = r"\b(?:sshpass|mysql|mysqldump|docker login|podman login|helm registry login|redis-cli|mongo|mongosh|smbclient|7z|zip|unzip|openssl)\b[^\n]*?\s-(?:p|a|P)\s?['\x22]?([^\s'\x22-][^\s'\x22]{3,})";
    Regex::new(&format!("{user}|{password}")).expect("a constant, and a test compiles it")
});

/// Names that end like a secret's and are none.
const OTHERS: [&str; 36] = [
    "public",
    "primary",
    "foreign",
    "cache",
    "sort",
    "partition",
    "hash",
    "group",
    "index",
    "object",
    "map",
    "dict",
    "hot",
    "short",
    "mon",
    "don",
    "tur",
    "whis",
    "ho",
    "idempotency",
    "i18n",
    "translation",
    "row",
    "react",
    "storage",
    "query",
    "event",
    "next",
    "last",
    "max_",
    "min_",
    "stop",
    "pad_",
    "eos_",
    "bos_",
    "sha",
];

pub(super) fn find(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut from = 0;
    while let Some(found) = ASSIGNED.captures_at(text, from) {
        let (all, value) = (found.get(0).expect("it matched"), found.get(4).expect("no branch without it"));
        let name = [&found[1], &found[2]].concat().to_ascii_lowercase();
        let between = &text[found.get(2).map_or(0, |m| m.end())..value.start()];
        let quoted = found.get(3).is_some();
        let trimmed = value.as_str().trim_end_matches(['.', ')', ']', '}', ':', '?', '!', '&']);
        if !trimmed.is_empty() && is_secret(&name, between, trimmed, quoted) {
            let range = value.start()..value.start() + trimmed.len();
            hits.push(Hit { kind: "secret in an assignment", range });
        }
        // The value may be the name of the next one: `login token: password=…`.
        from = if hits.last().is_some_and(|h| h.range.start == value.start()) {
            value.end()
        } else {
            found.get(2).map_or(all.end(), |m| m.end())
        };
    }
    for found in FLAG.captures_iter(text) {
        let value = found.get(1).or(found.get(2));
        if let Some(value) = value.filter(|value| !is_example(value.as_str()) && password(value.as_str())) {
            hits.push(Hit { kind: "password of a command", range: value.range() });
        }
    }
    hits
}

fn is_secret(name: &str, between: &str, value: &str, quoted: bool) -> bool {
    if is_example(value) || OTHERS.iter().any(|other| name.ends_with("key") && name.contains(other)) {
        return false;
    }
    let counts = OTHERS.iter().any(|other| name.ends_with("token") && name.contains(other));
    // `the key is …` and `password …` are sentences more often than assignments.
    let sign = between.contains(['=', ':', '>', ',']) || between.trim() == "is";
    let password_like = name.contains("pass") || name.ends_with("pwd");
    match () {
        () if counts => false,
        () if password_like && sign => (quoted || !is_code(value)) && password(value),
        () if password_like => password(value) && Classes::of(value).kinds() >= 3,
        () if !sign => random(value) && value.len() >= 16,
        () => {
            random(value) || quoted && value.len() >= 12 && Classes::of(value).kinds() >= 3 && !is_code(value)
        }
    }
}

/// What a person may have thought of, or a machine for him: two kinds of characters at least, and no name.
fn password(value: &str) -> bool {
    const SIGNS: [char; 9] = ['!', '#', '$', '%', '^', '*', '?', '+', '~'];
    let classes = Classes::of(value);
    let mixed = classes.lower > 0 && classes.upper > 0 && value.len() >= 10;
    value.len() >= 6
        && classes.kinds() >= 2
        && (classes.digit > 0
            || value.contains(SIGNS) && classes.lower + classes.upper > 0
            || mixed && classes.changes * 5 >= value.len() * 2)
        && !value.starts_with('/')
        && !value.starts_with("http")
}

/// What a machine has drawn.
fn random(value: &str) -> bool {
    let classes = Classes::of(value);
    if is_hex(value) {
        return value.len() >= 16 && classes.digit > 0 && entropy(value) >= 2.8;
    }
    value.len() >= 12
        && (classes.digit > 0 || classes.is_shuffled())
        && entropy(value) >= 3.0
        && !is_code(value)
        && !value.starts_with("http")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_behind_telling_names_are_found() {
        for text in [
            "export API_KEY=q8Zt2Lm9Xw4Rb7Yc",
            "\"client_secret\": \"q8Zt2Lm9Xw4Rb7Yc-p\"",
            "password: hT7kq2zP",
            "db_password = 'Tr0ub4dor&3'",
            "machine h login me password hT7#kq2!zP",
            "curl -u admin:hT7kq2zP https://h/",
            "docker login -u me -p hT7kq2zPq registry",
            "my api key is q8Zt2Lm9Xw4Rb7Yc, why?",
        ] {
            assert_eq!(find(text).len(), 1, "{text}: {:?}", find(text));
        }
    }

    #[test]
    fn code_and_talk_are_left_alone() {
        for text in [
            "token = self.tokenizer.next_token()",
            "password = input('Password: ')",
            "for key, value in items.items():",
            "primary_key = 42, sort_key=created_at_2",
            "const apiKey = process.env.API_KEY",
            "let token: Token = parser.advance();",
            "the key is to use a HashMap",
            "max_tokens=4096000000",
            "API_KEY=your-api-key-1234",
            "password: string | undefined",
            "key=lambda item: item[1]",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
