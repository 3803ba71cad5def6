//! Where a service is, and the key that belongs there and nowhere else.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// A service that the user set, with its key. The key is bound to the address: it goes to this origin only, and
/// another address is another endpoint, without it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base: Url,
    key: Option<SecretString>,
}

/// An address or a key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address of a service.
    #[error(
        "{0} is not the address of a service; write it like https://host/path, without user name and query"
    )]
    Address(String),
    /// The key could be read on the way.
    #[error("{0} is not encrypted, so no key is sent there; use https, or an address on this machine")]
    Plain(String),
    /// Not a key.
    #[error("the key for {0} contains characters that no key has")]
    Key(String),
}

impl Endpoint {
    /// An address as the user typed it; it may be on this machine.
    pub fn new(base: &str, key: Option<&str>) -> Result<Endpoint, EndpointError> {
        let wrong = || EndpointError::Address(base.to_owned());
        let url = Url::parse(base).map_err(|_| wrong())?;
        let bare = url.username().is_empty() && url.password().is_none();
        let bare = bare && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !bare {
            return Err(wrong());
        }
        if key.is_some() && url.scheme() == "http" && !is_loopback(&url) {
            return Err(EndpointError::Plain(base.to_owned()));
        }
        let endpoint = Endpoint { base: url, key: key.map(SecretString::from) };
        if endpoint.has_key() && endpoint.bearer(&endpoint.base).is_none() {
            return Err(EndpointError::Key(base.to_owned()));
        }
        Ok(endpoint)
    }

    /// The address of `path` below the base.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }

    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The address as a whole.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or("?")
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// `Authorization` for a request to `url`: only where the key belongs.
    pub(crate) fn bearer(&self, url: &Url) -> Option<HeaderValue> {
        let key = self.key.as_ref().filter(|_| url.origin() == self.base.origin())?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_to_its_origin_only() {
        let here = Endpoint::new("https://api.example/v1/", Some("k")).unwrap();
        assert_eq!(here.url("chat/completions").as_str(), "https://api.example/v1/chat/completions");
        assert_eq!(here.bearer(&here.url("x")).unwrap(), "Bearer k");
        for other in [
            "https://api.example.evil/v1/x",
            "http://api.example/v1/x",
            "https://api.example:444/x",
            "https://x.api.example/",
        ] {
            assert!(here.bearer(&other.parse().unwrap()).is_none(), "{other}");
        }
        assert!(
            !format!("{:?}", Endpoint::new("https://a/", Some("secret-key")).unwrap()).contains("secret-key")
        );
    }

    #[test]
    fn a_key_is_not_sent_in_the_open() {
        assert!(matches!(Endpoint::new("http://api.example", Some("k")), Err(EndpointError::Plain(_))));
        for base in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "https://a.example"] {
            assert!(Endpoint::new(base, Some("k")).is_ok(), "{base}");
        }
        for base in ["", "a", "ftp://a", "https://u:p@a", "https://a?q", "file:///etc"] {
            assert!(matches!(Endpoint::new(base, None), Err(EndpointError::Address(_))), "{base}");
        }
        assert!(matches!(Endpoint::new("https://a", Some("a\nb")), Err(EndpointError::Key(_))));
    }
}
