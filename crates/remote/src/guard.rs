//! Which addresses a page may be fetched from: public ones only.
//!
//! A name is looked up once for each request, what is not public is taken out of the answer, and the connection can go
//! to what is left and nowhere else. So it does not matter how an address is spelled or how often a name changes.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use url::{Host, Url};

/// How long a name may be looked up.
const LOOKUP: Duration = Duration::from_secs(5);

/// The network as the guard sees it. Tests bring their own.
pub trait Network: Send + Sync {
    /// The addresses of a name.
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// Where a connection to an address that has passed the guard is made: there. A test has its server elsewhere.
    fn route(&self, address: SocketAddr) -> SocketAddr {
        address
    }
}

/// The system's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Network for System {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let (sender, answer) = mpsc::channel();
        let host = host.to_owned();
        // The system's lookup cannot be interrupted; one that takes too long is left alone.
        std::thread::Builder::new().name("lookup".into()).spawn(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            drop(sender.send(found.map(|all| all.map(|address| address.ip()).collect())));
        })?;
        answer.recv_timeout(LOOKUP).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// Whether an address is one of the public internet. Everything that is set apart for something else is not:
/// loopback, private, link-local, shared, benchmarking, documentation, multicast, and IPv6 forms that hold IPv4.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IANA's special-purpose registry for IPv4.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 31, 196)
            | (192, 52, 193)
            | (192, 88, 99)
            | (192, 168, _)
            | (192, 175, 48)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Global unicast is 2000::/3; some of it is set apart.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let set_apart = match a {
        0x2001 => b < 0x0200 || b == 0x0db8, // protocol assignments with Teredo, documentation
        0x2002 => true,                      // 6to4
        0x3fff => b < 0x1000,                // documentation
        _ => false,
    };
    (0x2000..0x4000).contains(&a) && !set_apart
}

/// Where one request may connect.
pub(crate) struct Allowed {
    host: String,
    addresses: Vec<SocketAddr>,
}

/// Checks where `url` leads. `Err` says why it may not be fetched.
pub(crate) fn check(url: &Url, network: &dyn Network) -> Result<Allowed, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{} is not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries a user name or a password".to_owned());
    }
    let port = url.port_or_known_default().ok_or("it has no port")?;
    let (host, found) = match url.host() {
        None => return Err("it has no host".to_owned()),
        Some(Host::Ipv4(address)) => (address.to_string(), vec![IpAddr::V4(address)]),
        Some(Host::Ipv6(address)) => (address.to_string(), vec![IpAddr::V6(address)]),
        Some(Host::Domain(name)) => {
            let found =
                network.lookup(name).map_err(|error| format!("{name} cannot be looked up: {error}"))?;
            (name.to_owned(), found)
        }
    };
    let public = found.into_iter().filter(|&address| is_public(address));
    let addresses: Vec<SocketAddr> =
        public.map(|address| network.route(SocketAddr::new(address, port))).collect();
    if addresses.is_empty() {
        return Err("it does not lead to the public internet".to_owned());
    }
    Ok(Allowed { host, addresses })
}

impl Allowed {
    /// Addresses of an origin that the user trusts, unchecked.
    pub(crate) fn trusted(url: &Url, network: &dyn Network) -> Result<Allowed, String> {
        let port = url.port_or_known_default().ok_or("it has no port")?;
        let host = url.host_str().ok_or("it has no host")?.trim_matches(['[', ']']).to_owned();
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => network.lookup(&host).map_err(|error| error.to_string())?,
        };
        let addresses = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Ok(Allowed { host, addresses })
    }

    /// What the client resolves names with: this host to these addresses, and nothing else to anything.
    pub(crate) fn resolver(self) -> Arc<impl Resolve> {
        Arc::new(Pinned(self))
    }
}

struct Pinned(Allowed);

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let found: Result<Addrs, Box<dyn std::error::Error + Send + Sync>> = if name.as_str() == self.0.host {
            Ok(Box::new(self.0.addresses.clone().into_iter()))
        } else {
            Err("another host than the one that was checked".into())
        };
        Box::pin(std::future::ready(found))
    }
}
