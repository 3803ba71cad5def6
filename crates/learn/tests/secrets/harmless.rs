//! What looks like a secret and is none.

use super::Kind;
use super::draw::{ALNUM, BASE64, DIGITS, HEX, LOWER, LOWNUM, URL64};

pub(crate) const LINES: &[Kind] = &[
    ("git commit", |d| format!("git revert {} && git push", d.of(HEX, 40))),
    ("git log", |d| format!("commit {}", d.of(HEX, 40))),
    ("SHA-256", |d| format!("{}  hone-0.1.0.tar.gz", d.of(HEX, 64))),
    ("MD5", |d| format!("md5sum says {} for both files", d.of(HEX, 32))),
    ("UUID", |d| format!("the order {} has no items", d.uuid())),
    ("image", |d| format!("<img src=\"data:image/png;base64,iVBORw0KGgo{}==\">", d.of(BASE64, 300))),
    ("font", |d| {
        format!("src: url(data:font/woff2;base64,d09GMgABAAAAA{}) format('woff2')", d.of(BASE64, 120))
    }),
    ("npm lock", |d| format!("      \"integrity\": \"sha512-{}==\",", d.of(BASE64, 86))),
    ("yarn lock", |d| format!("  resolved \"https://host.io/react/-/react-18.2.0.tgz#{}\"", d.of(HEX, 40))),
    ("Cargo lock", |d| format!("checksum = \"{}\"", d.of(HEX, 64))),
    ("go sum", |d| format!("github.com/x/y v1.2.3 h1:{}=", d.of(BASE64, 43))),
    ("pip hash", |d| format!("    --hash=sha256:{} \\", d.of(HEX, 64))),
    ("poetry lock", |d| {
        format!("    {{file = \"a-1.0-py3-none-any.whl\", hash = \"sha256:{}\"}},", d.of(HEX, 64))
    }),
    ("image digest", |d| format!("FROM alpine@sha256:{}", d.of(HEX, 64))),
    ("AWS example", |_| "aws_access_key_id = AKIAIOSFODNN7EXAMPLE".into()),
    ("AWS example secret", |_| "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
    ("example key", |d| format!("{}=your-api-key-here", d.one(&["OPENAI_API_KEY", "API_KEY", "TOKEN"]))),
    ("crossed out key", |d| {
        format!("export {}=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", d.one(&["KEY", "OPENAI_API_KEY"]))
    }),
    ("crossed out token", |_| "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".into()),
    ("reference", |d| format!("api_key = os.environ[\"{}\"]", d.one(&["API_KEY", "STRIPE_SECRET_KEY"]))),
    ("reference in JS", |d| format!("const token = process.env.{};", d.one(&["API_TOKEN", "NPM_TOKEN"]))),
    ("reference in CI", |d| format!("  token: ${{{{ secrets.{} }}}}", d.one(&["GITHUB_TOKEN", "NPM_TOKEN"]))),
    ("template", |_| "password: {{ .Values.db.password | quote }}".into()),
    ("code with tokens", |d| {
        format!("let token = self.{}(&mut cursor)?;", d.one(&["next_token", "peek", "advance"]))
    }),
    ("code with passwords", |d| {
        format!("if (password !== {}) return false;", d.one(&["confirmPassword", "user.password", "hash"]))
    }),
    ("form", |_| "<input type=\"password\" name=\"new_password\" autocomplete=\"new-password\" />".into()),
    ("type", |_| "interface Login { username: string; password: string; token?: string }".into()),
    ("migration", |_| "ALTER TABLE users ADD COLUMN password_hash VARCHAR(255) NOT NULL;".into()),
    ("key function", |d| format!("rows.sort(key=lambda row: row[{}], reverse=True)", d.below(9))),
    ("cache key", |d| format!("cache_key = \"user:{}:profile:v2\"", d.below(100_000))),
    ("minified", |d| {
        format!(
            "!function(e,t){{var n={{}};function r(o){{if(n[o])return n[o].exports;var i=n[o]={{i:o,l:!1,exports:{{}}}};return e[o].call(i.exports,i,{})}}}}",
            d.below(9999)
        )
    }),
    ("bundled file", |d| format!("<script src=\"/assets/index-{}.js\" defer></script>", d.of(URL64, 8))),
    ("chunk", |d| format!("dist/static/js/main.{}.chunk.js  142 kB", d.of(HEX, 20))),
    ("CSS class", |d| format!("<div class=\"css-{} MuiBox-root\">", d.of(LOWNUM, 7))),
    ("public key", |d| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@laptop", d.of(BASE64, 43))),
    ("fingerprint", |d| format!("SHA256:{} me@laptop (ED25519)", d.of(BASE64, 43))),
    ("certificate", |d| format!("MII{}", d.of(BASE64, 61))),
    ("long name", |d| {
        d.one(&[
            "AbstractSingletonProxyFactoryBean2Configuration",
            "getElementsByTagNameAndClassNameNS",
            "test_that_parser_recovers_after_unclosed_brace_3",
        ])
        .to_string()
    }),
    ("path", |d| {
        format!("see src/components/{}/Profile2Card/index.test.tsx:{}", d.of(LOWER, 8), d.below(400))
    }),
    ("nix", |d| format!("/nix/store/{}-openssl-3.0.12", d.of("0123456789abcdfghijklmnpqrsvwxyz", 32))),
    ("pod", |d| format!("pod/api-{}-{} restarted twice", d.of(HEX, 10), d.of(LOWNUM, 5))),
    ("base64 of a text", |_| "echo aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0IG9mIGJhc2U2NA== | base64 -d".into()),
    ("snowflake", |d| format!("message {} in channel {}", d.of("123456789", 18), d.of("123456789", 18))),
    ("request id", |d| format!("2026-11-27T10:15:03Z INFO request_id={} status=200", d.uuid())),
    ("ETag", |d| format!("ETag: W/\"{}\"", d.of(HEX, 32))),
    ("wallet address", |d| format!("send it to 0x{}", d.of(HEX, 40))),
    ("video", |d| format!("https://youtu.be/{}", d.of(URL64, 11))),
    ("source map", |d| {
        format!("//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJ{}", d.of(BASE64, 80))
    }),
    ("SVG path", |d| {
        format!("<path d=\"M{} {}c0-1.1.9-2 2-2h{}v4H3z\"/>", d.below(24), d.below(24), d.below(24))
    }),
    ("hex dump", |d| {
        format!("00000010: {} {} {} {}", d.of(HEX, 4), d.of(HEX, 4), d.of(HEX, 4), d.of(HEX, 4))
    }),
    ("colours", |d| format!("--primary: #{}; --accent: #{};", d.of(HEX, 6), d.of(HEX, 6))),
    ("document link", |d| format!("https://docs.host.io/document/d/1{}/edit", d.of(URL64, 43))),
    ("revision pin", |d| format!("rev = \"{}\"", d.of(HEX, 40))),
    ("SRI in HTML", |d| {
        format!("<link rel=stylesheet href=a.css integrity=\"sha384-{}\" crossorigin>", d.of(BASE64, 64))
    }),
    ("talk about keys", |_| "what is the difference between an api key and a bearer token?".into()),
    ("talk about passwords", |_| {
        "Reset the password with `passwd`, then log in again: it expires after 90 days.".into()
    }),
    ("tokens of a model", |d| {
        format!("usage: {{prompt_tokens: {}, completion_tokens: {}}}", d.of(DIGITS, 4), d.of(DIGITS, 3))
    }),
    ("shader", |_| "uniform mat4 u_ModelViewProjectionMatrix2; attribute vec3 a_Position3D;".into()),
    ("test vector", |d| format!("assert_eq!(sha256(b\"abc\"), hex!(\"{}\"));", d.of(HEX, 64))),
    ("ids of a page", |d| format!("id=\"radix-:r{}:\" data-testid=\"row-{}\"", d.below(99), d.of(ALNUM, 10))),
];
