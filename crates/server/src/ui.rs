//! The web UI: the files that `npm run build` has left in `web/dist` when this was compiled.

use crate::error::ApiError;
use crate::home;
use crate::state::Shared;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

/// A page of the UI. All of them are one file, which finds out by the address what to show; without a built UI it is
/// the page that says how to build it.
pub(crate) async fn page(state: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match Built::get("index.html") {
        Some(file) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], file.data).into_response(),
        None => home::show(state, headers).await.into_response(),
    }
}

/// A script, a style sheet or a picture of the UI.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    let file = Built::get(&format!("assets/{name}")).ok_or_else(ApiError::unknown_path)?;
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], file.data).into_response();
    // The name of a file changes with what is in it; the icon's does not.
    if name.ends_with(".js") || name.ends_with(".css") {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, forever);
    }
    Ok(response)
}

/// Whether there is a UI in this program.
pub(crate) fn is_built() -> bool {
    Built::get("index.html").is_some()
}

/// What stands on the plain page where there is none.
pub(crate) const MISSING: &str = "<section><h2>The web UI is missing</h2>\
<p>It was not built when hone was compiled. With Node.js 20 or newer:</p>\
<pre>cd web\nnpm ci --ignore-scripts\nnpm run build\ncd ..\ncargo build --release -p cli</pre>\
<p><code>./start</code> does all of it.</p></section>";
