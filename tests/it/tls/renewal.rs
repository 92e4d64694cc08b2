//! Certificates that are renewed while calls run.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign::{app::Environment, listen::tls::ClientAuth};
use rstest::rstest;
use tokio::task::JoinSet;
use tokio_rustls::rustls::{HandshakeKind, pki_types::CertificateDer};

use super::{
    authority::{Authority, dns},
    client::{Client, TLS12, TLS13, check},
    server::{serve, serve_with},
    writing::Way,
};
use crate::{harness::soon, http::get};

/// For each way of changing files: a third of a thousand, and one.
const RENEWALS: usize = 334;

/// Waits until a new handshake has that certificate.
async fn shown(client: &Client, address: SocketAddr, der: &CertificateDer<'static>) {
    let shows = async {
        while client.shake(address).await.unwrap().server != *der {
            tokio::task::yield_now().await;
        }
    };
    soon("the new certificate", shows).await;
}

#[rstest]
#[tokio::test]
async fn each_new_handshake_has_the_new_certificate_soon(
    #[values(Way::InPlace, Way::Renamed, Way::Swapped)] way: Way,
) {
    // Within a second, the documents say; how long a look itself takes depends on the machine.
    assert!(Environment::default().look_at_files_every <= Duration::from_millis(500));
    let authority = Authority::new("a");
    let folder = way.folder(&authority.server(), None);
    let server = serve(&folder.files).await;
    for _ in 0..3 {
        let pair = authority.server();
        way.write(&folder, &pair, None);
        // A client that resumes sessions sees the certificate of when its session began.
        shown(&Client::new(&authority, None), server.grpc(), &pair.der).await;
    }
}

/// A client whose authority is believed in every other renewal.
struct Old {
    client: Client,
    /// Its handshakes that were resumed: it has a ticket when its authority is taken off.
    resumed: usize,
}

impl Old {
    async fn call(&mut self, address: SocketAddr, is_believed: bool) {
        assert_eq!(self.client.call(address).await.is_ok(), is_believed);
        if is_believed {
            let shaken = self.client.shake(address).await.unwrap();
            self.resumed += usize::from(shaken.kind == HandshakeKind::Resumed);
        }
    }
}

/// What calls meanwhile, and how often each has.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    kept: AtomicUsize,
    anew: AtomicUsize,
    resumed: AtomicUsize,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Calls over one connection from the beginning to the end.
    async fn keep(self: Arc<Self>, client: Client, address: SocketAddr) {
        let channel = client.channel(address).await.unwrap();
        while self.goes_on() {
            check(channel.clone()).await.unwrap();
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls over a new connection each. `client` says whether it resumes the session before.
    async fn connect(self: Arc<Self>, client: impl Fn() -> Client, address: SocketAddr) {
        while self.goes_on() {
            client().call(address).await.unwrap();
            self.anew.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the handshakes of a client that were resumed.
    async fn resume(self: Arc<Self>, client: Client, address: SocketAddr) {
        while self.goes_on() {
            client.call(address).await.unwrap();
            let shaken = client.shake(address).await.unwrap();
            if shaken.kind == HandshakeKind::Resumed {
                self.resumed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_certificates_are_renewed_again_and_again(
    #[values(Way::InPlace, Way::Renamed, Way::Swapped)] way: Way,
) {
    let (authority, other) = (Arc::new(Authority::new("a")), Authority::new("old"));
    let identity = Arc::new(authority.client(dns("cart.example")));
    let folder = way.folder(&authority.server(), Some((&authority, ClientAuth::Required)));
    let server = serve_with(|config, environment| {
        config.listen.grpc_tls = Some(folder.files.clone());
        environment.look_at_files_every = Duration::from_millis(5);
    });
    let server = server.await;
    let (load, mut callers) = (Arc::new(Load::default()), JoinSet::new());
    let client = {
        let (authority, identity) = (Arc::clone(&authority), Arc::clone(&identity));
        move || Client::new(&authority, Some(&identity))
    };
    let address = server.grpc();
    callers.spawn(Arc::clone(&load).keep(client(), address));
    callers.spawn(Arc::clone(&load).connect(client.clone(), address));
    for versions in [TLS12, TLS13] {
        let client = Client::speaking(&authority, Some(&identity), versions, &[b"h2"]);
        callers.spawn(Arc::clone(&load).resume(client, address));
    }
    let identity = other.client(dns("old.example"));
    let mut old = [TLS12, TLS13].map(|versions| Old {
        client: Client::speaking(&authority, Some(&identity), versions, &[b"h2"]),
        resumed: 0,
    });
    for renewal in 0..RENEWALS {
        let (pair, is_believed) = (authority.server(), renewal % 2 == 0);
        // A file that is read when half of it is written may end between the two: the callers' authority comes first.
        let both = authority.pem() + &if is_believed { other.pem() } else { String::new() };
        way.write(&folder, &pair, Some(&both));
        shown(&client(), address, &pair.der).await;
        for old in &mut old {
            old.call(address, is_believed).await;
        }
    }
    assert!(old.iter().all(|old| old.resumed > 0), "it had no ticket to come back by");
    load.over.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    for calls in [&load.kept, &load.anew, &load.resumed] {
        assert!(calls.load(Ordering::Relaxed) > 0, "one of the callers never came to call");
    }
    let (_, metrics) = get(server.http(), "/metrics").await;
    let loaded = "countersign_tls_reloads_total{listener=\"grpc\",result=\"loaded\"} ";
    let loaded = metrics.lines().find_map(|line| line.strip_prefix(loaded)).unwrap();
    // The first of the new authorities beside the old pair, and both, are files that can be used, too.
    assert!((RENEWALS..=3 * RENEWALS).contains(&loaded.parse().unwrap()), "{metrics}");
    assert!(metrics.contains("countersign_tls_files_refused{listener=\"grpc\"} 0"), "{metrics}");
}
