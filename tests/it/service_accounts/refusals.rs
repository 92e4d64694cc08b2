//! What an attacker could try without a valid proof.

use countersign::pb::{ExchangeTokenRequest, IssueServiceTokenRequest};
use tonic::Code;

use super::{Setting, by_key, operations};
use crate::harness::{Backend, details, reason, violations};

/// A request without a proof is malformed, whatever else it says.
#[tokio::test]
async fn without_a_proof_there_is_no_token() {
    let setting = Setting::start(Backend::Sqlite).await;
    let service = setting.service("a").await;
    let client_id = service.id.to_string();
    let request = IssueServiceTokenRequest { client_id: client_id.clone(), ..Default::default() };
    let refused = setting.issue(request).await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["proof".into()])
    );
    let user = setting.server.user(false).await;
    let subject_token = setting.server.session(&user).await.access_token;
    let request = ExchangeTokenRequest { client_id, subject_token, ..Default::default() };
    let refused = setting.exchange(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["proof"]);
}

/// Nothing tells a key that never was from one that was revoked.
#[tokio::test]
async fn an_unknown_key_and_a_revoked_one_get_the_same_answer() {
    let setting = Setting::start(Backend::Sqlite).await;
    let service = setting.service("a").await;
    let unknown = countersign::domain::ServiceKeyText::of(&[9; 32]);
    let name = service.name.as_str();
    setting.keeper.revoke_key(&super::operator(), name, service.key_id).await.unwrap();
    let mut answers = Vec::new();
    for key in [unknown.expose(), &service.key, "mistyped"] {
        let refused = setting.issue(by_key(key)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        answers.push((refused.message().to_owned(), details(&refused)));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(operations(&setting.server, "service_key_find").await, 2);
}
