//! Every RPC by every kind of caller, with the permission and without it.

use std::time::Duration;

use countersign::{listen::tls::ClientAuth, pb::User, service::KeyRequest};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Request};

use super::{Asks, call, policy, refusal, rpcs};
use crate::{
    harness::{Backend, Server, on_both, server::registration},
    service_accounts::{Service, Setting, operator, wanting},
    tls::{
        authority::{Authority, dns, spiffe},
        client::Client,
        server::{Folder, serve_with},
    },
};

const ALL: &str = "register introspect watch admin";

async fn setting(backend: Backend) -> Setting {
    Setting::of(
        Server::start_with(backend, |config, _| {
            config.listen.callers =
                policy("spiffe://example.org/gateway = introspect, watch, register");
        })
        .await,
    )
    .await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What each caller shows, and the reason for which an RPC that takes a permission refuses it; none if it does not.
async fn callers(setting: &Setting) -> Vec<(&'static str, String, Option<&'static str>)> {
    let with = setting.service(ALL).await;
    let without = setting.service("orders").await;
    let user = user(setting, &with).await;
    let own = setting.server.session(&user).await.access_token;
    let ended = ended(setting).await;
    let mistyped = if with.key.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{mistyped}", &with.key[..with.key.len() - 1]);
    let missing = Some("PERMISSION_MISSING");
    [
        ("nobody", String::new(), missing),
        ("a user", bearer(&own), missing),
        ("a service for a user", bearer(&setting.exchanged(&with, &own).await), missing),
        ("a token without it", bearer(&setting.token(&without).await), missing),
        ("a key without it", bearer(&without.key), missing),
        ("no token", bearer("garbage"), Some("TOKEN_INVALID")),
        ("a mistyped key", bearer(&mistyped), Some("INVALID_CREDENTIALS")),
        ("a key as a password", format!("Basic {}", with.key), missing),
        ("a token with it", bearer(&setting.token(&with).await), None),
        ("a key with it", bearer(&with.key), None),
    ]
    .into_iter()
    .chain(ended)
    .collect()
}

/// A user whom a service registers.
async fn user(setting: &Setting, service: &Service) -> User {
    let mut request = Request::new(registration(false));
    request.metadata_mut().insert("authorization", bearer(&service.key).parse().unwrap());
    let registered = setting.server.auth.clone().register(request).await;
    registered.unwrap().into_inner().user.unwrap()
}

/// Services that had the permission.
async fn ended(setting: &Setting) -> Vec<(&'static str, String, Option<&'static str>)> {
    let services: [Service; 4] = [
        setting.service(ALL).await,
        setting.service(ALL).await,
        setting.service(ALL).await,
        setting.service(ALL).await,
    ];
    let [revoked, disabled, deleted, of_tokens] = services;
    let keeper = &setting.keeper;
    let elsewhere = elsewhere(setting).await;
    let to_elsewhere = setting.token(&elsewhere).await;
    let lives = KeyRequest { expires_in: Some(Duration::from_secs(1)) };
    let expired = setting.create_with(wanting(ALL), lives).await;
    let token = setting.token(&of_tokens).await;
    let of_disabled = setting.token(&disabled).await;
    keeper.revoke_key(&operator(), &revoked.name, revoked.key_id).await.unwrap();
    keeper.disable(&operator(), &disabled.name).await.unwrap();
    keeper.delete(&operator(), &deleted.name).await.unwrap();
    keeper.end_tokens(&operator(), &of_tokens.name).await.unwrap();
    // What replicas remember of keys is good for less than a second.
    setting.later(Duration::from_secs(1));
    let (key, token_invalid) = (Some("INVALID_CREDENTIALS"), Some("TOKEN_INVALID"));
    vec![
        ("a revoked key", bearer(&revoked.key), key),
        ("the key of a disabled account", bearer(&disabled.key), key),
        ("the key of a deleted account", bearer(&deleted.key), key),
        ("the token of a disabled account", bearer(&of_disabled), token_invalid),
        ("an ended token", bearer(&token), token_invalid),
        ("an expired key", bearer(&expired.key), key),
        ("a token for another audience", bearer(&to_elsewhere), token_invalid),
        ("a key for another audience", bearer(&elsewhere.key), Some("PERMISSION_MISSING")),
    ]
}

/// A service whose scopes are those of another audience: they may have the names of permissions.
async fn elsewhere(setting: &Setting) -> Service {
    let mut request = wanting(ALL);
    request.grants.audiences = vec!["other".to_owned()];
    setting.create(request).await
}

/// An access token expires, and is one no more.
#[apply(on_both)]
#[tokio::test]
async fn an_expired_token_opens_nothing(backend: Backend) {
    let setting = setting(backend).await;
    let token = bearer(&setting.token(&setting.service(ALL).await).await);
    let path = "/auth.v1.TokenService/IntrospectToken";
    assert_eq!(refusal(call(&setting.server.channel, path, &token).await), None);
    setting.later(Duration::from_secs(3600));
    let refused = refusal(call(&setting.server.channel, path, &token).await);
    assert_eq!(refused, Some(("TOKEN_INVALID".to_owned(), String::new())));
}

#[apply(on_both)]
#[tokio::test]
async fn every_rpc_is_closed_to_callers_without_its_permission(backend: Backend) {
    let setting = setting(backend).await;
    let callers = callers(&setting).await;
    for (path, asks) in rpcs() {
        for (who, authorization, reason) in &callers {
            let answer = call(&setting.server.channel, &path, authorization).await;
            let code = answer.as_ref().err().map(tonic::Status::code);
            let refused = refusal(answer);
            match asks {
                Asks::Permission(permission) => {
                    let expected = reason.map(|reason| {
                        let missing = reason == "PERMISSION_MISSING";
                        (reason.to_owned(), if missing { permission } else { "" }.to_owned())
                    });
                    assert_eq!(refused, expected, "{path} by {who}");
                    let denied = *reason == Some("PERMISSION_MISSING");
                    assert_eq!(code == Some(Code::PermissionDenied), denied, "{path} by {who}");
                }
                Asks::Proved(permission) => {
                    // A password of HTTP is no bearer token, and neither is nothing.
                    let shows_none = ["nobody", "a key as a password"].contains(who);
                    let expected = match reason {
                        _ if shows_none => Some(("TOKEN_INVALID".to_owned(), String::new())),
                        Some("PERMISSION_MISSING") => {
                            Some(("PERMISSION_MISSING".to_owned(), (*permission).to_owned()))
                        }
                        reason => reason.map(|reason| (reason.to_owned(), String::new())),
                    };
                    assert_eq!(refused, expected, "{path} by {who}");
                }
                Asks::User if *who == "a user" => assert_eq!(refused, None, "{path} by {who}"),
                Asks::User => {
                    let invalid = ("TOKEN_INVALID".to_owned(), String::new());
                    assert_eq!(refused, Some(invalid), "{path} by {who}");
                }
                Asks::Nothing => {
                    assert_ne!(code, Some(Code::PermissionDenied), "{path} by {who}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_rpc_is_closed_to_certificates_without_its_permission() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), Some((&authority, ClientAuth::Optional)));
    let server = serve_with(|config, _| {
        config.listen.grpc_tls = Some(folder.files.clone());
        config.listen.callers = policy(
            "spiffe://example.org/ns/*/sa/gateway = register, introspect, watch
             spiffe://example.org/clerk = admin, authorize; dns:watch.example.org = watch",
        );
    })
    .await;
    let gateway: &[&str] = &["register", "introspect", "watch"];
    for (name, permissions) in [
        (Some(spiffe("spiffe://example.org/ns/shop/sa/gateway")), gateway),
        (Some(dns("watch.example.org")), &["watch"]),
        (Some(spiffe("spiffe://example.org/clerk")), &[]),
        (Some(spiffe("spiffe://other.example/ns/shop/sa/gateway")), &[]),
        // It has no name that counts.
        (Some(dns("*.example.org")), &[]),
        (None, &[]),
    ] {
        let who = format!("{name:?}");
        let identity = name.map(|name| authority.client(name));
        let channel =
            Client::new(&authority, identity.as_ref()).channel(server.grpc()).await.unwrap();
        for (path, asks) in rpcs() {
            let refused = refusal(call(&channel, &path, "").await);
            let expected = match asks {
                Asks::Nothing => continue,
                // Managing takes looking: the clerk's permission is enough for both.
                Asks::Proved(_) if who.contains("clerk") => None,
                Asks::Proved(_) | Asks::User => Some(("TOKEN_INVALID", "")),
                Asks::Permission(permission) => (!permissions.contains(&permission))
                    .then_some(("PERMISSION_MISSING", permission)),
            };
            let expected = expected.map(|(reason, what)| (reason.to_owned(), what.to_owned()));
            assert_eq!(refused, expected, "{path} by {who}");
        }
    }
}

/// A policy that lets anyone do one thing opens nothing else, and no permission but its own.
#[apply(on_both)]
#[tokio::test]
async fn anyone_may_do_what_anyone_is_permitted(backend: Backend) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.callers = policy("anyone = watch, admin");
    })
    .await;
    for (path, asks) in rpcs() {
        let Asks::Permission(permission) = asks else { continue };
        let refused = refusal(call(&server.channel, &path, "").await);
        assert_eq!(refused.is_none(), permission == "watch", "{path}: {refused:?}");
    }
}
