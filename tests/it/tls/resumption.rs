//! Sessions that clients resume: they prove no more than a new handshake would.

use std::time::Duration;

use countersign::listen::tls::ClientAuth;
use rcgen::ExtendedKeyUsagePurpose;
use rstest::rstest;
use tokio_rustls::rustls::{HandshakeKind, SupportedProtocolVersion};

use super::{
    authority::{Authority, spiffe},
    client::{Client, TLS12, TLS13},
    server::{Folder, serve, serve_with},
};
use crate::harness::eventually;

/// The kind of a new connection's handshake, once a call has been answered before: the ticket comes with the answer.
async fn second(client: &Client, address: std::net::SocketAddr) -> HandshakeKind {
    client.call(address).await.unwrap();
    client.shake(address).await.unwrap().kind
}

#[rstest]
#[tokio::test]
async fn a_client_of_an_authority_that_is_no_longer_believed_does_not_come_back_by_a_ticket(
    #[values(TLS12, TLS13)] versions: &[&'static SupportedProtocolVersion],
    #[values(ClientAuth::Optional, ClientAuth::Required)] auth: ClientAuth,
) {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let folder = Folder::new(&old.server(), Some((&old, auth)));
    let server = serve_with(|config, environment| {
        config.listen.grpc_tls = Some(folder.files.clone());
        environment.look_at_files_every = Duration::from_millis(5);
    });
    let server = server.await;
    let client = |authority: &Authority| {
        let identity = authority.client(spiffe("spiffe://example.org/a"));
        Client::speaking(&old, Some(&identity), versions, &[b"h2"])
    };
    let (before, after) = (client(&old), client(&new));
    assert_eq!(second(&before, server.grpc()).await, HandshakeKind::Resumed);
    after.call(server.grpc()).await.unwrap_err();
    std::fs::write(folder.files.client_authorities.as_ref().unwrap(), new.pem()).unwrap();
    eventually("the new authority", async || after.call(server.grpc()).await.is_ok()).await;
    for _ in 0..5 {
        before.call(server.grpc()).await.unwrap_err();
    }
}

#[rstest]
#[tokio::test]
async fn a_session_ends_with_the_certificate_that_began_it(
    #[values(TLS12, TLS13)] versions: &[&'static SupportedProtocolVersion],
) {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Required)));
    let server = serve(&folder.files).await;
    let identity = authority.certificate(ExtendedKeyUsagePurpose::ClientAuth, |params| {
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::seconds(3);
    });
    let client = Client::speaking(&authority, Some(&identity), versions, &[b"h2"]);
    assert_eq!(second(&client, server.grpc()).await, HandshakeKind::Resumed);
    eventually("the end", async || client.call(server.grpc()).await.is_err()).await;
    client.call(server.grpc()).await.unwrap_err();
}
