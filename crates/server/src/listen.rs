//! Where connections come in: addresses of this machine, or a Unix socket.

use crate::gate::Arrival;
use crate::options::{ServeError, ServerOptions};
use crate::stall::Socket;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

impl Address {
    /// The address, where it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Socket(_) => None,
        }
    }

    /// The port; 0 where there is none.
    pub fn port(&self) -> u16 {
        self.tcp().map_or(0, |address| address.port())
    }
}

/// `http://127.0.0.1:4663`, or `unix:/run/user/1000/hone.sock`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "http://{address}"),
            Address::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One place where connections come in.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Socket(unix::Socket),
}

impl Listener {
    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Socket>, Arrival)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let local = stream.local_addr()?;
                // A token is a small packet that should not wait for the next one. Failing that, it is only slower.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Arrival::Address(local)))
            }
            #[cfg(unix)]
            Listener::Socket(socket) => Ok((Box::new(socket.accept().await?), Arrival::Socket)),
        }
    }
}

/// Takes what the options ask for.
pub(crate) async fn open(options: &ServerOptions) -> Result<(Vec<Listener>, Address), ServeError> {
    if let Some(path) = &options.socket {
        return socket(path).map_err(|source| ServeError::Socket { path: path.clone(), source });
    }
    let asked = SocketAddr::new(options.host, options.port);
    let first = tcp(asked).await?;
    let address = first.local_addr().map_err(|source| ServeError::Bind { address: asked, source })?;
    let mut listeners = vec![Listener::Tcp(first)];
    if options.host == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        // `localhost` may mean either; where there is no IPv6, one is enough.
        match tcp(SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))).await {
            Ok(second) => listeners.push(Listener::Tcp(second)),
            Err(error) => tracing::debug!(%error, "not listening on ::1"),
        }
    }
    Ok((listeners, Address::Tcp(address)))
}

async fn tcp(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

#[cfg(unix)]
fn socket(path: &std::path::Path) -> io::Result<(Vec<Listener>, Address)> {
    let path = std::path::absolute(path)?;
    let listener = Listener::Socket(unix::Socket::bind(path.clone())?);
    Ok((vec![listener], Address::Socket(path)))
}

#[cfg(not(unix))]
fn socket(_: &std::path::Path) -> io::Result<(Vec<Listener>, Address)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets; leave --socket out"))
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream as Probe;
    use std::path::PathBuf;
    use tokio::net::{UnixListener, UnixStream};

    /// A socket that is removed with its server.
    pub(crate) struct Socket {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Socket {
        /// Takes the path. What a killed server left there is replaced; a running one's is not, nor any other file.
        pub(crate) fn bind(path: PathBuf) -> io::Result<Socket> {
            match fs::symlink_metadata(&path) {
                Ok(there) if !there.file_type().is_socket() => {
                    let why = "there is another file already; choose another path";
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
                }
                Ok(_) if Probe::connect(&path).is_ok() => {
                    let why = "another server listens there";
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
                }
                Ok(_) => fs::remove_file(&path)?,
                Err(_) => {}
            }
            // Under another name and closed to others first: at its path the socket is never open to them.
            let mut making = path.clone().into_os_string();
            making.push(".new");
            let making = PathBuf::from(making);
            let _ = fs::remove_file(&making); // of a server that was killed just here
            let listener = UnixListener::bind(&making)?;
            fs::set_permissions(&making, Permissions::from_mode(0o600))?;
            fs::rename(&making, &path)?;
            Ok(Socket { listener, path })
        }

        pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
            Ok(self.listener.accept().await?.0)
        }
    }

    impl Drop for Socket {
        fn drop(&mut self) {
            // A leftover is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}
