//! The plain page at `/about`, and at `/` where there is no web UI: what runs here, and how to use it.

use crate::page::{escape, page};
use crate::state::{Phase, Shared};
use crate::ui;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Html;
use std::sync::Arc;

/// What runs here
pub(crate) async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Html<String> {
    // The gate has let this host in, so it is one of ours.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:4663");
    let (host, name) = (escape(host), escape(shared.served.name()));
    let state = state(&shared.served.phase());
    let missing = if ui::is_built() { "" } else { ui::MISSING };
    let body = format!(
        r#"<main>
<h1>hone</h1>
<p class="lead">A coding assistant that runs on this machine. Nothing that you type here leaves it.</p>
<section>
<h2>{name}</h2>
{state}
</section>
{missing}
<section>
<h2>Use it</h2>
<p>Any program that speaks the OpenAI API can use this server. Its base URL is</p>
<pre>http://{host}/v1</pre>
<p>and any API key will do, unless the server was started with one.</p>
<h3>curl</h3>
<pre>curl http://{host}/v1/chat/completions \
  -H 'Content-Type: application/json' \
  -d '{{"model": "{name}", "messages": [{{"role": "user", "content": "Reverse a string in Rust."}}]}}'</pre>
<h3>Python</h3>
<pre>from openai import OpenAI

client = OpenAI(base_url="http://{host}/v1", api_key="none")
reply = client.chat.completions.create(
    model="{name}",
    messages=[{{"role": "user", "content": "Reverse a string in Rust."}}],
    stream=True,
)
for chunk in reply:
    print(chunk.choices[0].delta.content or "", end="", flush=True)</pre>
</section>
<section>
<h2>More</h2>
<ul>
<li><a href="/docs">The API, every field of it</a></li>
<li><a href="/openapi.json">The same for programs</a></li>
<li><a href="/health">Health</a> and <a href="/metrics">counters</a></li>
</ul>
</section>
</main>"#
    );
    page("hone", &body)
}

fn state(phase: &Phase) -> String {
    match phase {
        Phase::Loading => "<p>The model is being loaded.</p>".to_owned(),
        Phase::Failed(reason) => {
            format!("<p class=\"bad\">The model could not be loaded: {}</p>", escape(reason))
        }
        Phase::Ready { engine, .. } => {
            let info = &engine.model().info;
            let facts = [
                ("Architecture", info.architecture.clone()),
                ("Parameters", millions(info.parameters)),
                ("Weights", format!("{}, {} MB", info.quantisation, info.file_bytes / 1_000_000)),
                ("Context", format!("{} tokens", engine.context())),
                ("Computed by", engine.device()),
            ];
            let rows = facts.map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escape(&value)));
            format!("<dl>{}</dl>", rows.concat())
        }
    }
}

fn millions(parameters: u64) -> String {
    match parameters {
        0..1_000_000 => parameters.to_string(),
        1_000_000..1_000_000_000 => format!("{} million", parameters / 1_000_000),
        _ => format!("{:.1} billion", parameters as f64 / 1e9),
    }
}
