//! Who registers somebody else's address does not keep its owner out, nor gets anything from them.

use countersign::pb::{
    RegisterRequest, RevokeOtherSessionsRequest, Tokens, User, Verify2FaRequest,
    WatchRevocationsRequest, login_response::Result as Outcome, revocation::Subject,
    verify2_fa_request::Proof,
};
use rstest::rstest;
use tonic::Code;

use super::{
    COOL_DOWN, NEW_PASSWORD, end_account, open_reset, register, resend_verification, reset, start,
    verify_email,
};
use crate::{
    factors::enroll,
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, bearer, registration, wrong},
        soon,
    },
};

/// What the owner of the mailbox registers with.
const OWNERS: &str = "the owner's passphrase";

/// The registration of a mailbox's owner, whose address somebody else has.
fn owner_of(email: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.to_uppercase(),
        password: OWNERS.to_owned(),
        request_id: uuid::Uuid::now_v7().to_string(),
        ..registration(false)
    }
}

/// An account with an address that is not its user's, a session of it, and its verification.
async fn squatter(server: &Server, with_app: bool) -> (User, Tokens, String) {
    let registered = register(server, registration(false)).await.unwrap();
    let user = registered.user.unwrap();
    let mut tokens = server.session(&user).await;
    if with_app {
        let (_, codes) = enroll(server, &tokens).await;
        // That ended the session, which had not used the app.
        let challenge_id = server.challenge(&user).await.challenge_id;
        let proof = Some(Proof::RecoveryCode(codes[0].clone()));
        let request = Verify2FaRequest { challenge_id, proof, ..Default::default() };
        let verified = server.auth.clone().verify2_fa(request).await.unwrap();
        tokens = verified.into_inner().tokens.unwrap();
    }
    (user, tokens, registered.verification_id)
}

async fn log_in(server: &Server, name: &str, password: &str) -> Tokens {
    match server.login(name, password).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}

/// Waits until those who watch hear of a user.
async fn hear_of(
    stream: &mut tonic::Streaming<countersign::pb::WatchRevocationsResponse>,
    id: &str,
) {
    soon("the revocation", async {
        loop {
            let update = stream.message().await.unwrap().unwrap();
            if update.revocation.and_then(|told| told.subject) == Some(Subject::UserId(id.into())) {
                break;
            }
        }
    })
    .await;
}

async fn assert_is_out(server: &Server, user: &User, tokens: &Tokens) {
    assert_eq!(reason_of(server.me(tokens).await), "TOKEN_INVALID");
    assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    let others = bearer(tokens, RevokeOtherSessionsRequest {});
    let refused = server.account.clone().revoke_other_sessions(others).await;
    assert_eq!(reason_of(refused), "TOKEN_INVALID");
    for name in [&user.username, &user.email] {
        assert_eq!(reason_of(server.login(name, PASSWORD).await), "INVALID_CREDENTIALS");
    }
}

#[rstest]
#[tokio::test]
async fn the_owner_of_a_mailbox_registers_and_a_code_ends_the_squatters_account(
    #[values(false, true)] with_app: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (other, tokens, others_id) = squatter(&server, with_app).await;
    let watch = WatchRevocationsRequest::default();
    let mut stream = server.tokens.clone().watch_revocations(watch).await.unwrap().into_inner();

    let request = owner_of(&other.email);
    let registered = register(&server, request.clone()).await.unwrap();
    assert_eq!(register(&server, request.clone()).await.unwrap(), registered, "a retry");
    let owner = registered.user.unwrap();
    assert_eq!((&owner.email, owner.email_verified), (&request.email, false));
    // Nothing is decided yet: each has what they had.
    let owners = log_in(&server, &owner.username, OWNERS).await;
    assert!(server.me(&tokens).await.is_ok());
    assert_eq!(reason_of(server.login(&owner.email, OWNERS).await), "INVALID_CREDENTIALS");

    let code = logs::code(&owner.username);
    verify_email(&server, &registered.verification_id, &code).await.unwrap();
    assert!(server.me(&owners).await.unwrap().email_verified);
    hear_of(&mut stream, &other.id).await;
    assert_is_out(&server, &other, &tokens).await;
    let code = logs::code(&other.username);
    assert_eq!(reason_of(verify_email(&server, &others_id, &code).await), "CHALLENGE_INVALID");
    assert_eq!(reason_of(resend_verification(&server, &others_id).await), "CHALLENGE_INVALID");
    log_in(&server, &owner.email, OWNERS).await;
    // The mailbox hears nothing of an account that was never its owner's.
    let told = logs::notices(&other.username);
    assert!(!told.contains(&"account_deleted".to_owned()), "{told:?}");
    assert_eq!(reason_of(register(&server, owner_of(&owner.email)).await), "EMAIL_TAKEN");
    let name = RegisterRequest { username: other.username, ..registration(false) };
    assert!(register(&server, name).await.is_ok(), "the name is free");
}

/// The code that comes to the mailbox is good for the account that it was sent for, and with its id.
#[rstest]
#[tokio::test]
async fn a_code_of_the_one_is_none_for_the_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (other, _, others_id) = squatter(&server, false).await;
    let owner = register(&server, owner_of(&other.email)).await.unwrap();
    let owners_name = owner.user.unwrap().username;
    let (code, others_code) = (logs::code(&owners_name), logs::code(&other.username));
    if code != others_code {
        for (id, code) in [(&others_id, &code), (&owner.verification_id, &others_code)] {
            assert_eq!(reason_of(verify_email(&server, id, code).await), "CHALLENGE_INVALID");
        }
    }
    verify_email(&server, &owner.verification_id, &code).await.unwrap();
}

