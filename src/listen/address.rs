//! Where a listener listens: a TCP address, or the path of a Unix socket.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// A Unix socket's address begins with this, and its absolute path follows.
const UNIX: &str = "unix://";

/// The longest path of a Unix socket, in bytes (`sockaddr_un`, with its final NUL).
const LONGEST_PATH: usize = 107;

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
}

impl Address {
    /// Parses `127.0.0.1:50051` or `unix:///run/countersign.sock`.
    ///
    /// # Errors
    /// Another text, in words for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(UNIX) {
            return unix(path);
        }
        text.parse().map(Self::Tcp).map_err(|_not_an_address| {
            "must be an address and a port such as 127.0.0.1:50051, or unix:///run/countersign.sock"
                .to_owned()
        })
    }

    /// Whether no other machine reaches it: what is sent there crosses no network.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Whether one listener can be for both. Port 0 picks another one for each.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self == other && self.tcp().is_none_or(|address| address.port() != 0)
    }

    /// The TCP address.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

fn unix(path: &str) -> Result<Address, String> {
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(
            "must have the absolute path of a file: unix:///run/countersign.sock".to_owned()
        );
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("must have a path of at most {LONGEST_PATH} bytes"));
    }
    Ok(Address::Unix(Path::new(path).to_owned()))
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// The form that [`Address::parse`] reads.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// The address of callers on this machine, which those of a Unix socket are.
pub(super) const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_read_as_it_is_written() {
        for text in ["127.0.0.1:50051", "[::1]:0", "0.0.0.0:80", "unix:///run/a b.sock"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        let longest = format!("unix:///{}", "x".repeat(LONGEST_PATH - 1));
        assert!(Address::parse(&longest).is_ok());
        let too_long = format!("{longest}x");
        for text in
            ["", "localhost:1", "unix:", "unix://", "unix://run/x", "unix:///run/", &too_long]
        {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_listener_is_for_two_addresses_that_are_the_same_and_leave_nothing_open() {
        let address = |text| Address::parse(text).unwrap();
        for same in ["127.0.0.1:1", "unix:///run/x"] {
            assert!(address(same).is_same_place(&address(same)), "{same}");
        }
        for (one, other) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:1", "127.0.0.1:2"),
            ("[::1]:1", "127.0.0.1:1"),
        ] {
            assert!(!address(one).is_same_place(&address(other)), "{one} {other}");
        }
    }

    #[test]
    fn loopback_and_unix_sockets_cross_no_network() {
        for text in ["127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:///run/x"] {
            assert!(Address::parse(text).unwrap().is_local(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1"] {
            assert!(!Address::parse(text).unwrap().is_local(), "{text}");
        }
    }
}
