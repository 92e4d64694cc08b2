//! Files that can't be used: those before stay in force, one line says so, and the metrics show it.

use std::{fs, net::SocketAddr, time::Duration};

use countersign::{
    app::{App, Environment},
    listen::tls::ClientAuth,
};
use rcgen::ExtendedKeyUsagePurpose;
use rstest::rstest;

use super::{
    authority::{Authority, Pair, in_days},
    client::Client,
    server::{Folder, Served, serve, serve_with},
    writing::Way,
};
use crate::{
    harness::{Backend, Database, eventually, server::config},
    http::get,
};

const SERVER: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;

/// What is wrong with files.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    HalfWritten,
    OtherKey,
    Expired,
    NotYetValid,
    OfAClient,
    Empty,
    Missing,
    Glued,
    ByteOrderMark,
    EncryptedKey,
    NoAuthority,
}

impl Wrong {
    const ALL: [Self; 11] = [
        Self::HalfWritten,
        Self::OtherKey,
        Self::Expired,
        Self::NotYetValid,
        Self::OfAClient,
        Self::Empty,
        Self::Missing,
        Self::Glued,
        Self::ByteOrderMark,
        Self::EncryptedKey,
        Self::NoAuthority,
    ];

    /// Puts them into the folder. Returns what is said of them.
    fn write(self, folder: &Folder, authority: &Authority) -> &'static str {
        let put = |pair: &Pair| Way::Renamed.write(folder, pair, None);
        let mut pair = authority.server();
        match self {
            Self::HalfWritten => {
                pair.certificate.truncate(pair.certificate.len() / 2);
                put(&pair);
                "half written"
            }
            Self::OtherKey => {
                pair.key = authority.server().key;
                put(&pair);
                "does not belong to the certificate"
            }
            Self::Expired => {
                put(&authority.certificate(SERVER, |params| params.not_after = in_days(-1)));
                "expired on "
            }
            Self::NotYetValid => {
                let later = |params: &mut rcgen::CertificateParams| {
                    (params.not_before, params.not_after) = (in_days(1), in_days(2));
                };
                put(&authority.certificate(SERVER, later));
                "is not valid before "
            }
            Self::OfAClient => {
                put(&authority.certificate(ExtendedKeyUsagePurpose::ClientAuth, |_| {}));
                "serverAuth"
            }
            Self::Empty => {
                pair.certificate.clear();
                put(&pair);
                "is empty"
            }
            Self::Missing => {
                fs::remove_file(&folder.files.key).unwrap();
                "can't be read"
            }
            Self::Glued => {
                pair.certificate = format!("{}{}", pair.certificate.trim_end(), authority.pem());
                put(&pair);
                "half written"
            }
            Self::ByteOrderMark => {
                pair.certificate = format!("\u{feff}{}", pair.certificate);
                put(&pair);
                "byte order mark"
            }
            Self::EncryptedKey => {
                pair.key = pair.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
                put(&pair);
                "is encrypted"
            }
            Self::NoAuthority => {
                fs::write(folder.files.client_authorities.as_ref().unwrap(), "\n").unwrap();
                "is empty"
            }
        }
    }
}

async fn metric(address: SocketAddr, line: &str) -> bool {
    get(address, "/metrics").await.1.lines().any(|found| found == line)
}

/// A server that looks at its files often.
async fn quick(folder: &Folder) -> Served {
    serve_with(|config, environment| {
        config.listen.grpc_tls = Some(folder.files.clone());
        environment.look_at_files_every = Duration::from_millis(5);
    })
    .await
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_used_leaves_the_certificate_before_in_force() {
    let authority = Authority::new("a");
    for wrong in Wrong::ALL {
        let pair = authority.server();
        let folder = Folder::new(&pair, Some((&authority, ClientAuth::Optional)));
        let server = quick(&folder).await;
        let why = wrong.write(&folder, &authority);
        let refused = "countersign_tls_files_refused{listener=\"grpc\"} 1";
        eventually("the refusal", async || metric(server.http(), refused).await).await;
        let client = Client::new(&authority, None);
        assert_eq!(client.shake(server.grpc()).await.unwrap().server, pair.der, "{wrong:?}");
        client.call(server.grpc()).await.unwrap();
        // More looks, whose number the handshakes' duration bounds below, say nothing more.
        for _ in 0..5 {
            client.call(server.grpc()).await.unwrap();
        }
        let logged = folder.logged();
        assert_eq!(logged.len(), 1, "{wrong:?}: {logged:?}");
        let text = logged[0]["why"].as_str().unwrap();
        assert!(text.contains(why), "{wrong:?}: {text}");
        assert_eq!(
            (&logged[0]["level"], &logged[0]["listener"]),
            (&"ERROR".into(), &"grpc".into())
        );
        let counted = "countersign_tls_reloads_total{listener=\"grpc\",result=\"refused\"} 1";
        assert!(metric(server.http(), counted).await);

        let next = authority.server();
        Way::Renamed.write(&folder, &next, Some(&authority.pem()));
        let mended = "countersign_tls_files_refused{listener=\"grpc\"} 0";
        // The files come one by one: a look between them can find the old pair beside the authority that is there again.
        eventually(&format!("the new one after {wrong:?}"), async || {
            let client = Client::new(&authority, None);
            metric(server.http(), mended).await
                && client.shake(server.grpc()).await.unwrap().server == next.der
        })
        .await;
    }
}

#[tokio::test]
async fn what_cannot_be_used_stops_the_start() {
    let authority = Authority::new("a");
    for wrong in Wrong::ALL {
        let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Required)));
        let why = wrong.write(&folder, &authority);
        let database = Database::new(Backend::Sqlite).await;
        let mut config = config(&database);
        config.listen.grpc_tls = Some(folder.files.clone());
        let error = App::bind(&config, Environment::default()).await.err().unwrap();
        let error = countersign::telemetry::chain(&error).to_string();
        assert!(error.contains(why), "{wrong:?}: {error}");
    }
}

#[tokio::test]
async fn files_that_come_back_as_they_were_are_no_longer_refused() {
    let authority = Authority::new("a");
    let pair = authority.server();
    let folder = Folder::new(&pair, None);
    let server = quick(&folder).await;
    fs::write(&folder.files.key, "").unwrap();
    let is_refused = async |value| {
        let line = format!("countersign_tls_files_refused{{listener=\"grpc\"}} {value}");
        eventually("the metric", async || metric(server.http(), &line).await).await;
    };
    is_refused(1).await;
    fs::write(&folder.files.key, &pair.key).unwrap();
    is_refused(0).await;
    assert!(
        metric(
            server.http(),
            "countersign_tls_reloads_total{listener=\"grpc\",result=\"loaded\"} 0"
        )
        .await
    );
}

#[tokio::test]
async fn the_time_until_the_certificate_expires_is_a_metric() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let server = serve(&folder.files).await;
    let (_, metrics) = get(server.http(), "/metrics").await;
    let name = "countersign_tls_certificate_expires_in_seconds{listener=\"grpc\"} ";
    let left = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let left: i64 = left.parse().unwrap();
    assert!((3000..=3600).contains(&left), "{left}");
}