/// Wrong codes are counted for each account: otherwise a squatter would use up those of the address.
#[rstest]
#[tokio::test]
async fn a_squatter_who_tries_codes_does_not_keep_the_owner_from_verifying(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    server.clock.stop();
    let (other, _, mut id) = squatter(&server, false).await;
    for _ in 0..8 {
        let code = wrong(&logs::code(&other.username));
        for _ in 0..5 {
            verify_email(&server, &id, &code).await.unwrap_err();
        }
        server.clock.advance(COOL_DOWN);
        id = resend_verification(&server, &id).await.unwrap();
    }
    let code = logs::code(&other.username);
    assert_eq!(reason_of(verify_email(&server, &id, &code).await), "THROTTLED");
    server.clock.advance(COOL_DOWN);
    let owner = register(&server, owner_of(&other.email)).await.unwrap();
    let username = owner.user.unwrap().username;
    let next = resend_verification(&server, &owner.verification_id).await.unwrap();
    verify_email(&server, &next, &logs::code(&username)).await.unwrap();
}

/// The first to register may be the owner, too: whoever comes later has no more than a claim.
#[rstest]
#[tokio::test]
async fn who_registers_the_address_of_somebody_who_then_verifies_it_is_out(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (owner, tokens, id) = squatter(&server, false).await;
    let later = register(&server, owner_of(&owner.email)).await.unwrap();
    let late = later.user.unwrap();
    let lates = log_in(&server, &late.username, OWNERS).await;
    verify_email(&server, &id, &logs::code(&owner.username)).await.unwrap();
    assert!(server.me(&tokens).await.unwrap().email_verified);
    assert_eq!(reason_of(server.me(&lates).await), "TOKEN_INVALID");
    let code = logs::code(&late.username);
    let refused = verify_email(&server, &later.verification_id, &code).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
}

/// The code of a login comes to the same mailbox.
#[rstest]
#[tokio::test]
async fn a_login_by_a_mailed_code_is_such_a_proof_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (other, tokens, _) = squatter(&server, false).await;
    let request = RegisterRequest { email: other.email.clone(), ..registration(true) };
    let owner = register(&server, request).await.unwrap().user.unwrap();
    let challenge = server.challenge(&owner).await;
    let owners = server.verify(&challenge, &logs::code(&owner.username)).await.unwrap();
    assert!(server.me(&owners).await.unwrap().email_verified);
    assert_eq!(reason_of(server.me(&tokens).await), "TOKEN_INVALID");
    assert!(server.login(&owner.email, PASSWORD).await.is_ok(), "it is found by the address");
    assert_eq!(reason_of(server.login(&other.username, PASSWORD).await), "INVALID_CREDENTIALS");
}

#[rstest]
#[tokio::test]
async fn where_nobody_verifies_addresses_one_that_somebody_has_is_taken(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    assert_eq!(reason_of(register(&server, owner_of(&user.email)).await), "EMAIL_TAKEN");
}

/// A reset never passes the second factor, so that it would keep the owner of the address out for ever.
#[rstest]
#[tokio::test]
async fn who_reads_the_mailbox_ends_an_account_with_a_second_factor_that_never_verified_it(
    #[values(false, true)] verifies: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = verifies).await;
    let (other, tokens, _) = squatter(&server, false).await;
    let on = "UPDATE users SET is_2fa_enabled = TRUE";
    server.database.run(on).await;
    let watch = WatchRevocationsRequest::default();
    let mut stream = server.tokens.clone().watch_revocations(watch).await.unwrap().into_inner();
    let (id, code) = open_reset(&server, &other).await;
    let refused = reset(&server, &id, &code, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "FACTOR_UNAVAILABLE".into())
    );
    assert!(refused.message().contains("end_unverified_account"), "{}", refused.message());
    // Whoever is in the account does not save it by another password.
    server.database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    server.database.run(on).await;
    let guessed = end_account(&server, &id, &wrong(&code)).await;
    assert_eq!(reason_of(guessed), "CHALLENGE_INVALID");
    let there = "SELECT COUNT(*) FROM users WHERE disabled_at IS NULL";
    assert_eq!(server.database.number(there).await, 1);

    end_account(&server, &id, &code).await.unwrap();
    hear_of(&mut stream, &other.id).await;
    assert_is_out(&server, &other, &tokens).await;
    assert_eq!(reason_of(end_account(&server, &id, &code).await), "CHALLENGE_INVALID", "again");
    let owner = register(&server, owner_of(&other.email)).await.unwrap().user.unwrap();
    log_in(&server, &owner.email, OWNERS).await;
}

/// With an app the reset passes, and nobody but the squatter has that: it must not give them the address for good.
#[rstest]
#[tokio::test]
async fn a_reset_that_helped_nobody_is_followed_by_one_that_ends_the_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (other, tokens, _) = squatter(&server, true).await;
    let (id, code) = open_reset(&server, &other).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    server.clock.advance(COOL_DOWN);
    let (id, code) = open_reset(&server, &other).await;
    end_account(&server, &id, &code).await.unwrap();
    assert_is_out(&server, &other, &tokens).await;
}

/// Who has once shown to read the mailbox keeps the account, whoever reads it later.
#[rstest]
#[tokio::test]
async fn an_account_that_verified_its_address_is_not_ended_by_its_mailbox(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let (user, tokens, verification) = squatter(&server, false).await;
    verify_email(&server, &verification, &logs::code(&user.username)).await.unwrap();
    let (id, code) = open_reset(&server, &user).await;
    let refused = end_account(&server, &id, &code).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "EMAIL_VERIFIED".into())
    );
    assert!(server.me(&tokens).await.is_ok());
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
}
