//! UpdateUser: the address.

use countersign::{domain::EventKind, pb::ManagedUser};
use rstest::rstest;
use rstest_reuse::apply;

use super::Office;
use crate::{
    harness::{Backend, Server, logs, on_both, reason_of, server::registration},
    mailbox::{NEW_PASSWORD, open_reset, open_verification, reset, verify_email},
};

async fn verifying(backend: Backend) -> Office {
    let start = Server::start_with(backend, |config, _| config.policy.email_verification = true);
    Office::of(start.await).await
}

fn with_email(user: &ManagedUser, email: &str) -> ManagedUser {
    let etag = String::new();
    ManagedUser { email: email.to_owned(), etag, ..user.clone() }
}

#[apply(on_both)]
#[tokio::test]
async fn another_address_is_not_verified_unless_it_is_said_to_be(backend: Backend) {
    let office = verifying(backend).await;
    let user = office.made().await;
    let verified = ManagedUser { email_verified: true, ..user.clone() };
    let user = office.set(verified, &["email_verified"]).await.unwrap();
    assert!(user.email_verified);
    let tokens = office.login(&user).await;
    let spelled =
        office.set(with_email(&user, &user.email.to_uppercase()), &["email"]).await.unwrap();
    assert!(spelled.email_verified, "the same address in other letters");
    assert_ne!(spelled.etag, user.etag);
    let moved =
        office.set(with_email(&user, &format!("x{}", user.email)), &["email"]).await.unwrap();
    assert!(!moved.email_verified);
    let both = ManagedUser { email_verified: true, ..with_email(&user, &user.email) };
    let back = office.set(both, &["email", "email_verified"]).await.unwrap();
    assert!(back.email_verified);
    let unverified = ManagedUser { email_verified: false, etag: String::new(), ..back };
    assert!(!office.set(unverified, &["email_verified"]).await.unwrap().email_verified);
    assert!(office.server.me(&tokens).await.is_ok(), "sessions go on");
    assert!(office.server.refresh(&tokens.refresh_token, "").await.is_ok());
}

#[apply(on_both)]
#[tokio::test]
async fn a_verified_address_is_taken_and_an_unverified_one_is_claimed(backend: Backend) {
    let office = verifying(backend).await;
    let owner = office.made().await;
    let verified = ManagedUser { email_verified: true, ..owner.clone() };
    office.set(verified, &["email_verified"]).await.unwrap();
    let (first, second) = (office.made().await, office.made().await);
    let refused = office.set(with_email(&first, &owner.email), &["email"]).await;
    assert_eq!(reason_of(refused), "EMAIL_TAKEN");
    let rival = office.server.register(registration(false)).await.unwrap();
    // Two who claim what a third has unverified.
    for claimant in [&first, &second] {
        let claimed = office.set(with_email(claimant, &rival.email), &["email"]).await.unwrap();
        assert!(!claimed.email_verified && claimed.email == rival.email);
    }
    let proven = ManagedUser { email_verified: true, ..with_email(&second, &rival.email) };
    let proven = office.set(proven, &["email_verified"]).await.unwrap();
    assert!(proven.email_verified);
    for gone in [&rival.id, &first.id] {
        assert_eq!(reason_of(office.by_id(gone).await), "USER_NOT_FOUND");
    }
    assert_eq!(office.done_to(&rival.id).await, [EventKind::UserDeleted]);
    let by = countersign::pb::get_user_request::User::Email(rival.email);
    assert_eq!(office.get(by).await.unwrap().id, second.id);
}

/// The mailbox may be an attacker's, and the reason for the change.
#[apply(on_both)]
#[tokio::test]
async fn codes_that_were_sent_to_the_former_address_work_no_more(backend: Backend) {
    let office = verifying(backend).await;
    let user = office.server.register(registration(true)).await.unwrap();
    let managed = office.by_id(&user.id).await.unwrap();
    let challenge = office.server.challenge(&user).await;
    let login_code = logs::code(&user.username);
    let (reset_id, reset_code) = open_reset(&office.server, &user).await;
    let plain = office.server.register(registration(false)).await.unwrap();
    let (verification, verification_code) = open_verification(&office.server, &plain).await;
    for moved in [managed, office.by_id(&plain.id).await.unwrap()] {
        let email = format!("new-{}", moved.email);
        office.set(with_email(&moved, &email), &["email"]).await.unwrap();
    }
    let answers = [
        office.server.verify(&challenge, &login_code).await.map(|_| ()),
        reset(&office.server, &reset_id, &reset_code, NEW_PASSWORD).await,
        verify_email(&office.server, &verification, &verification_code).await,
    ];
    for answer in answers {
        assert_eq!(reason_of(answer), "CHALLENGE_INVALID");
    }
    for id in [user.id, plain.id] {
        assert!(!office.by_id(&id).await.unwrap().email_verified);
    }
}
