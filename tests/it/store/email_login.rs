//! Logins by a mailed code.

use countersign::{
    domain::{AuthMethod, CodePurpose, FirstProof, Session},
    store::{
        CodeDestination, Credentials, EmailLogin, MailboxCode, NewChallenge, NewMailboxCode,
        PasswordReset, Places, Reservation, SealedCode, SealedMessage, SessionLimit, Spending,
        Store,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at,
    mailbox::{new_code, plain_user},
    new_challenge, new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

/// A code by which the user may log in, until 300.
async fn sent(store: &dyn Store, user: &Credentials) -> NewMailboxCode {
    let new = new_code(Some(user));
    let login = Some(Box::new(CodeDestination {
        audience: "other".into(),
        device_name: "kiosk".into(),
        device_id: Some(Uuid::now_v7()),
    }));
    let code = MailboxCode { login, ..new.code };
    let (code_id, user_id, purpose) = (code.id, user.user.id, CodePurpose::EmailLogin);
    let of_code = Some(SealedCode { code_id, user_id, purpose });
    let message = SealedMessage { code: of_code, ..new_message() };
    let new = NewMailboxCode { code, message, ..new };
    store.mailbox_code_create(new.clone()).await.unwrap();
    new
}

fn by_code(user: &Credentials, code: &NewMailboxCode) -> EmailLogin {
    let methods = vec![AuthMethod::OneTimeCode];
    EmailLogin {
        code_id: code.code.id,
        session: Session { methods, ..session_of(user.user.id) },
        credential_version: user.credential_version,
        limit: NO_LIMIT,
        device: KNOWN_DEVICE,
    }
}

fn challenge_by_code(user: &Credentials, code: &NewMailboxCode) -> NewChallenge {
    let mut new = new_challenge(user);
    new.challenge.first = FirstProof::Mailbox;
    NewChallenge { code_id: Some(code.code.id), ..new }
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_keeps_where_its_login_leads_to_and_begins_one_session(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let code = sent(store.as_ref(), &user).await;
    let reserved = store.mailbox_code_reserve(code.id_mac, 3, at(1)).await.unwrap();
    assert_eq!(reserved, Reservation::Reserved(code.code.clone()));
    assert!(code.code.login.is_some());
    let login = by_code(&user, &code);
    let begun = store.email_login(login.clone()).await.unwrap().unwrap();
    let live = store.session_live(begun.id, at(1)).await.unwrap().unwrap();
    assert_eq!(live.session.methods, [AuthMethod::OneTimeCode]);
    let again = EmailLogin { session: session_of(user.user.id), ..login };
    assert!(store.email_login(again).await.unwrap().is_none(), "used");
    let reserved = store.mailbox_code_reserve(code.id_mac, 3, at(1)).await.unwrap();
    assert_eq!(reserved, Reservation::Invalid);
    // Not sent by then, it is sent no more.
    assert_eq!(store.outbox_state(at(1)).await.unwrap().waiting, 0);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'login_succeeded'";
    assert_eq!(database.number(recorded).await, 1);
}

#[apply(on_both)]
#[case::disabled("disabled_at = created_at", "disabled_at = NULL")]
#[case::new_credentials("credential_version = 2", "credential_version = 1")]
#[case::second_factor("is_2fa_enabled = (1 = 1)", "is_2fa_enabled = (1 = 0)")]
#[tokio::test]
async fn what_begins_no_session_does_not_use_the_code_up(
    #[case] change: &str,
    #[case] back: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let code = sent(store.as_ref(), &user).await;
    database.run(&format!("UPDATE users SET {change}")).await;
    assert!(store.email_login(by_code(&user, &code)).await.unwrap().is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 0);
    assert_eq!(store.outbox_state(at(1)).await.unwrap().waiting, 1);
    database.run(&format!("UPDATE users SET {back}")).await;
    assert!(store.email_login(by_code(&user, &code)).await.unwrap().is_some());
}

#[apply(on_both)]
#[tokio::test]
async fn a_login_by_a_code_ends_the_oldest_session_beyond_the_limit(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let limit = SessionLimit { most: 1, tokens_expire_at: at(900) };
    let mut begun = Vec::new();
    for seconds in [1, 2] {
        let code = sent(store.as_ref(), &user).await;
        let login = by_code(&user, &code);
        let session = Session { created_at: at(seconds), ..login.session };
        let login = EmailLogin { session, limit, ..login };
        begun.push(store.email_login(login).await.unwrap().unwrap().id);
    }
    assert!(store.session_live(begun[0], at(3)).await.unwrap().is_none());
    assert!(store.session_live(begun[1], at(3)).await.unwrap().is_some());
}

/// Otherwise one code would begin a login for each of many callers.
#[apply(on_both)]
#[tokio::test]
async fn a_code_begins_one_challenge_or_one_session(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let code = sent(store.as_ref(), &user).await;
    let other = NewChallenge { code_id: Some(Uuid::now_v7()), ..challenge_by_code(&user, &code) };
    assert!(!store.challenge_create(other, None).await.unwrap(), "an unknown code");
    let mut stale = challenge_by_code(&user, &code);
    stale.challenge.credential_version = 2;
    assert!(!store.challenge_create(stale, None).await.unwrap(), "other credentials");
    let first = challenge_by_code(&user, &code);
    assert!(store.challenge_create(first.clone(), None).await.unwrap());
    assert!(!store.challenge_create(challenge_by_code(&user, &code), None).await.unwrap(), "used");
    database.run("UPDATE users SET is_2fa_enabled = (1 = 0)").await;
    assert!(store.email_login(by_code(&user, &code)).await.unwrap().is_none(), "used");
    let (found, _) = store.challenge_find(first.id_mac).await.unwrap().unwrap();
    assert_eq!(found, first.challenge);
    assert_eq!(database.number("SELECT COUNT(*) FROM challenges").await, 1);
}

/// OWASP ASVS 5.0, 6.4.3. Whatever the list of factors says: this one does list it.
#[apply(on_both)]
#[tokio::test]
async fn a_mailed_code_completes_no_login_that_began_with_one(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let code = sent(store.as_ref(), &user).await;
    let by_mail = challenge_by_code(&user, &code);
    let by_password = new_challenge(&user);
    for (new, completes) in [(by_mail, false), (by_password, true)] {
        assert!(store.challenge_create(new.clone(), None).await.unwrap());
        let (challenge, session) = (new.challenge, session_of(user.user.id));
        let done = store
            .challenge_complete(
                challenge,
                session,
                Spending::SentCode,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE,
            )
            .await;
        assert_eq!(done.unwrap().is_some(), completes);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_new_password_withdraws_the_code_that_is_not_sent_yet(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let code = sent(store.as_ref(), &user).await;
    let reset = new_code(Some(&user));
    store.mailbox_code_create(reset.clone()).await.unwrap();
    let reset = PasswordReset {
        user_id: user.user.id,
        credential_version: user.credential_version,
        code_id: reset.code.id,
        recovery_code: None,
        password_hash: "other".into(),
        at: revoking(10),
    };
    let notice = new_message();
    assert!(store.password_reset(reset, notice.clone()).await.unwrap());
    let claimed = store.outbox_claim(at(10), at(9000), Places::any(100)).await.unwrap();
    let claimed: Vec<_> = claimed.into_iter().map(|message| message.id).collect();
    assert!(claimed.contains(&notice.id) && !claimed.contains(&code.message.id), "{claimed:?}");
    assert!(store.email_login(by_code(&user, &code)).await.unwrap().is_none());
}
