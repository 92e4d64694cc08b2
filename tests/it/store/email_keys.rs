//! Keys of addresses that an earlier release has made.

use countersign::{domain::LoginName, store::NewUser};
use rstest::rstest;
use rstest_reuse::apply;

use super::new_user;
use crate::harness::{Backend, Database, on_both};

/// A user with that address, with the key that an earlier release made of it.
fn user(email: &str, old_key: &str) -> NewUser {
    let mut new = new_user();
    (new.user.email, new.email_key) = (email.into(), old_key.into());
    new
}

#[apply(on_both)]
#[tokio::test]
async fn a_domain_that_is_not_ascii_gets_its_key_anew(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    // Folded as a whole: of ß it made ss.
    let users = [
        user("Eva@Bücher.example", "eva@bücher.example"),
        user("eva@faß.example", "eva@fass.example"),
        user("eva@example.com", "eva@example.com"),
        user("evä@example.com", "evä@example.com"),
        // The same mailbox, registered in both spellings.
        user("max@xn--bcher-kva.example", "max@xn--bcher-kva.example"),
        user("max@bücher.example", "max@bücher.example"),
    ];
    for new in users.clone() {
        assert!(store.user_create(new).await.unwrap());
    }
    // And one that claims an address.
    let mut claims = user("Eva@Bücher.example", "eva@bücher.example");
    claims.claim_key = Some(format!("eva@bücher.example\u{1f}{}", claims.user.id));
    assert!(store.user_create(claims.clone()).await.unwrap());

    for _ in 0..2 {
        store.migrate().await.unwrap();
        let found = async |typed: &str| {
            let name = LoginName::parse(typed).unwrap();
            store.user_by_login(&name).await.unwrap().map(|found| found.user.id)
        };
        let id = |index: usize| Some(users[index].user.id);
        assert_eq!(found("eva@bücher.example").await, id(0));
        assert_eq!(found("EVA@xn--bcher-kva.example").await, id(0));
        assert_eq!(found("eva@faß.example").await, id(1));
        assert_eq!(found("eva@fass.example").await, None);
        assert_eq!(found("eva@example.com").await, id(2));
        assert_eq!(found("evä@example.com").await, id(3));
        // Whoever has the key keeps it, and nobody is lost.
        assert_eq!(found("max@bücher.example").await, id(4));
        let sql = "SELECT COUNT(*) FROM users WHERE email_key = 'max@bücher.example'";
        assert_eq!(database.number(sql).await, 1);
        let sql = format!(
            "SELECT COUNT(*) FROM users WHERE claimed_email_key = 'eva@xn--bcher-kva.example' \
             AND email_key = 'eva@xn--bcher-kva.example\u{1f}{}'",
            claims.user.id
        );
        assert_eq!(database.number(&sql).await, 1);
    }
    // So the domain is anybody's whose it is.
    assert!(store.user_create(user("eva@fass.example", "eva@fass.example")).await.unwrap());
}

/// Whoever has shown that they read the mailbox is found by its address, in whatever spelling they registered it; the other one
/// claims it, as after a registration.
#[apply(on_both)]
#[case::the_unicode_one([true, false], 0)]
#[case::the_ascii_one([false, true], 1)]
#[case::both([true, true], 1)]
#[case::neither([false, false], 1)]
#[tokio::test]
async fn of_two_accounts_of_a_mailbox_the_verified_one_gets_the_key(
    #[case] verified: [bool; 2],
    #[case] winner: usize,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut users = [
        user("max@bücher.example", "max@bücher.example"),
        user("max@xn--bcher-kva.example", "max@xn--bcher-kva.example"),
    ];
    for (new, verified) in users.iter_mut().zip(verified) {
        new.user.email_verified = verified;
        assert!(store.user_create(new.clone()).await.unwrap());
    }
    for _ in 0..2 {
        store.migrate().await.unwrap();
        for typed in ["max@bücher.example", "MAX@xn--bcher-kva.example"] {
            let name = LoginName::parse(typed).unwrap();
            let found = store.user_by_login(&name).await.unwrap();
            assert_eq!(found.map(|found| found.user.id), Some(users[winner].user.id), "{typed}");
        }
        // Nobody is lost, and both log in by their usernames.
        for new in &users {
            let name = LoginName::parse(&new.user.username).unwrap();
            let found = store.user_by_login(&name).await.unwrap();
            assert_eq!(found.map(|found| found.user.id), Some(new.user.id));
        }
        let claims =
            "SELECT COUNT(*) FROM users WHERE claimed_email_key = 'max@xn--bcher-kva.example'";
        assert_eq!(database.number(claims).await, i64::from(winner == 0));
    }
}
