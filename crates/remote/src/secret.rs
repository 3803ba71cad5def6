//! Secrets in what would go out, by the published shapes of tokens.

use regex::RegexSet;
use std::sync::LazyLock;

/// Names and shapes; each runs in time linear in the text.
const SHAPES: [(&str, &str); 30] = [
    ("a private key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"),
    ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{50,255}"),
    ("a GitLab token", r"\bgl(?:pat|ptt|dt|rt|cbt|agent|oas|soat|ft|imt)-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Slack token", r"\bxapp-\d-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a Google token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    ("an Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}"),
    ("a Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("a Tavily key", r"\btvly-[A-Za-z0-9_-]{16,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,}"),
    ("a Twilio key", r"\b(?:SK|AC)[0-9a-f]{32}\b"),
    ("a DigitalOcean token", r"\bdo[por]_v1_[0-9a-f]{64}"),
    ("a Shopify token", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("a Databricks token", r"\bdapi[0-9a-f]{32}"),
    ("an Atlassian token", r"\bATATT3[A-Za-z0-9_=-]{50,}"),
    ("a Vault token", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("a Docker token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("a Telegram bot token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("an Azure key", r"(?i)\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{40,}"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    ("a password in an address", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@]{1,100}:[^\s/@]{3,200}@"),
    (
        "a password",
        r#"(?i)\b(?:password|passwd|pwd|client_secret|api[_-]?key|access[_-]?token)["']?\s{0,3}[:=]\s{0,3}["']?[^\s"']{8,}"#,
    ),
];

static RULES: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(SHAPES.map(|(_, shape)| shape)).expect("constants that a test compiles"));

/// What kind of secret a text holds, if it holds one.
pub fn find_secret(text: &str) -> Option<&'static str> {
    RULES.matches(text).iter().next().map(|rule| SHAPES[rule].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, in the published shapes.
    fn examples() -> Vec<String> {
        let a = |n: usize| "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8".repeat(9)[..n].to_owned();
        let hex = |n: usize| "0123456789abcdef".repeat(5)[..n].to_owned();
        vec![
            "-----BEGIN OPENSSH PRIVATE KEY-----".into(),
            "-----BEGIN PRIVATE KEY-----".into(),
            "AKIAIOSFODNN7EXAMPLE".into(),
            format!("ghp_{}", a(36)),
            format!("github_pat_{}_{}", a(22), a(59)),
            format!("glpat-{}", a(20)),
            format!("xoxb-123456789012-{}", a(24)),
            format!("xapp-1-{}", a(24)),
            format!("https://hooks.slack.com/services/T0000/B0000/{}", a(24)),
            format!("AIza{}", a(35)),
            format!("ya29.{}", a(60)),
            format!("sk-ant-api03-{}", a(80)),
            format!("sk-proj-{}", a(60)),
            format!("sk_live_{}", a(24)),
            format!("hf_{}", a(34)),
            format!("tvly-dev-{}", a(32)),
            format!("npm_{}", a(36)),
            format!("pypi-AgEIcHlwaS5vcmc{}", a(100)),
            format!("SG.{}.{}", a(22), a(43)),
            format!("SK{}", hex(32)),
            format!("dop_v1_{}", hex(64)),
            format!("shpat_{}", hex(32)),
            format!("dapi{}", hex(32)),
            format!("ATATT3{}", a(100)),
            format!("hvs.{}", a(90)),
            format!("dckr_pat_{}", a(27)),
            format!("123456789:AA{}", a(33)),
            format!("AccountName=x;AccountKey={}==", a(86)),
            format!("eyJ{}.eyJ{}.{}", a(20), a(40), a(43)),
            "postgres://admin:hunter22@db.example/prod".into(),
            "password: correcthorse".into(),
            "API_KEY=\"abcdefgh1234\"".into(),
        ]
    }

    #[test]
    fn published_shapes_are_found_in_any_sentence() {
        for secret in examples() {
            for text in [
                secret.clone(),
                format!("why does {secret} not work?"),
                format!("x={secret}&y"),
                format!("\"{secret}\""),
            ] {
                assert!(find_secret(&text).is_some(), "{text}");
            }
        }
        for (at, (name, _)) in SHAPES.iter().enumerate() {
            let hit = examples().iter().any(|text| RULES.matches(text).matched(at));
            assert!(hit, "no example for {name}, rule {at}");
        }
    }

    #[test]
    fn questions_are_not_secrets() {
        for text in [
            "how to reset a password in postgres",
            "what is an api key?",
            "rust 1.95 release notes",
            "AKIA prefix meaning",
            "git commit 0123456789abcdef0123456789abcdef01234567",
            "sk-learn random forest example",
            "ssh://git@example.org/repo",
            "uuid 550e8400-e29b-41d4-a716-446655440000",
            "tokio::spawn vs spawn_blocking",
            "https://example.org:8080/path",
            "npm_config_cache environment variable",
            "hf_transfer download speed",
            "password: how to hash",
        ] {
            assert_eq!(find_secret(text), None, "{text}");
        }
    }
}
