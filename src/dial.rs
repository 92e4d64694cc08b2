//! TCP connections to hosts that have several addresses, of which some may not answer, and whom to trust there (TLS).

mod tcp;
mod trust;

use std::{fmt, future::Future, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::{TcpStream, lookup_host},
    time::sleep,
};

pub use self::{
    tcp::{Tcp, reach},
    trust::Trust,
};

/// How long an address is tried before the next one is tried, too: the most that RFC 8305 (section 5) allows. The first
/// one goes on meanwhile.
pub const HEAD_START: Duration = Duration::from_secs(2);

/// Connects to the first address of a host that answers. There is no time limit over all: that is the caller's.
///
/// # Errors
/// A name that has no address; what each of the addresses failed with.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    race(addresses(host, port).await?, TcpStream::connect).await
}

/// The addresses of a host, in the order in which they are to be tried.
///
/// # Errors
/// A name that has no address.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(alternating(lookup_host((host, port)).await?.collect()))
}

/// Tries addresses in their order, each [`HEAD_START`] after the one before or as soon as that has failed, until one
/// succeeds. The others are given up then.
///
/// # Errors
/// No addresses; what each of them failed with, and the kind of the last.
pub async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failed = Failed::default();
    loop {
        if let Some(address) = waiting.next() {
            let attempt = attempt(address);
            running.push(async move { (address, attempt.await) });
        }
        tokio::select! {
            ended = running.next() => match ended {
                Some((_, Ok(connected))) => return Ok(connected),
                Some((address, Err(error))) => failed.0.push((address, error)),
                None => return Err(failed.into()),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// The two families in turns, the one that the system prefers first (RFC 8305, section 4).
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        all.extend(first.next());
        all.extend(second.next());
    }
    all
}

/// What each address failed with.
#[derive(Debug, Default)]
struct Failed(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the name has no address");
        }
        for (index, (address, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        let last = failed.0.last().map(|(_, error)| error.kind());
        Self::new(last.unwrap_or(io::ErrorKind::NotFound), failed)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    fn parsed(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed = parsed(&["[::1]:1", "[::2]:1", "[::3]:1", "192.0.2.1:1", "192.0.2.2:1"]);
        let expected = parsed(&["[::1]:1", "192.0.2.1:1", "[::2]:1", "192.0.2.2:1", "[::3]:1"]);
        assert_eq!(alternating(mixed), expected);
    }

    /// Each address that says nothing costs two seconds, and one that refuses costs nothing.
    #[tokio::test(start_paused = true)]
    async fn an_address_that_says_nothing_holds_up_the_next_for_two_seconds() {
        let begun = Instant::now();
        let all = parsed(&["[::1]:1", "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        let last = all[3];
        let connected = race(all.clone(), |address| async move {
            if address == last {
                return Ok(address);
            }
            if address.ip().to_string() == "192.0.2.2" {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            pending().await
        });
        assert_eq!(connected.await.unwrap(), last);
        assert_eq!(begun.elapsed(), 2 * HEAD_START);
    }

    /// One that takes longer than its head start is not given up for the next.
    #[tokio::test(start_paused = true)]
    async fn a_slow_address_may_still_win() {
        let all = parsed(&["[::1]:1", "192.0.2.1:1"]);
        let slow = all[0];
        let connected = race(all, |address| async move {
            if address == slow {
                sleep(Duration::from_secs(3)).await;
                return Ok(address);
            }
            pending().await
        });
        assert_eq!(connected.await.unwrap(), slow);
    }

    #[tokio::test]
    async fn an_error_names_all_addresses() {
        let all = parsed(&["[::1]:1", "192.0.2.1:1"]);
        let refused = race(all, |_| async { Err::<(), _>(io::ErrorKind::TimedOut.into()) });
        let error = refused.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "[::1]:1: timed out; 192.0.2.1:1: timed out");
        let none = race(Vec::new(), |_| async { Ok(()) }).await.unwrap_err();
        assert_eq!(none.to_string(), "the name has no address");
    }
}
