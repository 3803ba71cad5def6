//! The indexed folders: which there are, add one, watch how it goes, take one out, look into a file.

use super::knowledge::PassageObject;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::event_log;
use crate::indexing::{IndexEvent, NotStarted, Session, Standing};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;
use store::Store;
use utoipa::{IntoParams, ToSchema};

/// The indexed folders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RootList {
    /// All of them.
    roots: Vec<RootObject>,
    /// The folder that is being indexed, or the last one since the server started.
    #[schema(required)]
    job: Option<IndexJob>,
}

/// An indexed folder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RootObject {
    /// Its path, absolute.
    path: String,
    /// Files in the index.
    files: u64,
    /// Passages in the index.
    passages: u64,
    /// Passages that are found by meaning too.
    vectors: u64,
    /// Whether a pass over all of its files has ended.
    complete: bool,
    /// Whether the folder is there.
    present: bool,
}

/// A folder that is being indexed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IndexJob {
    /// Its id: `/api/index/jobs/{job}/events` tells how it goes.
    id: String,
    /// The folder.
    path: String,
    #[serde(flatten)]
    standing: Standing,
}

/// A folder.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexFolder {
    /// Its path, absolute.
    path: String,
}

/// Which file to look into.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The indexed folder.
    root: String,
    /// The file in it.
    path: String,
}

/// The passages of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilePassages {
    /// In the order of their lines.
    passages: Vec<PassageObject>,
}

impl Checked for IndexFolder {
    fn check_values(&self) -> Result<(), ApiError> {
        let path = FilePath::new(&self.path);
        let plain = path.components().all(|part| !matches!(part, Component::ParentDir));
        if path.is_absolute() && plain && !self.path.contains('\0') {
            return Ok(());
        }
        Err(ApiError::invalid("path", "path is the absolute path of a folder"))
    }
}

impl IndexJob {
    fn of(session: &Session) -> IndexJob {
        let path = session.path.display().to_string();
        IndexJob { id: session.id.clone(), path, standing: session.standing() }
    }
}

/// The indexed folders
#[utoipa::path(get, operation_id = "list_roots", path = "/api/index", tag = "Knowledge", responses(
    (status = 200, description = "The folders, and what is being indexed.", body = RootList),
    GateErrors,
))]
pub(crate) async fn roots(State(shared): State<Arc<Shared>>) -> Result<Json<RootList>, ApiError> {
    let index = shared.brain()?.index;
    let job = shared.served.indexing().session().map(|session| IndexJob::of(&session));
    let object = |root: store::index::RootRow| RootObject {
        present: FilePath::new(&root.path).is_dir(),
        path: root.path,
        files: root.files,
        passages: root.passages,
        vectors: root.vectors,
        complete: root.finished.is_some(),
    };
    let list = move |_: &Store| Ok(index.roots()?.into_iter().map(object).collect());
    Ok(Json(RootList { roots: shared.with_store(list).await?, job }))
}

/// Index a folder
///
/// Brings a folder into the index, or what is there of it up to date; from then on changes are watched. It must lie in a
/// folder that the settings open for this (the user's own folder, where nothing is set), in no hidden folder, and apart
/// from hone's own data. `hone index add` has no such bounds.
#[utoipa::path(post, operation_id = "index_folder", path = "/api/index", tag = "Knowledge", request_body = IndexFolder, responses(
    (status = 202, description = "It has begun; its events tell how it goes.", body = IndexJob),
    (status = 400, description = "It is no folder (`invalid_value`).", body = ErrorResponse),
    (status = 403, description = "This folder is not open to clients (`folder_not_allowed`).", body = ErrorResponse),
    (status = 409, description = "A folder is being indexed (`indexing_in_progress`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    JsonBody(folder): JsonBody<IndexFolder>,
) -> Result<(StatusCode, Json<IndexJob>), ApiError> {
    let brain = shared.brain()?;
    let state = shared.served.clone();
    let begin = move |store: &Store| {
        let known: Vec<PathBuf> = brain.index.roots()?.into_iter().map(|root| root.path.into()).collect();
        let path = allowed(FilePath::new(&folder.path), &brain.folders, &known, store.home())?;
        let session = state.indexing().start(brain.index, &path)?;
        store.audit().note("folder indexed", serde_json::json!({ "path": path }));
        Ok(IndexJob::of(&session))
    };
    Ok((StatusCode::ACCEPTED, Json(shared.with_store(begin).await?)))
}

