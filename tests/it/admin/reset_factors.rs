//! ResetFactors.

use countersign::{
    domain::EventKind,
    pb::{ResetFactorsRequest, login_response::Result as Outcome},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::Office;
use crate::{
    factors::enroll,
    harness::{
        Backend, eventually, logs, on_both, passkey::Passkey, reason_of, server::PASSWORD,
        violations,
    },
    passkeys,
};

fn of(id: &str) -> ResetFactorsRequest {
    ResetFactorsRequest { id: id.to_owned(), ..ResetFactorsRequest::default() }
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_who_has_lost_app_and_codes_logs_in_by_the_password(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.server.user(false).await;
    let tokens = office.server.session(&user).await;
    enroll(&office.server, &tokens).await;
    let login = async || office.server.login_only(&user.username, PASSWORD).await.unwrap().result;
    assert!(matches!(login().await, Some(Outcome::Challenge(_))));
    let before = office.by_id(&user.id).await.unwrap();
    let rows = office.rows().await;
    let stale = ResetFactorsRequest { etag: "x".into(), ..of(&user.id) };
    assert_eq!(reason_of(office.reset_factors(stale).await), "ETAG_MISMATCH");
    let tried = ResetFactorsRequest { validate_only: true, ..of(&user.id) };
    assert!(!office.reset_factors(tried).await.unwrap().two_factor_enabled);
    assert_eq!(office.rows().await[..4], rows[..4]);
    assert_eq!(office.by_id(&user.id).await.unwrap(), before);

    let after = office.reset_factors(of(&user.id)).await.unwrap();
    assert!(!after.two_factor_enabled && after.etag != before.etag);
    assert!(matches!(login().await, Some(Outcome::Tokens(_))));
    for table in ["totp_factors", "recovery_codes"] {
        let left = office.server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(office.done_to(&user.id).await, [EventKind::FactorsReset]);
    office.server.delivered().await;
    let told =
        async || logs::notices(&user.username).last().is_some_and(|last| last == "factors_reset");
    eventually("the notice", told).await;
    // There is nothing left to do: nothing is recorded, and nobody is told.
    let now = office.by_id(&user.id).await.unwrap();
    assert_eq!(office.reset_factors(of(&user.id)).await.unwrap(), now);
    assert_eq!(office.done_to(&user.id).await.len(), 1);
}

/// They are a way in without a password, also where the second factor is off.
#[apply(on_both)]
#[tokio::test]
async fn passkeys_alone_are_deleted_too_and_what_waits_or_is_trusted_ends(backend: Backend) {
    let office = Office::start(backend).await;
    let user = office.server.user(false).await;
    let tokens = office.server.session(&user).await;
    passkeys::add(&office.server, &tokens, &mut Passkey::new()).await;
    let versions = format!("SELECT factor_version FROM users WHERE username = '{}'", user.username);
    let before = office.server.database.number(&versions).await;
    office.reset_factors(of(&user.id)).await.unwrap();
    assert_eq!(office.server.database.number("SELECT COUNT(*) FROM passkeys").await, 0);
    assert_eq!(office.server.database.number(&versions).await, before + 1);
    office.server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["passkey_added", "factors_reset"]);
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let office = Office::start(Backend::Sqlite).await;
    for (request, field) in [
        (of("x"), "id"),
        (ResetFactorsRequest { etag: "x".repeat(65), ..of(&office.admin.id) }, "etag"),
        (ResetFactorsRequest { request_id: "x".into(), ..of(&office.admin.id) }, "request_id"),
    ] {
        assert_eq!(violations(&office.reset_factors(request).await.unwrap_err()), [field]);
    }
    let unknown = office.reset_factors(of(&Uuid::now_v7().to_string())).await;
    assert_eq!(reason_of(unknown), "USER_NOT_FOUND");
}
