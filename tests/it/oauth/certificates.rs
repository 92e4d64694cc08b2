//! Callers of the endpoints who are known by the certificate of their connection.

use countersign::listen::tls::ClientAuth;

use crate::{
    callers::policy,
    harness::{
        oauth::{Answer, FORM, request, send_over},
        soon,
    },
    tls::{
        authority::{Authority, Pair, dns},
        client::{ANY, Client},
        server::{Folder, Served, serve_with},
    },
};

async fn post(
    (server, authority): (&Served, &Authority),
    identity: Option<&Pair>,
    path: &str,
    form: &str,
) -> Answer {
    let client = Client::speaking(authority, identity, ANY, &[b"http/1.1"]);
    let socket = client.connect(server.http()).await.unwrap();
    // What proxies send that verify certificates themselves.
    let headers = format!("{FORM}x-forwarded-client-cert: DNS=gateway.example.org\r\n");
    let request = request("POST", path, &headers, form);
    soon("the answer", send_over(socket, request.as_bytes())).await
}

#[tokio::test]
async fn a_certificate_introspects_as_the_policy_says_and_proves_no_client() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Optional)));
    let server = serve_with(|config, _| {
        config.listen.http_tls = Some(folder.files.clone());
        config.listen.callers =
            policy("dns:gateway.example.org = introspect; dns:clerk.example.org = watch; anyone = introspect");
    })
    .await;
    let of = (&server, &authority);
    let gateway = authority.client(dns("gateway.example.org"));
    let introspect = "/oauth2/introspect";
    let answer = post(of, Some(&gateway), introspect, "token=none").await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "active": false })));
    // `anyone` opens gRPC: RFC 7662 (section 2.1) wants a proof.
    let unproved = post(of, None, introspect, "token=none").await;
    assert_eq!(unproved.refused(), (401, "invalid_client".to_owned()));
    let form = "grant_type=client_credentials";
    let refused = post(of, Some(&gateway), "/oauth2/token", form).await;
    assert_eq!(refused.refused(), (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_certificate_without_the_permission_introspects_nothing() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Required)));
    for policy_text in [Some("dns:gateway.example.org = introspect"), None] {
        let server = serve_with(|config, _| {
            config.listen.http_tls = Some(folder.files.clone());
            config.listen.callers = policy_text.and_then(policy);
        })
        .await;
        let clerk = authority.client(dns("clerk.example.org"));
        let answer = post((&server, &authority), Some(&clerk), "/oauth2/introspect", "token=none");
        assert_eq!(answer.await.refused(), (401, "invalid_client".to_owned()), "{policy_text:?}");
    }
}
