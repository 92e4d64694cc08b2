//! Revocations of service accounts, of single tokens, and of what was exchanged.

use std::time::Duration;

use countersign_verify::{Accept, Verifier, VerifyError, WhenBlind};
use jsonwebtoken::Algorithm;
use prost_types::Timestamp;
use serde_json::Value;

use super::{
    Fake, Issuer, eventually, fake, following,
    issuer::{account, claims, exchanged_claims, now, service_claims},
    pb::{Revocation, revocation::Subject},
    settings,
};

struct Setting {
    issuer: Issuer,
    verifier: Verifier,
    stream: fake::Stream,
    _fake: Fake,
}

impl Setting {
    async fn new(when_blind: WhenBlind) -> Self {
        let issuer = Issuer::new(Algorithm::ES256);
        let mut fake = Fake::new([issuer.public()]);
        let mut settings = settings();
        settings.when_blind = when_blind;
        let (verifier, stream) = following(&mut fake, settings).await;
        Self { issuer, verifier, stream, _fake: fake }
    }

    async fn passes(&self, claims: &Value) -> bool {
        let all = Accept::users_and_services().any_scope();
        let result = self.verifier.verify_from(&all, &self.issuer.token_of(claims)).await;
        assert!(matches!(result, Ok(_) | Err(VerifyError::Invalid)), "{result:?}");
        result.is_ok()
    }

    async fn end_tokens(&self, account: &str, service_epoch: i64) {
        let subject = Some(Subject::ServiceAccountId(account.to_owned()));
        let (not_before, expire_time) = (time(now() + 60), time(now() + 3600));
        let revocation =
            Revocation { subject, not_before, expire_time, service_epoch, ..Revocation::default() };
        self.stream.send("1", Some(revocation)).await;
    }
}

fn time(seconds: u64) -> Option<Timestamp> {
    Some(Timestamp { seconds: i64::try_from(seconds).unwrap(), nanos: 0 })
}

fn text(claims: &Value, name: &str) -> String {
    claims[name].as_str().unwrap().to_owned()
}

fn with_epoch(mut claims: Value, epoch: i64) -> Value {
    claims["service_epoch"] = epoch.into();
    claims
}

