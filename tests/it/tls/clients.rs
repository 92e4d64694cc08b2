//! Client certificates: who is taken, and as whom.

use std::sync::Arc;

use countersign::{
    domain::{CallerName, Callers, TrustedProxies},
    listen::{
        Figures, Limits, Listener,
        tls::{ClientAuth, Protocol, Tls},
    },
    pb::{IntrospectTokenRequest, token_service_client::TokenServiceClient},
};
use rcgen::ExtendedKeyUsagePurpose;
use rstest::rstest;
use tokio_rustls::rustls::SupportedProtocolVersion;

use super::{
    authority::{Authority, Pair, dns, in_days, spiffe},
    client::{Client, TLS12, TLS13},
    server::{Folder, serve, serve_with},
};
use crate::harness::soon;

const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;

#[rstest]
#[tokio::test]
async fn a_certificate_is_asked_for_as_the_setting_says_and_an_invalid_one_never_taken(
    #[values(ClientAuth::Off, ClientAuth::Optional, ClientAuth::Required)] auth: ClientAuth,
    #[values(TLS12, TLS13)] versions: &[&'static SupportedProtocolVersion],
) {
    let (servers, clients, strangers) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("clients"));
    let folder = Folder::new(&servers.server(), Some((&clients, auth)));
    let server = serve(&folder.files).await;
    let call = async |identity: Option<&Pair>| {
        Client::speaking(&servers, identity, versions, &[b"h2"]).call(server.grpc()).await
    };
    call(Some(&clients.client(spiffe("spiffe://example.org/billing")))).await.unwrap();
    assert_eq!(call(None).await.is_ok(), auth != ClientAuth::Required);
    let past = |params: &mut rcgen::CertificateParams| params.not_after = in_days(-1);
    let future = |params: &mut rcgen::CertificateParams| {
        (params.not_before, params.not_after) = (in_days(1), in_days(2));
    };
    for (what, invalid) in [
        ("of another authority with the same name", strangers.client(dns("billing"))),
        ("expired", clients.certificate(CLIENT, past)),
        ("not valid yet", clients.certificate(CLIENT, future)),
        ("of a server", clients.server()),
    ] {
        // Where none is asked for, none is shown.
        assert_eq!(call(Some(&invalid)).await.is_ok(), auth == ClientAuth::Off, "{what}");
    }
}

#[tokio::test]
async fn the_caller_is_who_the_certificate_says_and_nobody_without_a_name() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Optional)));
    let figures = Figures::default();
    let tls = Tls::load("names", folder.files.clone(), Protocol::Http2, &figures.tls).unwrap();
    let limits = Limits {
        places: 10,
        proxies: TrustedProxies::default(),
        limit_loopback: false,
        handshake_deadline: std::time::Duration::from_secs(5),
    };
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
    let listener = Listener::bind("names", &address, Some(Arc::new(tls)), limits, &figures).await;
    let mut listener = listener.unwrap();
    let address = listener.local_addr(&address).unwrap().tcp().unwrap();
    let nameless = |params: &mut rcgen::CertificateParams| params.subject_alt_names.clear();
    let two = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![spiffe("spiffe://a/x"), spiffe("spiffe://a/y")];
    };
    let both = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![dns("x.example"), spiffe("spiffe://a/x")];
    };
    for (identity, name) in [
        (
            Some(authority.client(spiffe("spiffe://example.org/a/b"))),
            Some("spiffe://example.org/a/b"),
        ),
        (Some(authority.client(dns("Billing.Example"))), Some("dns:billing.example")),
        (Some(authority.certificate(CLIENT, both)), Some("spiffe://a/x")),
        (Some(authority.certificate(CLIENT, two)), None),
        (Some(authority.client(spiffe("https://example.org/a"))), None),
        (Some(authority.client(dns("*.example"))), None),
        (Some(authority.certificate(CLIENT, nameless)), None),
        (None, None),
    ] {
        let client = Client::new(&authority, identity.as_ref());
        let (connected, (socket, _place)) = soon("a connection", async {
            tokio::join!(client.connect(address), listener.accept())
        })
        .await;
        // Held: of a connection that has ended the peer is unknown.
        let _held = connected.unwrap();
        let caller: Option<CallerName> = socket.caller();
        assert_eq!(caller.map(|caller| caller.to_string()).as_deref(), name);
        assert!(socket.peer().unwrap().is_loopback());
    }
}

#[tokio::test]
async fn the_policy_of_callers_goes_by_the_certificate_and_by_no_header() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Optional)));
    let policy = "spiffe://example.org/gateway = introspect\ndns:edge.example.org = introspect";
    let server = serve_with(|config, _| {
        config.listen.grpc_tls = Some(folder.files.clone());
        config.listen.callers = Some(Arc::new(Callers::parse(policy).unwrap()));
    });
    let server = server.await;
    let introspect = async |identity: Option<Pair>| {
        let client = Client::new(&authority, identity.as_ref());
        let mut tokens = TokenServiceClient::new(client.channel(server.grpc()).await.unwrap());
        let mut request =
            tonic::Request::new(IntrospectTokenRequest { token: "no token".to_owned() });
        // What proxies send that verify certificates themselves.
        let claimed = "URI=spiffe://example.org/gateway;DNS=edge.example.org";
        for header in ["x-forwarded-client-cert", "x-auth-caller"] {
            request.metadata_mut().insert(header, claimed.parse().unwrap());
        }
        soon("an answer", tokens.introspect_token(request)).await.map_err(|status| status.code())
    };
    for name in [spiffe("spiffe://example.org/gateway"), dns("Edge.Example.Org")] {
        assert!(introspect(Some(authority.client(name))).await.is_ok());
    }
    for other in [spiffe("spiffe://example.org/gateway2"), dns("other.example.org")] {
        let refused = introspect(Some(authority.client(other))).await.unwrap_err();
        assert_eq!(refused, tonic::Code::PermissionDenied);
    }
    let refused = introspect(None).await.unwrap_err();
    assert_eq!(refused, tonic::Code::PermissionDenied);
}
