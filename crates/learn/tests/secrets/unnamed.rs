//! Secrets of makers and programs that no rule names, in the places where people paste them.

use super::Kind;
use super::draw::{ALNUM, BASE64, DIGITS, HEX, LOWNUM, UPPER32, URL64};

/// No rule may hold one of these.
pub(crate) const PREFIXES: &[&str] = &[
    "lin_api",
    "figd_",
    "dp.pt",
    "glsa_",
    "sntrys",
    "pscale",
    "NRAK",
    "PMAK",
    "nfp_",
    "sbp_",
    "CCIPAT",
    "atlasv1",
    "rubygems",
    "CFPAT",
    "ntn_",
    "AGE-SECRET",
    "SSWS",
    "APA91b",
    "django-insecure",
    "rnd_",
    "fly",
    "shippo",
    "duffel",
    "EZAK",
    "v2.public",
    "us12",
    "sdk-",
];

pub(crate) const SECRETS: &[Kind] = &[
    ("Linear", |d| {
        let t = format!("lin_api_{}", d.of(ALNUM, 40));
        d.around(&t)
    }),
    ("Figma", |d| {
        let t = format!("figd_{}", d.of(URL64, 40));
        d.around(&t)
    }),
    ("Doppler", |d| {
        let t = format!("dp.pt.{}", d.of(ALNUM, 43));
        d.around(&t)
    }),
    ("Grafana", |d| {
        let t = format!("glsa_{}_{}", d.of(ALNUM, 32), d.of(HEX, 8));
        d.around(&t)
    }),
    ("Sentry", |d| {
        let t = format!("sntrys_{}", d.of(BASE64, 100));
        d.around(&t)
    }),
    ("PlanetScale", |d| {
        let t = format!("pscale_tkn_{}", d.of(URL64, 43));
        d.around(&t)
    }),
    ("New Relic", |d| {
        let t = format!("NRAK-{}", d.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 27));
        d.around(&t)
    }),
    ("Postman", |d| {
        let t = format!("PMAK-{}-{}", d.of(HEX, 24), d.of(HEX, 34));
        d.around(&t)
    }),
    ("Airtable", |d| {
        let t = format!("pat{}.{}", d.of(ALNUM, 14), d.of(HEX, 64));
        d.around(&t)
    }),
    ("Cloudflare in the environment", |d| format!("CF_API_TOKEN={}", d.of(URL64, 40))),
    ("Heroku", |d| format!("heroku config: HEROKU_API_KEY={}", d.uuid())),
    ("Mailchimp", |d| format!("MAILCHIMP_KEY: \"{}-us12\"", d.of(HEX, 32))),
    ("Mailgun", |d| format!("auth=(\"api\", \"key-{}\")", d.of(HEX, 32))),
    ("Dropbox", |d| {
        let t = format!("sl.B{}", d.of(URL64, 130));
        d.around(&t)
    }),
    ("Discord bot", |d| {
        let t = format!("M{}.{}.{}", d.of(ALNUM, 25), d.of(URL64, 6), d.of(URL64, 38));
        format!("bot.run('{t}')")
    }),
    ("Azure SAS", |d| {
        format!(
            "https://acct.blob.core.windows.net/c/f?sv=2022-11-02&se=2027-01-01&sr=b&sig={}%3D",
            d.of(ALNUM, 43)
        )
    }),
    ("WireGuard", |d| format!("PrivateKey = {}=", d.of(BASE64, 43))),
    ("age", |d| {
        let t = format!("AGE-SECRET-KEY-1{}", d.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58));
        d.around(&t)
    }),
    ("Ethereum key", |d| format!("PRIVATE_KEY=0x{}", d.of(HEX, 64))),
    ("kubeconfig", |d| format!("    client-key-data: {}==", d.of(BASE64, 120))),
    ("AWS secret in a file", |d| format!("aws_secret_access_key = {}", d.of(BASE64, 40))),
    ("password argument", |d| {
        format!("conn = psycopg2.connect(host='db', user='app', password='{}')", d.password())
    }),
    (".netrc", |d| format!("machine api.host.io login deploy password {}", d.password())),
    ("curl -u", |d| format!("curl -sS -u deploy:{} https://ci.host.io/job/build", d.password())),
    ("mysql -p", |d| format!("mysql -h db.internal -u root -p'{}' shop < dump.sql", d.password())),
    ("JDBC", |d| format!("jdbc:postgresql://db:5432/shop?user=app&password={}", d.password())),
    ("ADO", |d| format!("Server=db;Database=shop;User Id=sa;Password={};Encrypt=yes", d.password())),
    ("X-Api-Key", |d| format!("curl -H 'X-Api-Key: {}' https://api.host.io/v1", d.of(ALNUM, 32))),
    ("session cookie", |d| format!("Cookie: session_token={}; theme=dark", d.of(URL64, 64))),
    ("Rails", |d| format!("  secret_key_base: {}", d.of(HEX, 128))),
    ("Django", |d| {
        format!(
            "SECRET_KEY = 'django-insecure-{}'",
            d.of("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 50)
        )
    }),
    ("Okta", |d| format!("headers = {{'Authorization': 'SSWS 00{}'}}", d.of(URL64, 40))),
    ("Notion", |d| {
        let t = format!("ntn_{}", d.of(ALNUM, 46));
        d.around(&t)
    }),
    ("Supabase", |d| {
        let t = format!("sbp_{}", d.of(HEX, 40));
        d.around(&t)
    }),
    ("Netlify", |d| {
        let t = format!("nfp_{}", d.of(ALNUM, 36));
        d.around(&t)
    }),
    ("Vercel in the environment", |d| format!("VERCEL_TOKEN={} vercel deploy --prod", d.of(ALNUM, 24))),
    ("CircleCI", |d| {
        let t = format!("CCIPAT_{}_{}", d.of(ALNUM, 22), d.of(HEX, 40));
        d.around(&t)
    }),
    ("Terraform Cloud", |d| {
        let t = format!("{}.atlasv1.{}", d.of(ALNUM, 14), d.of(ALNUM, 67));
        d.around(&t)
    }),
    ("RubyGems", |d| {
        let t = format!("rubygems_{}", d.of(HEX, 48));
        d.around(&t)
    }),
    ("Contentful", |d| {
        let t = format!("CFPAT-{}", d.of(URL64, 43));
        d.around(&t)
    }),
    ("LaunchDarkly", |d| format!("LD_SDK_KEY=sdk-{}", d.uuid())),
    ("Algolia", |d| {
        format!("const search = algolia({{ appId: 'BH4D9OD16A', apiKey: '{}' }})", d.of(HEX, 32))
    }),
    ("random, unannounced", |d| {
        let n = 28 + d.below(20);
        let t = d.of(ALNUM, n);
        d.around(&t)
    }),
    ("Datadog", |d| format!("DD_API_KEY: {}", d.of(HEX, 32))),
    ("Spotify", |d| format!("client_secret=\"{}\",", d.of(HEX, 32))),
    ("Firebase", |d| format!("Authorization: key=AAAA{}:APA91b{}", d.of(URL64, 7), d.of(URL64, 134))),
    ("Asana", |d| format!("asana token 1/{}:{}", d.of(DIGITS, 16), d.of(HEX, 32))),
    ("told in a sentence", |d| {
        format!("the wifi password is {} by the way, can you make a QR code?", d.password())
    }),
    ("YAML password", |d| format!("  POSTGRES_PASSWORD: {}", d.password())),
    ("sshpass", |d| format!("sshpass -p '{}' ssh root@10.0.0.7", d.password())),
    ("TOTP seed", |d| format!("otpauth://totp/app:me?secret={}&issuer=app", d.of(UPPER32, 32))),
    ("service key of lower case", |d| {
        let t = format!("svc_{}", d.of(LOWNUM, 40));
        d.around(&t)
    }),
    ("redis argument", |d| format!("redis-cli -h cache.internal -a {} ping", d.password())),
    ("Java property", |d| format!("spring.datasource.password={}", d.password())),
    ("C# user secret", |d| format!("\"ApiSecret\": \"{}\",", d.of(BASE64, 44))),
];