#[tokio::test(start_paused = true)]
async fn an_accounts_tokens_of_earlier_epochs_are_refused_its_exchanged_ones_too() {
    let setting = Setting::new(WhenBlind::Accept).await;
    let (ended, other) = (account(), account());
    let all = |epoch: i64, account: &str| {
        let exchanged = exchanged_claims(&claims(), account, "a");
        [service_claims(account, "a"), exchanged].map(|claims| with_epoch(claims, epoch))
    };
    let absent = [service_claims(&ended, ""), exchanged_claims(&claims(), &ended, "")];
    for claims in absent.iter().chain(&all(1, &ended)) {
        assert!(setting.passes(claims).await, "and is remembered");
    }
    // The greatest counts, in whatever order they come. No clock decides.
    setting.end_tokens(&ended, 2).await;
    setting.end_tokens(&ended, 1).await;
    setting.stream.heartbeat("1").await;
    eventually(|| setting.verifier.status().revoked_services == 1).await;
    for claims in absent.iter().chain(&all(1, &ended)) {
        assert!(!setting.passes(claims).await, "{claims}");
    }
    for claims in all(2, &ended).iter().chain(&all(0, &other)).chain([&claims()]) {
        assert!(setting.passes(claims).await, "{claims}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_epoch_an_accounts_tokens_of_before_are_void() {
    let setting = Setting::new(WhenBlind::Accept).await;
    let id = account();
    setting.end_tokens(&id, 0).await;
    eventually(|| setting.verifier.status().revoked_services == 1).await;
    assert!(!setting.passes(&with_epoch(service_claims(&id, ""), 9)).await);
}

#[tokio::test(start_paused = true)]
async fn one_token_is_refused_by_its_id_of_whatever_kind_and_no_other() {
    let setting = Setting::new(WhenBlind::Accept).await;
    let (user, id) = (claims(), account());
    let kinds = [user.clone(), exchanged_claims(&user, &id, "a"), service_claims(&id, "a")];
    for (number, claims) in kinds.iter().enumerate() {
        assert!(setting.passes(claims).await, "and is remembered");
        let subject = Subject::TokenId(text(claims, "jti"));
        setting.stream.revoke("1", subject, now() - 900, now() + 900).await;
        eventually(|| setting.verifier.status().revoked_tokens == number + 1).await;
        assert!(!setting.passes(claims).await, "{claims}");
    }
    assert!(setting.passes(&claims()).await);
    assert!(setting.passes(&service_claims(&id, "a")).await, "another one of the same account");
}

#[tokio::test(start_paused = true)]
async fn an_exchanged_token_ends_with_the_users_session_and_with_all_of_them() {
    let setting = Setting::new(WhenBlind::Accept).await;
    let [one, two, kept] = [claims(), claims(), claims()];
    let [of_one, of_two, of_kept] =
        [&one, &two, &kept].map(|user| exchanged_claims(user, &account(), "a"));
    for claims in [&of_one, &of_two, &of_kept] {
        assert!(setting.passes(claims).await);
    }
    let stream = &setting.stream;
    stream.revoke("1", Subject::SessionId(text(&one, "sid")), 0, now() + 900).await;
    let epoch = |user: &Value, kept_session_id: String| Revocation {
        subject: Some(Subject::UserId(text(user, "sub"))),
        not_before: time(now() + 60),
        expire_time: time(now() + 900),
        session_epoch: 1,
        kept_session_id,
        ..Revocation::default()
    };
    stream.send("2", Some(epoch(&two, String::new()))).await;
    stream.send("3", Some(epoch(&kept, text(&kept, "sid")))).await;
    eventually(|| setting.verifier.status().revoked_users == 2).await;
    assert!(!setting.passes(&of_one).await && !setting.passes(&of_two).await);
    assert!(setting.passes(&of_kept).await, "the session that goes on");
    let mut later = of_two.clone();
    later["session_epoch"] = 1.into();
    assert!(setting.passes(&later).await);
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_of_accounts_and_tokens_is_forgotten() {
    let Setting { verifier, stream, .. } = Setting::new(WhenBlind::Accept).await;
    for (cursor, expire) in [("1", now() - 60), ("2", now() + 900)] {
        stream.revoke(cursor, Subject::ServiceAccountId(account()), now(), expire).await;
        let token = Subject::TokenId(text(&claims(), "jti"));
        stream.revoke(cursor, token, now(), expire).await;
    }
    eventually(|| verifier.status().revoked_tokens == 2).await;
    stream.heartbeat("2").await;
    eventually(|| verifier.status().revoked_tokens == 1).await;
    assert_eq!(verifier.status().revoked_services, 1);
}

/// A subject of a later release: nobody here can tell whose tokens it voids, but they were issued before it.
#[tokio::test(start_paused = true)]
async fn a_revocation_of_something_unknown_voids_older_tokens_for_those_who_rather_refuse() {
    let patience = Duration::from_secs(60);
    for (policy, passes) in [(WhenBlind::Accept, true), (WhenBlind::RefuseAfter(patience), false)] {
        for unknown in [None, Some(Subject::ServiceAccountId("no id".to_owned()))] {
            let setting = Setting::new(policy).await;
            let [mut old, new] = [service_claims(&account(), ""), claims()];
            old["iat"] = (now() - 100).into();
            let revocation = |expires| Revocation {
                subject: unknown.clone(),
                not_before: time(now() - 10),
                expire_time: time(expires),
                ..Revocation::default()
            };
            setting.stream.send("1", Some(revocation(now() + 900))).await;
            eventually(|| setting.verifier.status().unknown_revocations == 1).await;
            assert_eq!(setting.passes(&old).await, passes, "{policy:?}");
            assert!(setting.passes(&new).await, "{policy:?}: a client that refreshes gets on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_something_unknown_is_forgotten_when_its_tokens_have_expired() {
    let setting = Setting::new(WhenBlind::RefuseAfter(Duration::from_secs(60))).await;
    let mut old = claims();
    old["iat"] = (now() - 100).into();
    let (not_before, expire_time) = (time(now() - 10), time(now() - 6));
    let revocation = Revocation { not_before, expire_time, ..Revocation::default() };
    setting.stream.send("1", Some(revocation)).await;
    eventually(|| setting.verifier.status().unknown_revocations == 1).await;
    assert!(!setting.passes(&old).await);
    setting.stream.heartbeat("2").await;
    // The last of the three is handled after the second.
    setting.stream.revoke("3", Subject::TokenId(text(&claims(), "jti")), now(), now() + 9).await;
    eventually(|| setting.verifier.status().revoked_tokens == 1).await;
    assert!(setting.passes(&old).await);
}
