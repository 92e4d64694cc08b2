//! The guard of every change that a session asks for: it is part of the transaction that makes the change.

use countersign::store::{
    Credentials, Deletion, FactorChange, PasswordChange, Reservation, SealedTotp, Spending, Store,
    TwoFactor,
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at,
    factors::{ON, confirmation, enrolled, new_totp},
    new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    TotpBegin,
    TotpReserve,
    TotpConfirm,
    RecoveryCodes,
    On,
    Off,
    FactorSpend,
    PasswordChange,
    UserDelete,
}

const METHODS: [Method; 9] = [
    Method::TotpBegin,
    Method::TotpReserve,
    Method::TotpConfirm,
    Method::RecoveryCodes,
    Method::On,
    Method::Off,
    Method::FactorSpend,
    Method::PasswordChange,
    Method::UserDelete,
];

/// A user with an app, a session that asks, and an enrolment that waits.
struct Asking {
    change: FactorChange,
    app: SealedTotp,
    open: countersign::store::NewTotp,
}

impl Asking {
    async fn start(store: &dyn Store) -> Self {
        let (user, app) = enrolled(store).await;
        let session = session_of(user.user.id);
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
        let mut open = new_totp(&user);
        assert!(store.totp_begin(open.clone()).await.unwrap());
        open.change.session_id = Some(session.id);
        Self { change: open.change.clone(), app, open }
    }

