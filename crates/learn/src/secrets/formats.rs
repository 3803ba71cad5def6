//! Tokens whose makers have published what they look like.

use super::Hit;
use super::letters::{entropy, has_checksum};
use super::plain::is_example;
use regex::{Regex, RegexSet};
use std::sync::LazyLock;

/// A published format. The secret is group 1, or all of the match.
pub(super) struct Format {
    pub(super) kind: &'static str,
    pub(super) pattern: &'static str,
    /// Bits a character of the secret, at least.
    entropy: f64,
}

const fn format(kind: &'static str, pattern: &'static str) -> Format {
    Format { kind, pattern, entropy: 3.0 }
}

/// What is certain by its shape alone, also where it repeats itself.
const fn certain(kind: &'static str, pattern: &'static str) -> Format {
    Format { kind, pattern, entropy: 0.0 }
}

pub(super) const FORMATS: [Format; 38] = [
    certain(
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]{0,}-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    format("AWS access key", r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b"),
    format("GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,})\b"),
    format("GitHub token", r"\b(github_pat_[A-Za-z0-9_]{50,})\b"),
    format("GitLab token", r"\b(gl(?:pat|ptt|dt|rt|cbt|agent|oas|soat|ft|imt)-[A-Za-z0-9_-]{20,})"),
    format("Slack token", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    format("Slack token", r"\b(xapp-[0-9]-[A-Za-z0-9-]{10,})"),
    format("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/]{40,})"),
    format("Google API key", r"\b(AIza[A-Za-z0-9_-]{35})"),
    format("Google token", r"\b(ya29\.[A-Za-z0-9_-]{20,})"),
    format("Google client secret", r"\b(GOCSPX-[A-Za-z0-9_-]{28})"),
    format("Anthropic key", r"\b(sk-ant-[A-Za-z0-9_-]{20,})"),
    format("OpenAI key", r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,})"),
    format("Stripe key", r"\b([rs]k_(?:live|test)_[A-Za-z0-9]{16,})"),
    format("Stripe webhook secret", r"\b(whsec_[A-Za-z0-9+/=]{24,})"),
    format("Hugging Face token", r"\b(hf_[A-Za-z0-9]{30,60})\b"),
    format("Tavily key", r"\b(tvly-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{16,})"),
    format("npm token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    format("PyPI token", r"\b(pypi-AgE[A-Za-z0-9_-]{40,})"),
    format("crates.io token", r"\b(cio[A-Za-z0-9]{32})\b"),
    format("SendGrid key", r"\b(SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64})"),
    format("Twilio key", r"\b(SK[0-9a-f]{32})\b"),
    format("DigitalOcean token", r"\b(do[opr]_v1_[0-9a-f]{64})"),
    format("Shopify token", r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})"),
    format("Databricks token", r"\b(dapi[0-9a-f]{32}(?:-[0-9])?)\b"),
    format("Atlassian token", r"\b(ATATT3[A-Za-z0-9_=-]{50,})"),
    format("Vault token", r"\b(hv[sbr]\.[A-Za-z0-9_-]{20,})"),
    format("Docker token", r"\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,})"),
    format("Telegram bot token", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})"),
    format("Azure key", r"\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})"),
    format("Azure client secret", r"\b([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})"),
    format("Groq key", r"\b(gsk_[A-Za-z0-9]{40,80})\b"),
    format("Replicate token", r"\b(r8_[A-Za-z0-9]{37,40})\b"),
    format("Square token", r"\b((?:EAAA|sq0[a-z]{3}-)[A-Za-z0-9_-]{22,80})"),
    format("JSON web token", r"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"),
    Format {
        kind: "password in an address",
        pattern: r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@'<>`]{0,}:([^\s/@'<>`]{3,})@",
        entropy: 1.5,
    },
    format(
        "authorization header",
        r"(?:[Aa]uthorization|AUTHORIZATION)['\x22]?\s{0,3}[:=,]\s{0,3}['\x22]?(?:[Bb]earer|[Bb]asic|[Tt]oken|BEARER|BASIC|[Aa]pi[Kk]ey)\s{1,3}([A-Za-z0-9._~+/=-]{8,})",
    ),
    format("bearer token", r"\b[Bb]earer\s{1,3}([A-Za-z0-9._~+/=-]{20,})"),
];

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(FORMATS.iter().map(|f| f.pattern)).expect("constants, and a test compiles them")
});
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    FORMATS.iter().map(|f| Regex::new(f.pattern).expect("constants, and a test compiles them")).collect()
});

pub(super) fn find(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for at in SET.matches(text).iter() {
        for found in EACH[at].captures_iter(text) {
            let Some(secret) = found.get(1).or(found.get(0)) else { continue };
            if FORMATS[at].accepts(secret.as_str()) {
                hits.push(Hit { kind: FORMATS[at].kind, range: secret.range() });
            }
        }
    }
    hits
}

impl Format {
    fn accepts(&self, secret: &str) -> bool {
        if self.entropy == 0.0 {
            return true;
        }
        // A right checksum is no coincidence, however the token looks.
        let checked = secret.split_once('_').is_some_and(|(_, body)| has_checksum(body));
        checked || entropy(secret) >= self.entropy && !is_example(secret)
    }
}
