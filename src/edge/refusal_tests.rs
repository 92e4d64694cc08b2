//! What callers are told of each error.

use super::*;
use crate::domain::Permission;

/// One refusal of each kind, with values for the transports' tests.
fn refusals() -> Vec<Refusal> {
    let (wait, source) = (Duration::from_secs(3), || "away".into());
    let errors = [
        Error::InvalidFields(vec![InvalidField::new("username", "must be there")]),
        Error::InvalidCredentials,
        Error::ChallengeInvalid,
        Error::ChallengeExhausted,
        Error::RecoveryCodeNeeded,
        Error::FactorUnavailable,
        Error::EmailLoginOff,
        Error::NoOtherFactor,
        Error::CodesUsedUp,
        Error::TwoFactorOff,
        Error::EmailUnverified,
        Error::LoginAgainNeeded,
        Error::FreshProofNeeded,
        Error::EmailVerified,
        Error::TokenInvalid,
        Error::RefreshReused,
        ServiceError::ProofInvalid("mistyped".into()).into(),
        ServiceError::KeysUnavailable.into(),
        ServiceError::NotGranted("scope").into(),
        ServiceError::SubjectTokenInvalid.into(),
        ServiceError::TokenTypeUnsupported.into(),
        AdminError::UserNotFound.into(),
        AdminError::EtagMismatch.into(),
        AdminError::LastAdministrator.into(),
        AdminError::RequestIdReused.into(),
        Error::PermissionMissing(Permission::Watch),
        Error::UsernameTaken,
        Error::EmailTaken,
        Error::NewUsernameTaken,
        Error::FormerEmailTaken,
        PasskeyError::Off.into(),
        PasskeyError::Taken.into(),
        PasskeyError::TooMany.into(),
        PasskeyError::NotFound.into(),
        Error::Throttled(wait),
        Error::Overloaded(wait),
        Error::StoreUnavailable(source()),
        Error::Internal(source()),
    ];
    let ours = [Refusal::unknown_rpc(), Refusal::deadline_exceeded()];
    errors.into_iter().map(Refusal::from).chain(ours).collect()
}

#[test]
fn the_document_has_each_reason_with_its_code() {
    let document = include_str!("../../docs/errors.md");
    let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| ")).collect();
    for Refusal { code, reason, .. } in refusals() {
        let has_both = |row: &&str| row.contains(reason) && row.contains(code.name());
        assert!(rows.iter().any(has_both), "{reason}, {}", code.name());
    }
}

#[test]
fn beside_a_login_unauthenticated_is_about_the_token_alone() {
    let refusals = refusals().into_iter().map(Refusal::beside_a_login);
    let unauthenticated = refusals.filter(|refusal| refusal.code == Code::Unauthenticated);
    let mut reasons: Vec<_> = unauthenticated.map(|refusal| refusal.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["REFRESH_REUSED", "TOKEN_INVALID"]);
    let wrong = Refusal::from(Error::InvalidCredentials).beside_a_login();
    assert_eq!((wrong.code, wrong.reason), (Code::PermissionDenied, "INVALID_CREDENTIALS"));
}

#[test]
fn refusals_that_pass_say_when_and_those_of_fields_name_them() {
    for refusal in refusals() {
        let waits = [Code::ResourceExhausted, Code::Unavailable].contains(&refusal.code);
        assert_eq!(refusal.retry_after.is_some(), waits, "{refusal:?}");
        assert!(!refusal.text().is_empty(), "{refusal:?}");
    }
    let fields = ["username", "email"].map(|name| InvalidField::new(name, "must be there"));
    let refusal = Refusal::invalid_fields(fields.to_vec());
    assert_eq!(refusal.text(), "username: must be there; email: must be there");
}

#[test]
fn what_is_broken_here_is_not_told() {
    for error in [Error::StoreUnavailable, Error::Internal] {
        let refusal = Refusal::from(error("postgres://secret".into()));
        assert!(!refusal.text().contains("secret"), "{refusal:?}");
    }
}
