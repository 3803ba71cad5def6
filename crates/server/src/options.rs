//! What the caller decides about the server, and what can go wrong at its start.

use crate::key::{self, MIN_BITS};
use axum::http::uri::Authority;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::{fmt, io, time::Duration};

/// The data folder and what is served out of it.
#[derive(Clone, Debug)]
pub struct Home {
    /// The data folder, with `adapters`, `datasets` and `runs` in it.
    pub folder: PathBuf,
    /// The model's file.
    pub model: PathBuf,
    /// The SHA-256 of the model's file, where it is known already.
    pub sha256: Option<String>,
    /// The adapter that answers instead of the one in use, by name or id; `base` is none.
    pub adapter: Option<String>,
    /// Threads that train; all cores where it is left out.
    pub threads: Option<usize>,
}

/// Where to listen, whom to let in, and how much.
#[derive(Clone)]
pub struct ServerOptions {
    /// Address to listen on. `127.0.0.1` listens on `::1` too. Any address that other machines reach needs
    /// an [`api_key`](Self::api_key).
    pub host: IpAddr,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// A Unix socket to listen on instead of address and port: only this user can open it (0600).
    pub socket: Option<PathBuf>,
    /// With a key set, every request but `GET /health` needs `Authorization: Bearer <key>`.
    pub api_key: Option<String>,
    /// More names that clients may use for this server, as they stand in the `Host` header: `hone.lan:4663`,
    /// or `code.example.org` behind a TLS proxy. A name without a port is also allowed with the port that is listened on.
    pub allowed_hosts: Vec<String>,
    /// Sizes and times.
    pub limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 4663,
            socket: None,
            api_key: None,
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// The key stays out of logs.
impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("socket", &self.socket)
            .field("api_key", &self.api_key.as_ref().map(|_| "(secret)"))
            .field("allowed_hosts", &self.allowed_hosts)
            .field("limits", &self.limits)
            .finish()
    }
}

impl ServerOptions {
    /// A bind that other machines reach needs a key that cannot be guessed.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        if let Some(bad) = self.allowed_hosts.iter().find(|host| !is_host(host)) {
            return Err(ServeError::AllowedHost { host: bad.clone() });
        }
        match &self.api_key {
            Some(key) if !key::is_sendable(key) => Err(ServeError::UnusableKey),
            Some(key) if !self.host.is_loopback() && key::strength_bits(key) < MIN_BITS => {
                Err(ServeError::WeakKey { host: self.host, bits: key::strength_bits(key) })
            }
            None if !self.host.is_loopback() => Err(ServeError::KeyRequired { host: self.host }),
            _ => Ok(()),
        }
    }
}

/// Whether this can stand in a `Host` header: a name or an address, with a port or without.
fn is_host(text: &str) -> bool {
    let known = text.parse::<Authority>().is_ok_and(|host| !host.host().is_empty());
    known && !text.contains(['@', '*'])
}

/// How much one client, and all of them together, may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait to be accepted. Lowered to what the process may open.
    pub connections: usize,
    /// Bytes of one request body.
    pub body_bytes: usize,
    /// Bytes of all request bodies that are being read at the same time.
    pub body_bytes_total: usize,
    /// From an idle connection (or a new one) to the end of the next request's headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// A client that reads nothing for this long, while there is something to read, is dropped.
    pub stall_timeout: Duration,
    /// Answers in progress may take this long after the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4096,
            body_bytes: 4 << 20,
            body_bytes_total: 64 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A public bind without a key.
    #[error(
        "listening on {host} lets other machines in, and there is no API key; \
         set HONE_API_KEY to a random key (`openssl rand -hex 32` makes one) or listen on 127.0.0.1. \
         The connection is not encrypted: put a TLS proxy in front of it"
    )]
    KeyRequired {
        /// The address asked for.
        host: IpAddr,
    },
    /// A public bind with a key that can be guessed.
    #[error(
        "listening on {host} lets other machines in, and the API key is worth about {bits} bits; \
         it needs 128: `openssl rand -hex 32` makes one"
    )]
    WeakKey {
        /// The address asked for.
        host: IpAddr,
        /// Estimated strength.
        bits: u32,
    },
    /// A key that no client could send in a header.
    #[error(
        "the API key is empty or has characters other than printable ASCII; `openssl rand -hex 32` makes one"
    )]
    UnusableKey,
    /// A name that no client could send.
    #[error("`{host}` is no host name; write it as it stands in the Host header: hone.lan, or hone.lan:4663")]
    AllowedHost {
        /// What was given.
        host: String,
    },
    /// The socket cannot be had.
    #[error("cannot listen on the socket {}: {source}", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system said, or what is there already.
        source: io::Error,
    },
    /// The port is taken, or the address is not ours.
    #[error("cannot listen on {address}; is another hone running? choose another port with --port")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