    async fn ask(&self, store: &dyn Store, method: Method) -> bool {
        let (change, message) = (self.change.clone(), new_message());
        let (user_id, credential_version) = (change.user_id, change.credential_version);
        let session_id = change.session_id.unwrap();
        match method {
            Method::TotpBegin => {
                let mut new = self.open.clone();
                new.sealed.id = Uuid::now_v7();
                store.totp_begin(new).await
            }
            Method::TotpReserve => {
                let reserved = store.totp_reserve(self.open.sealed.id, change, 5).await;
                reserved.map(|reserved| matches!(reserved, Reservation::Reserved(_)))
            }
            Method::TotpConfirm => store.totp_confirm(confirmation(&self.open, 9), message).await,
            Method::RecoveryCodes => {
                store.recovery_codes_replace(change, vec![[3; 32]], message).await
            }
            Method::On => store.two_factor_set(change, ON, message).await,
            Method::Off => store.two_factor_set(change, TwoFactor::Off, message).await,
            Method::FactorSpend => {
                store.factor_spend(change, Spending::Totp { id: self.app.id, step: 8 }).await
            }
            Method::PasswordChange => {
                let (password_hash, at) = ("other".into(), revoking(10));
                let change =
                    PasswordChange { user_id, credential_version, session_id, password_hash, at };
                store.password_change(change, message).await
            }
            Method::UserDelete => store
                .user_delete(user_id, session_id, credential_version, revoking(10), message)
                .await
                .map(|done| done == Deletion::Done),
        }
        .unwrap()
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_that_lives_and_has_used_the_second_factor_may_change_the_account(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for method in METHODS {
        let asking = Asking::start(store.as_ref()).await;
        assert!(asking.ask(store.as_ref(), method).await, "{method:?}");
    }
}

/// Each of these may have come about since somebody last looked.
#[apply(on_both)]
#[case::revoked("UPDATE sessions SET revoked_at = created_at")]
#[case::expired("UPDATE sessions SET expires_at = created_at")]
#[case::idle("UPDATE sessions SET idle_expires_at = created_at")]
#[case::without_the_second_factor("UPDATE sessions SET amr = 'pwd otp'")]
#[case::of_other_credentials("UPDATE sessions SET credential_version = 7")]
#[case::of_an_account_with_other_credentials("UPDATE users SET credential_version = 7")]
#[case::of_a_disabled_account("UPDATE users SET disabled_at = created_at")]
#[case::that_is_gone("DELETE FROM sessions")]
#[tokio::test]
async fn no_change_is_made_for_a_session(#[case] since: &str, backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let asking = Asking::start(store.as_ref()).await;
    database.run(since).await;
    let mut before = Vec::new();
    let counted = async || {
        let mut counts = Vec::new();
        for table in ["users", "totp_factors", "recovery_codes", "outbox", "events", "revocations"]
        {
            counts.push(database.number(&format!("SELECT COUNT(*) FROM {table}")).await);
        }
        let attempts = "SELECT CAST(SUM(attempts) + SUM(last_step) AS BIGINT) FROM totp_factors";
        counts.push(database.number(attempts).await);
        let state = "SELECT COUNT(*) FROM users WHERE is_2fa_enabled AND password_hash = 'hash'";
        counts.push(database.number(state).await);
        counts
    };
    before.extend(counted().await);
    for method in METHODS {
        assert!(!asking.ask(store.as_ref(), method).await, "{method:?}");
        assert_eq!(counted().await, before, "{method:?}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn no_change_is_made_for_somebody_elses_session(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (mut asking, other) =
        (Asking::start(store.as_ref()).await, Asking::start(store.as_ref()).await);
    asking.change.session_id = other.change.session_id;
    asking.open.change.session_id = other.change.session_id;
    for method in METHODS {
        assert!(!asking.ask(store.as_ref(), method).await, "{method:?}");
    }
}

/// Where the second factor is off the password is the whole proof.
#[apply(on_both)]
#[tokio::test]
async fn without_a_second_factor_a_session_needs_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for method in [Method::TotpBegin, Method::On, Method::PasswordChange, Method::UserDelete] {
        let asking = Asking::start(store.as_ref()).await;
        database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
        database.run("UPDATE sessions SET amr = 'pwd'").await;
        assert!(asking.ask(store.as_ref(), method).await, "{method:?}");
    }
    let asking = Asking::start(store.as_ref()).await;
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    for method in [Method::RecoveryCodes, Method::FactorSpend] {
        assert!(!asking.ask(store.as_ref(), method).await, "{method:?}: there is none");
    }
}

/// A step or a recovery code; never the code of a challenge, for there is none.
#[apply(on_both)]
#[tokio::test]
async fn a_proof_beside_a_session_is_used_up_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let asking = Asking::start(store.as_ref()).await;
    let spend = async |spending| store.factor_spend(asking.change.clone(), spending).await.unwrap();
    assert!(!spend(Spending::SentCode).await);
    let step = |step| Spending::Totp { id: asking.app.id, step };
    assert!(!spend(step(7)).await, "that of the enrolment");
    assert!(spend(step(8)).await);
    assert!(!spend(step(8)).await, "again");
    let code = |code| {
        let (notice, last_notice) = (new_message(), new_message());
        let code_mac = [code; 32];
        Spending::RecoveryCode(Box::new(countersign::store::SpentRecoveryCode {
            code_mac,
            notice,
            last_notice,
        }))
    };
    assert!(!spend(code(9)).await, "nobody's");
    assert!(spend(code(1)).await);
    assert!(!spend(code(1)).await, "again");
    let by = asking.change.session_id.unwrap();
    let events = store
        .events_list(countersign::store::EventFilter {
            user_id: Some(asking.change.user_id),
            kind: Some(countersign::domain::EventKind::RecoveryCodeUsed),
            since: at(0),
            most: 9,
        })
        .await
        .unwrap();
    assert_eq!(events.iter().map(|event| event.session_id).collect::<Vec<_>>(), [Some(by)]);
}

async fn live(store: &dyn Store, id: Uuid) -> bool {
    store.session_live(id, at(11)).await.unwrap().is_some()
}

#[apply(on_both)]
#[tokio::test]
async fn turning_the_second_factor_on_ends_all_sessions_and_another_app_ends_none(
    #[values(true, false)] by_app: bool,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let other = session_of(stored_user(store.as_ref()).await.user.id);
    assert!(
        store
            .session_create(other.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    let user: Credentials = stored_user(store.as_ref()).await;
    for on in [true, false] {
        let set =
            format!("UPDATE users SET is_2fa_enabled = ({})", if on { "1 = 1" } else { "1 = 0" });
        database.run(&set).await;
        let sessions = [session_of(user.user.id), session_of(user.user.id)];
        for session in &sessions {
            assert!(
                store
                    .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
        let mut new = new_totp(&user);
        new.change.session_id = Some(sessions[0].id);
        if by_app {
            assert!(store.totp_begin(new.clone()).await.unwrap());
            assert!(store.totp_confirm(confirmation(&new, 8), new_message()).await.unwrap());
        } else {
            assert!(store.two_factor_set(new.change, ON, new_message()).await.unwrap());
        }
        for session in &sessions {
            assert_eq!(live(store.as_ref(), session.id).await, on);
        }
        assert_eq!(store.revocation_head().await.unwrap() == 0, on);
    }
    assert!(live(store.as_ref(), other.id).await);
}

#[apply(on_both)]
#[tokio::test]
async fn where_only_a_verified_address_will_do_the_statement_says_so(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let asking = Asking::start(store.as_ref()).await;
    let to = TwoFactor::On { verified_only: true, tokens_expire_at: at(910) };
    let set =
        async || store.two_factor_set(asking.change.clone(), to, new_message()).await.unwrap();
    assert!(set().await, "it is on");
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    let before = database.number("SELECT COUNT(*) FROM outbox").await;
    assert!(!set().await);
    assert!(live(store.as_ref(), asking.change.session_id.unwrap()).await);
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, before);
    database.run("UPDATE users SET email_verified = TRUE").await;
    assert!(set().await);
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE is_2fa_enabled").await, 1);
}
