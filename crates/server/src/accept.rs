//! Listens, and runs one task for each connection, within the limits.

use crate::gate::Arrival;
pub use crate::listen::Address;
use crate::listen::{self, Listener};
use crate::options::{Limits, ServeError, ServerOptions};
use crate::router::app;
use crate::stall::{Socket, StallGuard};
use crate::state::AppState;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// Headers of one request.
const MAX_HEADERS: usize = 100;
/// Bytes of one request's headers, and of an answer that waits for its reader.
const BUFFER_BYTES: usize = 64 << 10;
/// Files that the process needs besides connections.
const SPARE_FILES: u64 = 256;

/// Listens and serves until `shutdown` is done; then answers in progress get a moment to end.
///
/// # Errors
/// When the options are not safe, or the address cannot be had.
pub async fn serve(
    options: ServerOptions,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind(options).await?.run(state, shutdown).await;
    Ok(())
}

/// A server that listens and does not answer yet.
pub struct Server {
    options: ServerOptions,
    listeners: Vec<Arc<Listener>>,
    address: Address,
}

impl Server {
    /// Takes the address, or the socket.
    ///
    /// # Errors
    /// When the options are not safe, or the address cannot be had.
    pub async fn bind(options: ServerOptions) -> Result<Server, ServeError> {
        options.check()?;
        let (listeners, address) = listen::open(&options).await?;
        Ok(Server { options, listeners: listeners.into_iter().map(Arc::new).collect(), address })
    }

    /// The same place with other options for the next round; where to listen is not changed any more.
    ///
    /// # Errors
    /// When the options are not safe.
    pub fn with(self, options: ServerOptions) -> Result<Server, ServeError> {
        options.check()?;
        Ok(Server { options, ..self })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Answers until `shutdown` is done, and gives the address back.
    pub async fn run(self, state: AppState, shutdown: impl Future<Output = ()>) {
        self.round(state, shutdown).await;
    }

    /// Answers until `shutdown` is done. Who connects afterwards waits for the next round.
    pub async fn round(&self, state: AppState, shutdown: impl Future<Output = ()>) {
        let limits = self.options.limits;
        let app = app(&self.options, self.address.port(), state);
        let places = Arc::new(Semaphore::new(connection_places(limits.connections)));
        let (stop, stopped) = watch::channel(());
        let mut loops = JoinSet::new();
        for listener in &self.listeners {
            loops.spawn(accept(
                Arc::clone(listener),
                app.clone(),
                limits,
                Arc::clone(&places),
                stopped.clone(),
            ));
        }
        shutdown.await;
        drop(stop); // everyone who watches it hears
        while loops.join_next().await.is_some() {}
    }
}

/// As many connections as asked for, or as the system's limit of open files allows.
fn connection_places(wanted: usize) -> usize {
    let files = rlimit::increase_nofile_limit(wanted as u64 + SPARE_FILES).unwrap_or(1024);
    wanted.min(files.saturating_sub(SPARE_FILES).max(16) as usize)
}

/// Accepts until told to stop, then waits for its connections to end, but not for ever.
async fn accept(
    listener: Arc<Listener>,
    app: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let mut place = None;
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            free = Arc::clone(&places).acquire_owned(), if place.is_none() => place = free.ok(),
            accepted = listener.accept(), if place.is_some() => match accepted {
                Ok((stream, arrival)) => {
                    let held = place.take();
                    connections.spawn(connection(stream, arrival, app.clone(), limits, held, stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    let ended = timeout(limits.shutdown_grace, async { while connections.join_next().await.is_some() {} });
    if ended.await.is_err() {
        connections.shutdown().await;
    }
}

/// Serves one connection, holding its place.
async fn connection(
    stream: Box<dyn Socket>,
    arrival: Arrival,
    app: Router,
    limits: Limits,
    _place: Option<OwnedSemaphorePermit>,
    mut stopped: watch::Receiver<()>,
) {
    let asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(arrival);
        app.clone().oneshot(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(StallGuard::new(stream, limits.stall_timeout)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            // Browsers connect ahead of need, and hyper would wait for the first request and answer it, however late.
            if !asked.load(Ordering::Relaxed) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
