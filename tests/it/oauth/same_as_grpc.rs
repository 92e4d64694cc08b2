//! The same request has the same verdict over gRPC and over HTTP.

use countersign::pb::{
    ExchangeTokenRequest, IssueServiceTokenRequest, exchange_token_request,
    issue_service_token_request::Proof,
};
use rstest::rstest;

use super::TOKEN;
use crate::harness::{
    Backend, Server, jwt,
    oauth::{Machine, exchange, keeper, machine, machine_for_users, machine_with, operator, post},
    reason, soon,
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
struct Asked {
    client_id: String,
    key: String,
    /// A user's token to exchange; empty: none.
    subject: String,
    scope: String,
    audience: String,
}

/// The scope and the audience of the token, or the reason of gRPC.
type Verdict = Result<(String, String), String>;

async fn by_grpc(server: &Server, asked: &Asked) -> Verdict {
    let Asked { client_id, key, subject, scope, audience } = asked.clone();
    let mut tokens = server.tokens.clone();
    let token = if subject.is_empty() {
        let proof = Some(Proof::Key(key));
        let request = IssueServiceTokenRequest { client_id, scope, audience, proof };
        let answer = soon("IssueServiceToken", tokens.issue_service_token(request)).await;
        answer.map(|answer| answer.into_inner().access_token)
    } else {
        let (proof, subject_token) = (Some(exchange_token_request::Proof::Key(key)), subject);
        let request = ExchangeTokenRequest { client_id, subject_token, scope, audience, proof };
        let answer = soon("ExchangeToken", tokens.exchange_token(request)).await;
        answer.map(|answer| answer.into_inner().access_token)
    };
    token.map(|token| said(&token)).map_err(|status| reason(&status))
}

async fn by_http(server: &Server, asked: &Asked) -> Result<(String, String), String> {
    let mut form = vec![
        ("client_id", &*asked.client_id),
        ("client_secret", &*asked.key),
        ("scope", &*asked.scope),
        ("audience", &*asked.audience),
    ];
    if asked.subject.is_empty() {
        form.push(("grant_type", "client_credentials"));
    } else {
        form.extend(exchange(&asked.subject));
    }
    let answer = post(server, TOKEN, "", &form).await;
    if answer.status == 200 { Ok(said(&answer.token())) } else { Err(answer.refused().1) }
}

fn said(token: &str) -> (String, String) {
    let claims = jwt::claims(token);
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    (text("scope"), text("aud"))
}

/// What gRPC's reason is called in OAuth.
fn named(reason: &str) -> &'static [&'static str] {
    match reason {
        "INVALID_FIELD" => &["invalid_request", "invalid_scope"],
        "INVALID_CREDENTIALS" => &["invalid_client"],
        "NOT_GRANTED" => &["invalid_scope", "invalid_target", "unauthorized_client"],
        "SUBJECT_TOKEN_INVALID" => &["invalid_request"],
        _ => &[],
    }
}

#[rstest]
#[tokio::test]
async fn both_transports_say_the_same(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let cart = machine_for_users(&server, "a b").await;
    let (plain, disabled) = (machine(&server, "a").await, machine(&server, "a").await);
    let other = machine_with(&server, "", |request| {
        request.grants.audiences = vec!["other".to_owned(), "countersign".to_owned()];
        request.grants.may_exchange = true;
    })
    .await;
    keeper(&server).await.disable(&operator(), &disabled.name).await.unwrap();
    let user = server.session(&server.user(false).await).await;
    let mut verdicts = std::collections::BTreeSet::new();
    for Machine { id, key, .. } in [&cart, &plain, &disabled, &other] {
        let mistyped = format!("{key}x");
        for (client_id, key) in [(id, key), (&plain.id, key), (id, &mistyped)] {
            for subject in ["", &*user.access_token, "x"] {
                for scope in ["", "a", "a b", "c", "a\u{7f}", "\"", &"x ".repeat(600)] {
                    for audience in ["", "other", "nowhere", &"x".repeat(300)] {
                        let asked = Asked {
                            client_id: client_id.clone(),
                            key: key.clone(),
                            subject: subject.to_owned(),
                            scope: scope.to_owned(),
                            audience: audience.to_owned(),
                        };
                        let (grpc, http) =
                            (by_grpc(&server, &asked).await, by_http(&server, &asked).await);
                        match (&grpc, &http) {
                            (Ok(grpc), Ok(http)) => assert_eq!(grpc, http, "{asked:?}"),
                            (Err(reason), Err(error)) => {
                                assert!(
                                    named(reason).contains(&&**error),
                                    "{asked:?}: {reason} {error}"
                                );
                            }
                            _ => panic!("{asked:?}: {grpc:?} over gRPC, {http:?} over HTTP"),
                        }
                        verdicts
                            .insert(grpc.map(|_| ()).map_err(|reason| (reason, http.unwrap_err())));
                    }
                }
            }
        }
    }
    assert!(verdicts.len() >= 7, "{verdicts:?}");
}
