//! What ends the trust of a device: after each of these a stolen token and the right password are not enough.

use std::{net::IpAddr, time::Duration};

use countersign::{
    domain::Actor,
    pb::{
        ResetFactorsRequest, RevokeOtherSessionsRequest, SetPasswordRequest, Tokens, User,
        set_password_request::Credential,
    },
    store::{Restoration, Revoking},
};
use rstest::rstest;
use uuid::Uuid;

use super::{asked_on, is_asked, trusted, trusting, verify_with_trust};
use crate::{
    admin::Office,
    email_change,
    factors::{enroll, regenerate, set_two_factor, totp},
    harness::{
        Backend, Server,
        passkey::Passkey,
        server::{PASSWORD, bearer},
    },
    mailbox, passkeys,
};

const NEW_PASSWORD: &str = "another horse battery";

/// A user whose factor is the mailbox, with a trusted device, and its tokens.
async fn with_a_trusted_device(server: &Server) -> (User, Tokens) {
    let user = server.user(true).await;
    let tokens = trusted(server, &user).await;
    assert!(!is_asked(server, &user, &tokens.device_token).await);
    (user, tokens)
}

fn by_an_operator(server: &Server) -> Revoking {
    let now = server.clock.now();
    let tokens_expire_at = now.plus(Duration::from_secs(900));
    let address: Option<IpAddr> = None;
    Revoking { now, tokens_expire_at, actor: Actor::Nobody, address, carried_out: None }
}

#[rstest]
#[tokio::test]
async fn another_password(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert!(asked_on(&server, &user, NEW_PASSWORD, &tokens.device_token).await.is_some());
    assert!(super::list(&server, &tokens).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_reset(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let (app, _) = enroll(&server, &server.session(&user).await).await;
    server.clock.advance(Duration::from_secs(30));
    let challenge = server.challenge(&user).await;
    let proof = totp(app.code_at(&server.clock));
    let device = verify_with_trust(&server, &challenge, proof).await.unwrap().tokens.unwrap();
    let device = device.device_token;
    assert!(!is_asked(&server, &user, &device).await);
    let (id, code) = mailbox::open_reset(&server, &user).await;
    mailbox::reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    assert!(asked_on(&server, &user, NEW_PASSWORD, &device).await.is_some());
}

/// The trust does not come back with the factor.
#[rstest]
#[tokio::test]
async fn the_second_factor_off_and_on_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    set_two_factor(&server, &tokens, false, PASSWORD).await.unwrap();
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

#[rstest]
#[tokio::test]
async fn an_app_and_new_recovery_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let (user, tokens) = with_a_trusted_device(&server).await;
    let (app, _) = enroll(&server, &tokens).await;
    let challenge = asked_on(&server, &user, PASSWORD, &tokens.device_token).await.unwrap();
    server.clock.advance(Duration::from_secs(30));
    let proof = totp(app.code_at(&server.clock));
    let by_app = verify_with_trust(&server, &challenge, proof).await.unwrap().tokens.unwrap();
    assert!(!is_asked(&server, &user, &by_app.device_token).await);
    regenerate(&server, &by_app, PASSWORD).await.unwrap();
    assert!(is_asked(&server, &user, &by_app.device_token).await);
}

#[rstest]
#[tokio::test]
async fn another_passkey_and_one_less(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    let added = passkeys::add(&server, &tokens, &mut Passkey::new()).await;
    assert!(is_asked(&server, &user, &tokens.device_token).await, "one was added");
    let tokens = trusted(&server, &user).await;
    assert!(!is_asked(&server, &user, &tokens.device_token).await);
    passkeys::delete(&server, &tokens, &added.id, PASSWORD).await.unwrap();
    assert!(is_asked(&server, &user, &tokens.device_token).await, "one was deleted");
}

#[rstest]
#[tokio::test]
async fn another_address(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    let code = email_change::move_away(&server, &tokens, &user).await;
    assert!(is_asked(&server, &user, &tokens.device_token).await);
    // Nor does the way back bring it back.
    email_change::undo(&server, &code).await.unwrap();
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

#[rstest]
#[tokio::test]
async fn the_end_of_all_other_sessions(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    let request = bearer(&tokens, RevokeOtherSessionsRequest {});
    server.account.clone().revoke_other_sessions(request).await.unwrap();
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

#[rstest]
#[tokio::test]
async fn what_administrators_do(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let office = Office::of(trusting(backend).await).await;
    let server = &office.server;
    let (user, tokens) = with_a_trusted_device(server).await;
    office.revoke(&user.id, "").await.unwrap();
    assert!(is_asked(server, &user, &tokens.device_token).await, "all sessions ended");

    let (user, tokens) = with_a_trusted_device(server).await;
    let credential = Some(Credential::Password(NEW_PASSWORD.to_owned()));
    let set = SetPasswordRequest { id: user.id.clone(), credential, ..Default::default() };
    office.set_password(set).await.unwrap();
    let asked = asked_on(server, &user, NEW_PASSWORD, &tokens.device_token).await;
    assert!(asked.is_some(), "another password");

    let (user, tokens) = with_a_trusted_device(server).await;
    let reset = ResetFactorsRequest { id: user.id.clone(), ..Default::default() };
    office.reset_factors(reset).await.unwrap();
    let anew = server.session(&user).await;
    set_two_factor(server, &anew, true, PASSWORD).await.unwrap();
    assert!(is_asked(server, &user, &tokens.device_token).await, "the factors were reset");
}

#[rstest]
#[tokio::test]
async fn an_account_that_was_disabled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    let (store, id) = (server.database.store().await, Uuid::parse_str(&user.id).unwrap());
    assert!(store.user_disable(id, by_an_operator(&server)).await.unwrap());
    let refused = super::login_on(&server, &user, PASSWORD, &tokens.device_token).await;
    assert!(refused.is_err());
    assert!(store.user_enable(id, by_an_operator(&server)).await.unwrap());
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

/// Also where somebody has disabled it by hand, which leaves the versions as they were.
#[rstest]
#[tokio::test]
async fn an_account_that_was_disabled_in_sql(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    server.database.run("UPDATE users SET disabled_at = created_at").await;
    let refused = super::login_on(&server, &user, PASSWORD, &tokens.device_token).await;
    assert!(refused.is_err());
}

/// What was ended since the back-up would count again.
#[rstest]
#[tokio::test]
async fn a_restore(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = trusting(backend).await;
    let (user, tokens) = with_a_trusted_device(&server).await;
    let store = server.database.store().await;
    let at = by_an_operator(&server);
    let deletions_wait_until = at.now;
    let restoration =
        Restoration { at, spent_step: 0, deletions_wait_until, keep_recovery_codes: true };
    store.restored_begin(restoration.clone()).await.unwrap();
    assert!(store.restored_end(Uuid::nil(), restoration, 100).await.unwrap().is_some());
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

/// Names of devices and addresses are personal data.
#[rstest]
#[tokio::test]
async fn a_deleted_account_leaves_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (_user, tokens) = with_a_trusted_device(&server).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM trusted_devices").await, 0);
}
