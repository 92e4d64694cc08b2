//! Every route by every kind of caller, from one table.

use std::collections::BTreeMap;

use rstest::rstest;

use crate::{
    harness::{
        Backend, Server,
        oauth::{
            ask, basic, bearer_header, exchanged_token, machine, machine_for_users, post,
            service_token,
        },
    },
    passkeys::well_known,
};

/// What a route asks of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing.
    Nothing,
    /// A proof in the request.
    Proof,
    /// A service with the permission to introspect.
    Introspect,
    /// What the RPC there asks: `gateway/access.rs`.
    Rpc,
}

/// A route that is not here fails the test: decide who may call it.
fn needs() -> BTreeMap<&'static str, Need> {
    [
        ("/.well-known/jwks.json", Need::Nothing),
        ("/.well-known/oauth-authorization-server", Need::Nothing),
        ("/.well-known/oauth-authorization-server/{*path}", Need::Nothing),
        ("/.well-known/openid-configuration", Need::Nothing),
        ("/.well-known/passkey-endpoints", Need::Nothing),
        ("/.well-known/webauthn", Need::Nothing),
        ("/livez", Need::Nothing),
        ("/metrics", Need::Nothing),
        ("/oauth2/introspect", Need::Introspect),
        ("/oauth2/revoke", Need::Proof),
        ("/oauth2/token", Need::Proof),
        ("/readyz", Need::Nothing),
        ("/v1/{*path}", Need::Rpc),
        ("/{service}/{rpc}", Need::Rpc),
    ]
    .into()
}

#[rstest]
#[tokio::test]
async fn every_route_is_open_to_those_whom_the_table_names(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let needs = needs();
    let mut paths: Vec<_> = countersign::http::paths().collect();
    paths.sort_unstable();
    assert_eq!(paths, needs.keys().copied().collect::<Vec<_>>());

    let server = Server::start_with(backend, |config, _| {
        config.access_tokens.issuer = "http://localhost:8080/auth".into();
        well_known::set_both(config);
    })
    .await;
    let (with, without) =
        (machine_for_users(&server, "introspect").await, machine(&server, "watch").await);
    let user = server.session(&server.user(false).await).await;
    let exchanged = exchanged_token(&server, &with, &user.access_token).await.token();
    let (token, other) =
        (service_token(&server, &with, "").await, service_token(&server, &without, "").await);
    // The callers: whether they prove a client, and whether they may introspect.
    let callers = [
        ("nobody", String::new(), false, false),
        ("a user", bearer_header(&user.access_token), false, false),
        ("a refresh token", bearer_header(&user.refresh_token), false, false),
        ("an exchanged token", bearer_header(&exchanged), false, false),
        ("a token with", bearer_header(&token), false, true),
        ("a token without", bearer_header(&other), false, false),
        ("a key with, as a token", bearer_header(&with.key), false, true),
        ("a key without, as a token", bearer_header(&without.key), false, false),
        ("a key with", basic(&with.id, &with.key), true, true),
        ("a key without", basic(&without.id, &without.key), true, false),
    ];
    for (path, need) in needs.into_iter().filter(|(_, need)| *need != Need::Rpc) {
        let at = path.replace("{*path}", "auth");
        for (who, header, is_client, may_introspect) in &callers {
            let answer = if need == Need::Nothing {
                ask(&server, "GET", &at, header, "").await
            } else {
                // A token that is the caller's own to end.
                let token = if path.ends_with("revoke") { &*other } else { &*user.access_token };
                let form = [("grant_type", "client_credentials"), ("token", token)];
                post(&server, &at, header, &form).await
            };
            let allowed = match need {
                Need::Nothing => true,
                Need::Proof if path.ends_with("revoke") => *who == "a key without",
                Need::Proof => *is_client,
                Need::Introspect => *may_introspect,
                Need::Rpc => unreachable!("they are left out"),
            };
            assert_eq!(answer.status == 200, allowed, "{who} at {path}: {answer:?}");
            if !allowed {
                answer.refused();
            }
        }
    }
}
