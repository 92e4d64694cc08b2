//! The key set: fetched, kept, rotated, and done without for a while.

use std::{sync::atomic::Ordering, time::Duration};

use countersign_verify::{ConnectError, Verifier, VerifyError, WhenBlind};
use futures_util::future::join_all;
use jsonwebtoken::Algorithm;

use super::{Fake, Issuer, eventually, following, issuer::claims, pass, settings};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn connecting_waits_for_a_server_that_comes_late() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    fake.set_away(true);
    let connecting = tokio::spawn(Verifier::connect(fake.channel(), settings(), PATIENCE));
    pass(3).await;
    fake.set_away(false);
    fake.stream().await.heartbeat("0").await;
    let verifier = connecting.await.unwrap().unwrap();
    assert!(verifier.verify(&issuer.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn connecting_gives_up_on_a_server_that_stays_away() {
    let fake = Fake::new([]);
    fake.set_away(true);
    let connected = Verifier::connect(fake.channel(), settings(), PATIENCE).await;
    assert!(matches!(connected, Err(ConnectError::NoKeys(PATIENCE))), "{connected:?}");
}

#[tokio::test(start_paused = true)]
async fn connecting_needs_revocations_only_where_the_settings_do() {
    let mut fake = Fake::new([]);
    let mut strict = settings();
    strict.when_blind = WhenBlind::RefuseAfter(Duration::from_secs(60));
    let connected = Verifier::connect(fake.channel(), strict, PATIENCE).await;
    assert!(matches!(connected, Err(ConnectError::NoRevocations(PATIENCE))), "{connected:?}");
    drop(fake.stream().await);
    let lax = tokio::spawn(Verifier::connect(fake.channel(), settings(), PATIENCE));
    drop(fake.stream().await);
    assert!(lax.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_keys_tokens_are_neither_good_nor_bad() {
    let issuer = Issuer::new(Algorithm::ES256);
    let fake = Fake::new([issuer.public()]);
    fake.set_away(true);
    let verifier = Verifier::start(fake.channel(), settings());
    assert_eq!(verifier.verify(&issuer.token()).await, Err(VerifyError::Unavailable));
    fake.set_away(false);
    pass(1).await;
    assert!(verifier.verify(&issuer.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_anew_before_they_are_old_and_a_withdrawn_one_is_forgotten() {
    let (old, new) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::EdDSA));
    let mut fake = Fake::new([old.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let jwt = old.token();
    assert!(verifier.verify(&jwt).await.is_ok());
    fake.set_keys([new.public()]);
    pass(301).await;
    assert!(fake.fetches() >= 2, "nobody asked for it");
    assert!(verifier.status().key_age.unwrap() < Duration::from_secs(300));
    assert_eq!(verifier.verify(&jwt).await, Err(VerifyError::Invalid), "though remembered before");
    assert!(verifier.verify(&new.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_stay_in_use_while_the_server_is_away_but_not_for_ever() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    fake.set_away(true);
    pass(3590).await;
    assert!(verifier.verify(&issuer.token()).await.is_ok());
    pass(20).await;
    assert_eq!(verifier.verify(&issuer.token()).await, Err(VerifyError::Unavailable));
    assert_eq!(verifier.status().keys, 0);
    fake.set_away(false);
    pass(11).await;
    assert!(verifier.verify(&issuer.token()).await.is_ok(), "the server is back");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_when_its_first_tokens_come_and_once_for_all_of_them() {
    let (old, new) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::ES256));
    let mut fake = Fake::new([old.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    pass(20).await;
    fake.set_keys([old.public(), new.public()]);
    let before = fake.fetches();
    let tokens: Vec<_> = (0..64).map(|_| new.token()).collect();
    let results = join_all(tokens.iter().map(|jwt| verifier.verify(jwt))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fake.fetches() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn made_up_keys_do_not_make_it_hammer_the_server() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let before = fake.fetches();
    for number in 0..1000 {
        let mut header = issuer.header();
        header["kid"] = format!("made-up-{number}").into();
        let jwt = issuer.signed(&header, &claims());
        assert_eq!(verifier.verify(&jwt).await, Err(VerifyError::Invalid));
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let fetches = fake.fetches() - before;
    assert!((5..=11).contains(&fetches), "{fetches} in 100 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_does_not_take_the_fetch_along() {
    let (old, new) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::ES256));
    let mut fake = Fake::new([old.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    pass(20).await;
    fake.set_keys([new.public()]);
    let jwt = new.token();
    let left = futures_util::FutureExt::now_or_never(verifier.verify(&jwt));
    assert!(left.is_none(), "it waits for the fetch");
    let fetches = fake.fetches();
    eventually(|| fake.state.fetches.load(Ordering::SeqCst) > fetches).await;
    eventually(|| verifier.status().key_age.is_some_and(|age| age < Duration::from_secs(1))).await;
    assert!(verifier.verify(&jwt).await.is_ok());
}
