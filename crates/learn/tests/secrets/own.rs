//! Tokens of the formats that the rules name, and talk about these formats.

use super::Kind;
use super::draw::{ALNUM, BASE64, DIGITS, HEX, UPPER32, URL64};

pub(crate) const SECRETS: &[Kind] = &[
    ("private key", |d| {
        format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
            d.of(BASE64, 70)
        )
    }),
    ("AWS", |d| {
        let t = format!("AKIA{}", d.of(UPPER32, 16));
        d.around(&t)
    }),
    ("GitHub", |d| {
        let t = format!("ghp_{}", d.of(ALNUM, 36));
        d.around(&t)
    }),
    ("GitHub, fine", |d| {
        let t = format!("github_pat_{}_{}", d.of(ALNUM, 22), d.of(ALNUM, 59));
        d.around(&t)
    }),
    ("GitLab", |d| {
        let t = format!("glpat-{}", d.of(URL64, 20));
        d.around(&t)
    }),
    ("Slack", |d| {
        let t = format!("xoxb-{}-{}-{}", d.of(DIGITS, 12), d.of(DIGITS, 12), d.of(ALNUM, 24));
        d.around(&t)
    }),
    ("Slack app", |d| {
        let t = format!("xapp-1-{}-{}", d.of(ALNUM, 11), d.of(HEX, 64));
        d.around(&t)
    }),
    ("Slack webhook", |d| {
        format!(
            "https://hooks.slack.com/services/T{}/B{}/{}",
            d.of(UPPER32, 9),
            d.of(UPPER32, 9),
            d.of(ALNUM, 24)
        )
    }),
    ("Google", |d| {
        let t = format!("AIza{}", d.of(URL64, 35));
        d.around(&t)
    }),
    ("Google OAuth", |d| {
        let t = format!("ya29.{}", d.of(URL64, 120));
        d.around(&t)
    }),
    ("Google client", |d| {
        let t = format!("GOCSPX-{}", d.of(URL64, 28));
        d.around(&t)
    }),
    ("Anthropic", |d| {
        let t = format!("sk-ant-api03-{}", d.of(URL64, 93));
        d.around(&t)
    }),
    ("OpenAI", |d| {
        let t = format!("sk-proj-{}", d.of(URL64, 74));
        d.around(&t)
    }),
    ("Stripe", |d| {
        let t = format!("sk_live_{}", d.of(ALNUM, 24));
        d.around(&t)
    }),
    ("Stripe webhook", |d| {
        let t = format!("whsec_{}", d.of(ALNUM, 32));
        d.around(&t)
    }),
    ("Hugging Face", |d| {
        let t = format!("hf_{}", d.of(ALNUM, 34));
        d.around(&t)
    }),
    ("Tavily", |d| {
        let t = format!("tvly-dev-{}", d.of(ALNUM, 32));
        d.around(&t)
    }),
    ("npm", |d| {
        let t = format!("npm_{}", d.of(ALNUM, 36));
        d.around(&t)
    }),
    ("PyPI", |d| {
        let t = format!("pypi-AgEIcHlwaS5vcmc{}", d.of(URL64, 150));
        d.around(&t)
    }),
    ("crates.io", |d| {
        let t = format!("cio{}", d.of(ALNUM, 32));
        d.around(&t)
    }),
    ("SendGrid", |d| {
        let t = format!("SG.{}.{}", d.of(URL64, 22), d.of(URL64, 43));
        d.around(&t)
    }),
    ("Twilio", |d| {
        let t = format!("SK{}", d.of(HEX, 32));
        d.around(&t)
    }),
    ("DigitalOcean", |d| {
        let t = format!("dop_v1_{}", d.of(HEX, 64));
        d.around(&t)
    }),
    ("Shopify", |d| {
        let t = format!("shpat_{}", d.of(HEX, 32));
        d.around(&t)
    }),
    ("Databricks", |d| {
        let t = format!("dapi{}", d.of(HEX, 32));
        d.around(&t)
    }),
    ("Atlassian", |d| {
        let t = format!("ATATT3{}", d.of(URL64, 180));
        d.around(&t)
    }),
    ("Vault", |d| {
        let t = format!("hvs.{}", d.of(URL64, 90));
        d.around(&t)
    }),
    ("Docker", |d| {
        let t = format!("dckr_pat_{}", d.of(URL64, 27));
        d.around(&t)
    }),
    ("Telegram", |d| {
        let t = format!("{}:AA{}", d.of("123456789", 10), d.of(URL64, 33));
        d.around(&t)
    }),
    ("Azure", |d| format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==", d.of(BASE64, 86))),
    ("Azure client", |d| {
        let t = format!("{}8Q~{}", d.of(ALNUM, 3), d.of(URL64, 34));
        d.around(&t)
    }),
    ("Groq", |d| {
        let t = format!("gsk_{}", d.of(ALNUM, 52));
        d.around(&t)
    }),
    ("Replicate", |d| {
        let t = format!("r8_{}", d.of(ALNUM, 37));
        d.around(&t)
    }),
    ("Square", |d| {
        let t = format!("EAAA{}", d.of(URL64, 60));
        d.around(&t)
    }),
    ("JWT", |d| {
        let t = format!("eyJ{}.eyJ{}.{}", d.of(URL64, 33), d.of(URL64, 70), d.of(URL64, 43));
        d.around(&t)
    }),
    ("address", |d| {
        format!("DATABASE_URL=postgres://app:{}@db.internal:5432/shop", d.password().replace(['#', '!'], "x"))
    }),
    ("header", |d| format!("curl -H \"Authorization: Bearer {}\" https://api.host.io", d.of(URL64, 40))),
];

pub(crate) const MENTIONS: &[Kind] = &[
    ("prefix", |d| {
        format!(
            "what does the prefix {} mean?",
            d.one(&["AKIA", "ghp_", "glpat-", "xoxb-", "sk-", "hf_", "npm_", "AIza"])
        )
    }),
    ("dots", |d| format!("tokens look like {}...", d.one(&["ghp_", "sk-proj-", "glpat-", "hvs.", "SG."]))),
    ("crossed out", |d| {
        format!("set it to {}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", d.one(&["ghp_", "sk-", "npm_", "hf_"]))
    }),
    ("placeholder", |d| {
        format!("Authorization: Bearer {}", d.one(&["<token>", "$TOKEN", "YOUR_TOKEN", "{{token}}"]))
    }),
    ("address without one", |d| {
        format!("postgres://{}/shop", d.one(&["localhost:5432", "db.internal", "app@db"]))
    }),
    ("address with a name", |d| {
        format!("postgres://app:{}@db/shop", d.one(&["$PASSWORD", "${DB_PASS}", "<password>", "%s"]))
    }),
    ("key check", |_| "assert key.startswith('sk-') and len(key) > 20".into()),
    ("environment variable", |d| format!("npm_config_{}=true npm ci", d.of("abcdefgh", 8))),
    ("public key", |_| "-----BEGIN PUBLIC KEY-----".into()),
    ("sklearn", |_| "sk-learn and sk_model_selection_train_test_split".into()),
    ("commit", |d| format!("see {}", d.of(HEX, 40))),
    ("uuid", |d| d.uuid()),
];
