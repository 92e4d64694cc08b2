//! Second factors: enrolled, replaced, turned on and off.

use countersign::{
    domain::Timestamp,
    store::{
        ConfirmTotp, Credentials, Ended, FactorChange, NewTotp, Reservation, SealedTotp, Store,
        TwoFactor, UserFactors,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{ACTOR, ADDRESS, at, new_challenge, new_message, stored_user};
use crate::harness::{Backend, Database, on_both};

const MAX: u32 = 3;

/// A change that no session asks for: what those may is looked at in `asking`.
pub(super) fn change(user: &Credentials) -> FactorChange {
    let (user_id, credential_version) = (user.user.id, user.credential_version);
    let (session_id, actor, address) = (None, ACTOR, Some(ADDRESS));
    FactorChange {
        user_id,
        credential_version,
        session_id,
        actor,
        address,
        now: at(10),
        carried_out: None,
    }
}

/// On, whether the address is verified or not.
pub(super) const ON: TwoFactor =
    TwoFactor::On { verified_only: false, tokens_expire_at: Timestamp::from_unix_micros(0) };

/// An enrolment that expires at 600.
pub(super) fn new_totp(user: &Credentials) -> NewTotp {
    let sealed = SealedTotp { id: Uuid::now_v7(), sealed_secret: b"sealed".to_vec() };
    NewTotp { sealed, change: change(user), expires_at: at(600) }
}

pub(super) fn confirmation(new: &NewTotp, step: i64) -> ConfirmTotp {
    let recovery_codes = vec![[1; 32], [2; 32]];
    let (id, change, tokens_expire_at) = (new.sealed.id, new.change.clone(), at(910));
    ConfirmTotp { id, change, step, recovery_codes, tokens_expire_at }
}

/// A user with an app whose last step is 7, and two recovery codes.
pub(super) async fn enrolled(store: &dyn Store) -> (Credentials, SealedTotp) {
    let user = stored_user(store).await;
    let new = new_totp(&user);
    assert!(store.totp_begin(new.clone()).await.unwrap());
    assert!(store.totp_confirm(confirmation(&new, 7), new_message()).await.unwrap());
    (user, new.sealed)
}

async fn waiting(store: &dyn Store) -> i64 {
    store.outbox_state(at(0)).await.unwrap().waiting
}

#[apply(on_both)]
#[tokio::test]
async fn an_app_counts_once_it_is_confirmed_and_takes_the_place_of_the_one_before(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    let of = async |id| store.factors_of(id).await.unwrap();
    assert_eq!(of(user.user.id).await, UserFactors::default());
    assert_eq!(of(Uuid::now_v7()).await, UserFactors::default(), "nobody's");
    for step in [7, 3] {
        let (before, new) = (of(user.user.id).await, new_totp(&user));
        assert!(store.totp_begin(new.clone()).await.unwrap());
        assert_eq!(of(user.user.id).await, before);
        assert!(store.totp_confirm(confirmation(&new, step), new_message()).await.unwrap());
        let expected = UserFactors {
            totp: Some(new.sealed.clone()),
            has_recovery_codes: true,
            has_passkeys: false,
        };
        assert_eq!(of(user.user.id).await, expected);
        let again = store.totp_confirm(confirmation(&new, step + 1), new_message()).await;
        assert!(!again.unwrap(), "twice");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM totp_factors").await, 1);
    assert_eq!(database.number("SELECT last_step FROM totp_factors").await, 3);
    assert_eq!(database.number("SELECT COUNT(*) FROM recovery_codes").await, 2);
    assert_eq!(waiting(store.as_ref()).await, 2);
    assert!(store.user_by_id(user.user.id).await.unwrap().unwrap().user.is_2fa_enabled);
}

#[apply(on_both)]
#[tokio::test]
async fn attempts_to_confirm_are_spent_one_by_one_by_the_owner_alone(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let new = new_totp(&user);
    store.totp_begin(new.clone()).await.unwrap();
    let (mine, theirs) = (&user, &other);
    let reserve = async |id, user, seconds| {
        let change = FactorChange { now: at(seconds), ..change(user) };
        store.totp_reserve(id, change, MAX).await.unwrap()
    };
    let id = new.sealed.id;
    for (id, user, seconds) in [(id, theirs, 0), (Uuid::now_v7(), mine, 0), (id, mine, 600)] {
        assert_eq!(reserve(id, user, seconds).await, Reservation::Invalid);
    }
    for _ in 0..MAX {
        assert_eq!(reserve(id, mine, 599).await, Reservation::Reserved(new.sealed.clone()));
    }
    assert_eq!(reserve(id, mine, 599).await, Reservation::Exhausted);
    assert_eq!(reserve(id, mine, 600).await, Reservation::Invalid, "expired");
    let (_, app) = enrolled(store.as_ref()).await;
    assert_eq!(reserve(app.id, mine, 0).await, Reservation::Invalid, "confirmed");
}

#[apply(on_both)]
#[tokio::test]
async fn another_enrolment_forgets_the_one_before_and_nobody_elses(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let (first, second, theirs) = (new_totp(&user), new_totp(&user), new_totp(&other));
    for new in [&theirs, &first, &second] {
        assert!(store.totp_begin(new.clone()).await.unwrap());
    }
    for (new, there) in [(&first, false), (&second, true), (&theirs, true)] {
        let confirmed = store.totp_confirm(confirmation(new, 1), new_message()).await.unwrap();
        assert_eq!(confirmed, there);
    }
}

/// A change of the password wins: what was asked for with the one before changes nothing and tells nobody.
#[apply(on_both)]
#[tokio::test]
async fn nothing_is_changed_on_the_word_of_credentials_that_no_longer_count(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let (open, old) = (new_totp(&user), change(&user));
    assert!(store.totp_begin(open.clone()).await.unwrap());
    database.run("UPDATE users SET credential_version = 2").await;
    let before = waiting(store.as_ref()).await;
    assert!(!store.totp_begin(new_totp(&user)).await.unwrap());
    assert!(!store.totp_confirm(confirmation(&open, 8), new_message()).await.unwrap());
    let codes = vec![[3; 32]];
    assert!(!store.recovery_codes_replace(old.clone(), codes, new_message()).await.unwrap());
    assert!(!store.two_factor_set(old.clone(), TwoFactor::Off, new_message()).await.unwrap());
    // Nor is one confirmed by the new credentials that was begun with the old ones.
    let new = FactorChange { credential_version: 2, ..old };
    let confirm = ConfirmTotp { change: new, ..confirmation(&open, 8) };
    assert!(!store.totp_confirm(confirm, new_message()).await.unwrap());

    assert_eq!(waiting(store.as_ref()).await, before);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind <> 'registered'";
    assert_eq!(database.number(recorded).await, 1, "the app's");
    let expected = UserFactors { totp: Some(app), has_recovery_codes: true, has_passkeys: false };
    assert_eq!(store.factors_of(user.user.id).await.unwrap(), expected);
    let old_codes = "SELECT COUNT(*) FROM recovery_codes";
    assert_eq!(database.number(old_codes).await, 2);
    assert!(store.user_by_id(user.user.id).await.unwrap().unwrap().user.is_2fa_enabled);
}

#[apply(on_both)]
#[tokio::test]
async fn recovery_codes_are_replaced_while_the_second_factor_is_on(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (enrolled(store.as_ref()).await.0, enrolled(store.as_ref()).await.0);
    let replace =
        async |codes| store.recovery_codes_replace(change(&user), codes, new_message()).await;
    let before = waiting(store.as_ref()).await;
    assert!(replace(vec![[3; 32], [4; 32], [5; 32]]).await.unwrap());
    assert_eq!(database.number("SELECT COUNT(*) FROM recovery_codes").await, 2 + 3);
    assert_eq!(waiting(store.as_ref()).await, before + 1);
    assert!(store.two_factor_set(change(&user), TwoFactor::Off, new_message()).await.unwrap());
    assert!(!replace(vec![[6; 32]]).await.unwrap());
    assert_eq!(store.factors_of(user.user.id).await.unwrap(), UserFactors::default());
    assert!(store.factors_of(other.user.id).await.unwrap().has_recovery_codes);
    assert_eq!(waiting(store.as_ref()).await, before + 2);
}

#[apply(on_both)]
#[tokio::test]
async fn the_second_factor_turned_off_takes_all_with_it_and_told_of_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (enrolled(store.as_ref()).await.0, enrolled(store.as_ref()).await.0);
    let challenges = [&user, &other].map(new_challenge);
    for challenge in &challenges {
        store.challenge_create(challenge.clone(), None).await.unwrap();
    }
    let before = waiting(store.as_ref()).await;
    let enabled =
        async || store.user_by_id(user.user.id).await.unwrap().unwrap().user.is_2fa_enabled;
    for (to, told) in [(ON, 0), (TwoFactor::Off, 1), (TwoFactor::Off, 1), (ON, 2)] {
        assert!(store.two_factor_set(change(&user), to, new_message()).await.unwrap());
        let expected = (to == ON, before + told);
        assert_eq!((enabled().await, waiting(store.as_ref()).await), expected);
    }
    assert_eq!(store.factors_of(user.user.id).await.unwrap(), UserFactors::default());
    assert!(store.factors_of(other.user.id).await.unwrap().totp.is_some());
    let mut open = Vec::new();
    for challenge in &challenges {
        let reserved = store.challenge_reserve(challenge.id_mac, MAX, at(0)).await.unwrap();
        open.push(reserved != Reservation::Invalid);
    }
    assert_eq!(open, [false, true]);
}

#[apply(on_both)]
#[tokio::test]
async fn enrolments_are_removed_once_they_have_expired_unless_they_are_confirmed(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (_, app) = enrolled(store.as_ref()).await;
    for _ in 0..3 {
        let user = stored_user(store.as_ref()).await;
        store.totp_begin(new_totp(&user)).await.unwrap();
    }
    let remove = async |before, most| {
        store.ended_remove(Ended::Enrollments, at(before), most).await.unwrap()
    };
    assert_eq!(remove(600, 10).await, 0, "they end just then");
    assert_eq!([remove(601, 2).await, remove(601, 2).await, remove(601, 2).await], [2, 1, 0]);
    let left = "SELECT COUNT(*) FROM totp_factors WHERE confirmed_at IS NOT NULL";
    assert_eq!(database.number(left).await, 1, "{app:?}");
}

/// All of these hold the user's row while they work: whatever order they come in, none is lost and none deadlocks.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_at_once_come_one_after_the_other(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, _) = enrolled(store.as_ref()).await;
    let new = new_totp(&user);
    store.totp_begin(new.clone()).await.unwrap();
    let confirms = (0..16).map(|step| store.totp_confirm(confirmation(&new, step), new_message()));
    let replacements = (0..16_u8).map(|number| {
        let codes = vec![[number; 32], [number + 100; 32]];
        store.recovery_codes_replace(change(&user), codes, new_message())
    });
    let (confirms, replacements) = tokio::join!(
        futures_util::future::join_all(confirms),
        futures_util::future::join_all(replacements)
    );
    assert_eq!(confirms.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
    assert!(replacements.into_iter().all(|done| done.unwrap()));
    assert_eq!(database.number("SELECT COUNT(*) FROM recovery_codes").await, 2);
    assert_eq!(waiting(store.as_ref()).await, 1 + 1 + 16);
}
