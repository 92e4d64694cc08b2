//! Hosts on this machine.

use url::Host;

/// Whether traffic to `host`, as a URL writes it, stays on this machine.
pub fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_not_a_host) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_look_like_this_machine_are_others() {
        for own in ["localhost", "LOCALHOST", "127.0.0.1", "127.1", "0x7f.1", "[::1]"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in
            ["localhost.example.com", "127.0.0.1.example.com", "[::2]", "0.0.0.0", "", "a b"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