/// Take a folder out of the index
///
/// Its files stay as they are.
#[utoipa::path(post, operation_id = "forget_folder", path = "/api/index/remove", tag = "Knowledge", request_body = IndexFolder, responses(
    (status = 204, description = "It is out."),
    (status = 404, description = "It is not indexed (`not_indexed`).", body = ErrorResponse),
    (status = 409, description = "It is being indexed (`indexing_in_progress`).", body = ErrorResponse),
    (status = 502, description = "It is out, but the vector store did not forget its vectors (`vector_store_failed`); it is asked again with the next change.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    JsonBody(folder): JsonBody<IndexFolder>,
) -> Result<StatusCode, ApiError> {
    let index = shared.brain()?.index;
    let session = shared.served.indexing().session().filter(|session| session.is_running());
    let remove = move |store: &Store| {
        let path = FilePath::new(&folder.path);
        if let Some(session) = session.filter(|session| session.path == path) {
            return Err(NotStarted::Running(session.path.clone()).into());
        }
        index.remove(path)?;
        store.audit().note("folder no longer indexed", serde_json::json!({ "path": path }));
        Ok(())
    };
    shared.with_store(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop indexing
///
/// What is done is kept; the next pass goes on from there.
#[utoipa::path(post, operation_id = "stop_indexing", path = "/api/index/jobs/{job}/stop", tag = "Knowledge",
    params(("job" = String, Path, description = "Id of the pass.")), responses(
    (status = 200, description = "It stops, or has ended.", body = IndexJob),
    (status = 404, description = "This server knows no such pass (`job_not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    Path(job): Path<String>,
) -> Result<Json<IndexJob>, ApiError> {
    let session = session(&shared, &job)?;
    session.stop();
    Ok(Json(IndexJob::of(&session)))
}

/// Watch indexing
///
/// Server-sent events: `files`, `vectors`, and at the end `done`, `stopped` or `failed`. A new listener hears all from the
/// beginning, one that sends `Last-Event-ID` what came after.
#[utoipa::path(get, operation_id = "watch_indexing", path = "/api/index/jobs/{job}/events", tag = "Knowledge",
    params(("job" = String, Path, description = "Id of the pass.")), responses(
    (status = 200, description = "The events; the stream ends with the pass.", content((IndexEvent = "text/event-stream"))),
    (status = 404, description = "This server knows no such pass (`job_not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(event_log::respond(session(&shared, &job)?, &headers))
}

/// The passages of a file
///
/// What the index holds of it. The file itself is not read.
#[utoipa::path(get, operation_id = "get_file_passages", path = "/api/index/file", tag = "Knowledge", params(FileQuery), responses(
    (status = 200, description = "The passages; none where the file is not in the index.", body = FilePassages),
    (status = 404, description = "The folder is not indexed (`not_indexed`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn file(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<FileQuery>,
) -> Result<Json<FilePassages>, ApiError> {
    let index = shared.brain()?.index;
    let look = move |_: &Store| Ok(index.passages_of(FilePath::new(&asked.root), &asked.path)?);
    let passages = shared.with_store(look).await?;
    Ok(Json(FilePassages { passages: passages.into_iter().map(PassageObject::from).collect() }))
}

fn session(shared: &Shared, job: &str) -> Result<Arc<Session>, ApiError> {
    let session = shared.served.indexing().session().filter(|session| session.id == job);
    session.ok_or_else(|| ApiError::not_found("job_not_found", "this server knows no such pass"))
}

/// The folder without links, where a client may have it indexed: in one of `open` or `known`, in no hidden folder below
/// it, and with nothing of hone's own `data` in it.
fn allowed(
    asked: &FilePath,
    open: &[PathBuf],
    known: &[PathBuf],
    data: &FilePath,
) -> Result<PathBuf, ApiError> {
    let refused = || {
        ApiError::forbidden(
            "folder_not_allowed",
            "this folder is not open to clients: `hone index add` indexes any folder, and `folders` of \
             [knowledge] in config.toml opens more",
        )
    };
    let real = |path: &FilePath| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    // Outside of what is open, nobody learns what is there.
    if ![open, known].concat().iter().any(|base| asked.starts_with(base) || asked.starts_with(real(base))) {
        return Err(refused());
    }
    let path = asked.canonicalize().ok().filter(|path| path.is_dir());
    let path = path.ok_or_else(|| ApiError::invalid("path", "there is no such folder"))?;
    let data = real(data);
    let whole_home = std::env::home_dir().is_some_and(|home| real(&home).starts_with(&path));
    if whole_home || path.starts_with(&data) || data.starts_with(&path) {
        return Err(refused());
    }
    let shown = |base: &PathBuf| {
        let below = path.strip_prefix(real(base)).ok()?;
        Some(below.components().all(|part| !part.as_os_str().as_encoded_bytes().starts_with(b".")))
    };
    let inside =
        known.iter().any(|root| path.starts_with(root)) || open.iter().any(|base| shown(base) == Some(true));
    if inside { Ok(path) } else { Err(refused()) }
}

impl From<NotStarted> for ApiError {
    fn from(why: NotStarted) -> ApiError {
        match why {
            NotStarted::Running(path) => ApiError::conflict(
                "indexing_in_progress",
                format!("{} is being indexed; stop it first, or wait for its end", path.display()),
            ),
            NotStarted::Thread(error) => {
                tracing::error!(%error, "cannot start a thread");
                ApiError::internal()
            }
        }
    }
}
