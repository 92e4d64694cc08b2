//! UndoEmailChange.

use countersign::pb::{LoginRequest, User, login_response::Result as Outcome};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    DAY, address_of, another_address, confirm, logs_in, move_to, open, undo, undo_codes, user,
    verified_user, verifying,
};
use crate::{
    admin::{Office, with_password},
    harness::{
        Backend, Server, logs, on_both, reason_of,
        server::{PASSWORD, registration},
    },
    mailbox::{COOL_DOWN, NEW_PASSWORD, open_reset, request_reset, reset},
};

#[rstest]
#[tokio::test]
async fn the_former_address_is_back_and_nobody_is_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (user, tokens) = verified_user(&server).await;
    let other = server.session(&user).await;
    let new = another_address();
    let code = move_to(&server, &tokens, &user, &new).await.unwrap();
    let (pending, pending_code) = open(&server, &tokens, &user, &another_address()).await;
    let reset_id = request_reset(&server, &new).await.unwrap();
    let reset_code = logs::code(&user.username);
    undo(&server, &code.to_lowercase().replace('-', " ")).await.unwrap();
    assert_eq!(address_of(&server, &user).await, (user.email.clone(), true));
    for tokens in [&tokens, &other] {
        assert_eq!(reason_of(server.me(tokens).await), "TOKEN_INVALID");
        assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    }
    let refused = reset(&server, &reset_id, &reset_code, NEW_PASSWORD).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "a code that was sent to the new address");
    // By the code to the former mailbox another password, and all is as ever.
    server.clock.advance(COOL_DOWN);
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    assert!(
        logs_in(&server, &user.email, NEW_PASSWORD).await
            && !logs_in(&server, &new, NEW_PASSWORD).await
    );
    let tokens = match server.login_only(&user.username, NEW_PASSWORD).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    };
    let refused = confirm(&server, &tokens, (&pending, &pending_code)).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "a change that was open");
    let kinds = "SELECT COUNT(*) FROM events WHERE kind IN ('email_change_undone', 'sessions_revoked') \
                 AND user_id IS NOT NULL AND actor = 'nobody'";
    assert_eq!(server.database.number(kinds).await, 2);
}

/// Whoever has made the change knew the password: alone it opens nothing, until there is another one.
#[rstest]
#[tokio::test]
async fn the_password_alone_opens_nothing_after_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    undo(&server, &code).await.unwrap();
    let challenge = server.challenge(&user).await;
    let sent = logs::messages(&user.username).pop().unwrap();
    assert_eq!(
        (&sent["purpose"], &sent["destination"]),
        (&"login".into(), &user.email.clone().into())
    );
    // Its owner reads the mailbox.
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    server.clock.advance(COOL_DOWN);
    assert!(!logs_in(&server, &user.username, PASSWORD).await, "still");
}

/// Not with time, nor when an operator frees the account, nor by another change of it: the thief still knows the password.
#[apply(on_both)]
#[tokio::test]
async fn it_opens_nothing_until_there_is_another_one(
    backend: Backend,
    #[values(true, false)] by_reset: bool,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    undo(&server, &code).await.unwrap();
    server.clock.advance(31 * DAY);
    assert!(!logs_in(&server, &user.username, PASSWORD).await, "after a month");
    let office = Office::of(server).await;
    let server = &office.server;
    server.clock.advance(COOL_DOWN);
    let back = server.session_by_mail(&user).await;
    let new = another_address();
    move_to(server, &back, &user, &new).await;
    office.unlock(&user.id).await.unwrap();
    server.clock.advance(COOL_DOWN);
    assert!(!logs_in(server, &user.username, PASSWORD).await, "moved, and unlocked");
    if by_reset {
        server.clock.advance(COOL_DOWN);
        let (id, code) = open_reset(server, &User { email: new, ..user.clone() }).await;
        reset(server, &id, &code, NEW_PASSWORD).await.unwrap();
    } else {
        office.set_password(with_password(&user.id, NEW_PASSWORD)).await.unwrap();
    }
    assert!(logs_in(server, &user.username, NEW_PASSWORD).await);
}

/// A device that gave a code to the mailbox afterwards is its owner's, and is spared another one, as long as it is known.
#[apply(on_both)]
#[tokio::test]
async fn a_device_that_has_shown_the_mailbox_logs_in_by_it(backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    undo(&server, &code).await.unwrap();
    let back = server.session_by_mail(&user).await;
    for (device_token, is_in) in [(back.device_token, true), (tokens.device_token, false)] {
        server.clock.advance(COOL_DOWN);
        let login = LoginRequest {
            username: user.username.clone(),
            password: PASSWORD.to_owned(),
            device_token,
            ..LoginRequest::default()
        };
        let login = server.auth.clone().login(login).await.unwrap().into_inner().result;
        assert_eq!(matches!(login, Some(Outcome::Tokens(_))), is_in, "{login:?}");
    }
}

#[rstest]
#[tokio::test]
async fn later_changes_are_undone_with_it_and_their_codes_end(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    move_to(&server, &tokens, &user, &another_address()).await;
    move_to(&server, &tokens, &user, &another_address()).await;
    let [first, second] = undo_codes(&user).try_into().unwrap();
    undo(&server, &first).await.unwrap();
    assert_eq!(address_of(&server, &user).await.0, user.email);
    assert_eq!(reason_of(undo(&server, &second).await), "CHALLENGE_INVALID");
    assert_eq!(address_of(&server, &user).await.0, user.email);
}

#[rstest]
#[tokio::test]
async fn an_earlier_change_can_still_be_undone_after_a_later_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let between = another_address();
    move_to(&server, &tokens, &user, &between).await;
    move_to(&server, &tokens, &user, &another_address()).await;
    let [first, second] = undo_codes(&user).try_into().unwrap();
    undo(&server, &second).await.unwrap();
    assert_eq!(address_of(&server, &user).await.0, between);
    undo(&server, &first).await.unwrap();
    assert_eq!(address_of(&server, &user).await.0, user.email);
}

/// There and back by two changes: the first one's code still ends all that was begun since.
#[rstest]
#[tokio::test]
async fn where_the_address_came_back_by_another_change_all_else_is_undone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let first = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    let second = move_to(&server, &tokens, &user, &user.email).await.unwrap();
    undo(&server, &first).await.unwrap();
    assert_eq!(address_of(&server, &user).await.0, user.email);
    assert_eq!(reason_of(server.me(&tokens).await), "TOKEN_INVALID");
    assert!(!logs_in(&server, &user.username, PASSWORD).await, "the password alone");
    assert_eq!(reason_of(undo(&server, &second).await), "CHALLENGE_INVALID");
}

/// The code was sent to the mailbox: who has it takes the address from those who only claim it.
#[rstest]
#[tokio::test]
async fn accounts_that_claim_the_former_address_meanwhile_end(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (user, tokens) = verified_user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    let request =
        countersign::pb::RegisterRequest { email: user.email.clone(), ..registration(false) };
    let rival = server.register(request).await.unwrap();
    undo(&server, &code).await.unwrap();
    assert_eq!(address_of(&server, &user).await, (user.email.clone(), true));
    assert!(!logs_in(&server, &rival.username, PASSWORD).await);
}
