//! Revocations: followed, resumed, forgotten, and done without.

use std::time::Duration;

use countersign_verify::{Verifier, VerifyError, WhenBlind};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use tonic::Status;

use super::{
    Fake, Issuer, eventually, fake, following,
    issuer::{claims, now},
    pass,
    pb::revocation::Subject,
    settings,
};

struct Setting {
    issuer: Issuer,
    fake: Fake,
    verifier: Verifier,
    stream: fake::Stream,
}

async fn start(when_blind: WhenBlind) -> Setting {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let mut settings = settings();
    settings.when_blind = when_blind;
    let (verifier, stream) = following(&mut fake, settings).await;
    Setting { issuer, fake, verifier, stream }
}

fn text(claims: &Value, name: &str) -> String {
    claims[name].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_revoked_session_is_refused_and_no_other() {
    let Setting { issuer, verifier, stream, .. } = start(WhenBlind::Accept).await;
    let (ended, other) = (claims(), claims());
    let [ended_jwt, other_jwt] = [&ended, &other].map(|c| issuer.signed(&issuer.header(), c));
    assert!(verifier.verify(&ended_jwt).await.is_ok(), "and is remembered");
    // The time does not matter: a session does not come back.
    stream.revoke("1", Subject::SessionId(text(&ended, "sid")), 0, now() + 900).await;
    eventually(|| verifier.status().revoked_sessions == 1).await;
    assert_eq!(verifier.verify(&ended_jwt).await, Err(VerifyError::Invalid));
    assert!(verifier.verify(&other_jwt).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_users_tokens_of_before_are_refused_and_those_of_after_are_not() {
    let Setting { issuer, verifier, stream, .. } = start(WhenBlind::Accept).await;
    let mut claims = claims();
    let mut issued = |at: u64| {
        claims["iat"] = at.into();
        (issuer.signed(&issuer.header(), &claims), text(&claims, "sub"))
    };
    let time = now() - 100;
    let [(before, user), (after, _)] = [time - 1, time].map(&mut issued);
    stream.revoke("1", Subject::UserId(user.clone()), time, now() + 900).await;
    // An older one that comes later, as after a reconnection, takes nothing back.
    stream.revoke("0", Subject::UserId(user), time - 50, now() + 100).await;
    stream.heartbeat("1").await;
    eventually(|| verifier.status().revoked_users == 1).await;
    assert_eq!(verifier.verify(&before).await, Err(VerifyError::Invalid));
    assert!(verifier.verify(&after).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_forgotten() {
    let Setting { verifier, stream, .. } = start(WhenBlind::Accept).await;
    for (cursor, expire) in [("1", now() - 60), ("2", now() + 900)] {
        let claims = claims();
        stream.revoke(cursor, Subject::SessionId(text(&claims, "sid")), now(), expire).await;
        stream.revoke(cursor, Subject::UserId(text(&claims, "sub")), now(), expire).await;
    }
    eventually(|| verifier.status().revoked_users == 2).await;
    stream.heartbeat("2").await;
    eventually(|| verifier.status().revoked_users == 1).await;
    assert_eq!(verifier.status().revoked_sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_break_it_goes_on_at_the_cursor_and_knows_what_it_knew() {
    let Setting { issuer, mut fake, verifier, stream } = start(WhenBlind::Accept).await;
    let claims = claims();
    let jwt = issuer.signed(&issuer.header(), &claims);
    stream.revoke("17", Subject::SessionId(text(&claims, "sid")), now(), now() + 900).await;
    eventually(|| verifier.status().revoked_sessions == 1).await;
    stream.fail(Status::unavailable("a break")).await;
    eventually(|| !verifier.status().is_following).await;
    let stream = fake.stream().await;
    assert_eq!(stream.cursor, "17");
    assert!(!verifier.status().is_following, "the replay is not over");
    assert!(verifier.verify(&jwt).await.is_err());
    stream.heartbeat("17").await;
    eventually(|| verifier.status().is_following).await;
}

/// The server ends streams that are old. Nobody need be warned of it, and no metric shows a gap.
#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_with_ok_is_followed_by_another_without_a_gap() {
    let Setting { mut fake, verifier, mut stream, .. } = start(WhenBlind::Accept).await;
    for cursor in ["7", "8"] {
        stream.heartbeat(cursor).await;
        eventually(|| verifier.status().heard_ago == Some(Duration::ZERO)).await;
        drop(stream);
        stream = fake.stream().await;
        assert_eq!(stream.cursor, cursor);
        assert!(verifier.status().is_following);
        pass(1).await;
    }
    // One that ends without a word is no such thing.
    drop(stream);
    eventually(|| !verifier.status().is_following).await;
}

/// A replica of the server that has not heard of it yet still publishes the key. Whoever has it can sign tokens for years.
#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_at_once_and_for_good_whatever_is_published() {
    let Setting { issuer, fake, verifier, stream } = start(WhenBlind::Accept).await;
    let (jwt, next) = (issuer.token(), Issuer::new(Algorithm::ES256));
    assert!(verifier.verify(&jwt).await.is_ok(), "and is remembered");
    let fetches = fake.fetches();
    stream.revoke("1", Subject::KeyId(issuer.kid.clone()), now(), now() + 900).await;
    eventually(|| verifier.status().keys == 0).await;
    assert_eq!(verifier.verify(&jwt).await, Err(VerifyError::Invalid));
    eventually(|| fake.fetches() > fetches).await;
    assert_eq!(verifier.verify(&issuer.token()).await, Err(VerifyError::Invalid));
    let early = verifier.verify(&next.token()).await;
    assert_eq!(early, Err(VerifyError::Unavailable), "it may be good: nobody is to log out");
    fake.set_keys([issuer.public(), next.public()]);
    tokio::time::advance(Duration::from_millis(100)).await;
    assert!(verifier.verify(&next.token()).await.is_ok(), "without the usual pause");
    // Not even when all that was told has been forgotten.
    stream.heartbeat("1").await;
    pass(3600).await;
    let mut claims = claims();
    claims["exp"] = (now() + 100_000).into();
    let minted = issuer.signed(&issuer.header(), &claims);
    assert_eq!(verifier.verify(&minted).await, Err(VerifyError::Invalid));
    assert!(verifier.verify(&next.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_before_the_first_keys_came_is_not_taken() {
    let (issuer, other) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::ES256));
    let mut fake = Fake::new([issuer.public(), other.public()]);
    fake.set_away(true);
    let verifier = Verifier::start(fake.channel(), settings());
    pass(1).await;
    fake.set_away(false);
    let stream = fake.stream().await;
    stream.revoke("1", Subject::KeyId(issuer.kid.clone()), now(), now() + 900).await;
    stream.heartbeat("1").await;
    pass(20).await;
    assert_eq!(verifier.verify(&issuer.token()).await, Err(VerifyError::Invalid));
    assert!(verifier.verify(&other.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_the_server_does_not_know_is_given_up() {
    let Setting { mut fake, verifier: _verifier, stream, .. } = start(WhenBlind::Accept).await;
    stream.heartbeat("of another database").await;
    stream.fail(Status::invalid_argument("cursor")).await;
    assert_eq!(fake.stream().await.cursor, "");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_counts_as_broken() {
    let Setting { mut fake, verifier, stream, .. } = start(WhenBlind::Accept).await;
    for _ in 0..10 {
        pass(10).await;
        stream.heartbeat("5").await;
        eventually(|| verifier.status().heard_ago < Some(Duration::from_secs(10))).await;
        assert!(verifier.status().is_following);
    }
    pass(14).await;
    assert!(verifier.status().is_following);
    pass(2).await;
    assert!(!verifier.status().is_following);
    stream.left().await;
    assert_eq!(fake.stream().await.cursor, "5");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_away_is_asked_less_and_less_often() {
    let Setting { mut fake, stream, verifier, .. } = start(WhenBlind::Accept).await;
    fake.set_away(true);
    drop(stream);
    pass(2).await;
    assert!(fake.watches() >= 3, "soon again at first: {}", fake.watches());
    let before = fake.watches();
    pass(3600).await;
    let watches = fake.watches() - before;
    assert!((350..=800).contains(&watches), "then every five to ten seconds: {watches}");
    fake.set_away(false);
    let stream = fake.stream().await;
    stream.heartbeat("1").await;
    eventually(|| verifier.status().is_following).await;
}

#[tokio::test(start_paused = true)]
async fn blind_it_accepts_or_refuses_as_it_was_told() {
    let patience = Duration::from_secs(60);
    for (policy, expected) in [
        (WhenBlind::Accept, None),
        (WhenBlind::RefuseAfter(patience), Some(VerifyError::Unavailable)),
    ] {
        let Setting { issuer, mut fake, verifier, stream } = start(policy).await;
        fake.set_away(true);
        drop(stream);
        pass(55).await;
        let jwt = issuer.token();
        assert!(verifier.verify(&jwt).await.is_ok(), "{policy:?}");
        pass(10).await;
        assert_eq!(verifier.verify(&jwt).await.err(), expected, "{policy:?}");
        fake.set_away(false);
        let stream = fake.stream().await;
        assert_eq!(
            verifier.verify(&jwt).await.err(),
            expected,
            "{policy:?}: the replay is not over"
        );
        stream.heartbeat("1").await;
        eventually(|| verifier.status().is_following).await;
        assert!(verifier.verify(&jwt).await.is_ok(), "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_refuse_it_accepts_nothing_before_the_first_replay() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let mut settings = settings();
    settings.when_blind = WhenBlind::RefuseAfter(Duration::from_secs(3600));
    let verifier = Verifier::start(fake.channel(), settings);
    let stream = fake.stream().await;
    eventually(|| verifier.status().keys == 1).await;
    assert_eq!(verifier.verify(&issuer.token()).await, Err(VerifyError::Unavailable));
    stream.heartbeat("").await;
    eventually(|| verifier.status().is_following).await;
    assert!(verifier.verify(&issuer.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn both_tasks_end_with_the_last_clone() {
    let Setting { fake, verifier, stream, .. } = start(WhenBlind::Accept).await;
    let clone = verifier.clone();
    drop(verifier);
    pass(1).await;
    assert!(clone.status().is_following);
    drop(clone);
    stream.left().await;
    let fetches = fake.fetches();
    pass(3600).await;
    assert_eq!(fake.fetches(), fetches);
}
