//! Keys as proofs: what is mistyped never reaches the database, and what has ended is refused within a second everywhere.

use std::time::Duration;

use rstest::rstest;
use rstest_reuse::apply;
use tonic::Code;

use super::{Answer, Service, Setting, by_key, issue, operations, operator};
use crate::harness::{Backend, Server, eventually, on_both, reason};

/// Within this a key that has ended is refused everywhere.
const SECOND: Duration = Duration::from_secs(1);

fn assert_refused(answer: Answer) {
    let refused = answer.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unauthenticated, "INVALID_CREDENTIALS")
    );
}

#[tokio::test]
async fn a_key_with_one_changed_character_never_reaches_the_database() {
    let setting = Setting::start(Backend::Sqlite).await;
    let key = setting.service("").await.key;
    for place in 0..key.len() {
        let other = if key.as_bytes()[place] == b'x' { "y" } else { "x" };
        let mut changed = key.clone();
        changed.replace_range(place..=place, other);
        assert_refused(setting.issue(by_key(&changed)).await);
    }
    for wrong in ["", "cskey", &key[1..], &key[..53], &format!("{key}0"), &"c".repeat(129)] {
        assert_refused(setting.issue(by_key(wrong)).await);
    }
    assert_eq!(operations(&setting.server, "service_key_find").await, 0);
    setting.issue(by_key(&key)).await.unwrap();
    assert_eq!(operations(&setting.server, "service_key_find").await, 1);
}

/// What the operator does to end a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Revoke,
    Disable,
    Delete,
}

impl End {
    async fn make(self, setting: &Setting, service: &Service) {
        let (keeper, name) = (&setting.keeper, service.name.as_str());
        match self {
            Self::Revoke => keeper.revoke_key(&operator(), name, service.key_id).await.unwrap(),
            Self::Disable => drop(keeper.disable(&operator(), name).await.unwrap()),
            Self::Delete => drop(keeper.delete(&operator(), name).await.unwrap()),
        }
    }
}

#[apply(on_both)]
#[tokio::test]
async fn what_has_ended_is_refused_within_a_second_by_every_replica(
    backend: Backend,
    #[values(End::Revoke, End::Disable, End::Delete)] end: End,
) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let replica = setting.server.replica(|_, _| {}).await;
    let service = setting.service("").await;
    let both = [&setting.server, &replica];
    let mut tokens = Vec::new();
    for server in both {
        tokens.push(issue(server, by_key(&service.key)).await.unwrap().access_token);
    }
    end.make(&setting, &service).await;
    setting.later(SECOND - Duration::from_millis(1));
    for server in both {
        assert_refused(issue(server, by_key(&service.key)).await);
    }
    for token in &tokens {
        assert_eq!(setting.is_active(token).await, end == End::Revoke, "{end:?}");
    }
    if end == End::Disable {
        setting.keeper.enable(&operator(), &service.name).await.unwrap();
        setting.later(SECOND);
        let token = setting.token(&service).await;
        assert!(setting.is_active(&token).await);
        assert!(!setting.is_active(&tokens[0]).await, "it stays ended");
    }
}

/// Also by a replica that has not heard of it yet: such a token is void from the beginning.
#[apply(on_both)]
#[tokio::test]
async fn a_token_that_is_issued_just_after_the_end_is_of_no_use(backend: Backend) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let service = setting.service("a b").await;
    setting.token(&service).await;
    setting.keeper.end_tokens(&operator(), &service.name).await.unwrap();
    let late = setting.token(&service).await;
    // By what the replica remembers of the account.
    setting.has_ended(&late).await;
    setting.later(SECOND);
    let next = setting.token(&service).await;
    assert!(setting.is_active(&next).await);
    let narrow = |request: &mut countersign::service::AccountRequest| {
        request.grants.scope = countersign::domain::Scope::parse("a").unwrap();
        Ok(())
    };
    setting.keeper.change(&operator(), &service.name, narrow).await.unwrap();
    // It says more than is granted.
    setting.has_ended(&next).await;
    setting.later(SECOND);
    let narrower = setting.issue(by_key(&service.key)).await.unwrap();
    assert_eq!(narrower.scope, "a");
    assert!(setting.is_active(&narrower.access_token).await);
    let widen = |request: &mut countersign::service::AccountRequest| {
        request.grants.scope = countersign::domain::Scope::parse("a b c").unwrap();
        Ok(())
    };
    setting.keeper.change(&operator(), &service.name, widen).await.unwrap();
    assert!(setting.is_active(&narrower.access_token).await, "wider grants end nothing");
}

#[apply(on_both)]
#[tokio::test]
async fn a_key_expires_on_time_and_two_live_at_once(backend: Backend) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let service = setting.service("").await;
    let expires_in = Some(Duration::from_secs(100));
    let next = setting.keeper.create_key(&operator(), &service.name, expires_in).await.unwrap();
    let next = next.text.expose();
    setting.issue(by_key(&service.key)).await.unwrap();
    setting.later(Duration::from_millis(99_999));
    setting.issue(by_key(next)).await.unwrap();
    // It is remembered still, with its end.
    setting.later(Duration::from_millis(1));
    assert_refused(setting.issue(by_key(next)).await);
    setting.issue(by_key(&service.key)).await.unwrap();
}

async fn last_used(setting: &Setting, service: &Service) -> Option<i64> {
    let shown = setting.keeper.show(&service.name).await.unwrap();
    shown.keys[0].last_used_at.map(countersign::domain::Timestamp::unix_micros)
}

/// Of two replicas together, as well.
#[apply(on_both)]
#[tokio::test]
async fn the_last_use_is_written_once_a_minute_and_no_call_depends_on_it(backend: Backend) {
    let setting = Setting::start(backend).await;
    let server = &setting.server;
    server.clock.stop();
    let service = setting.service("").await;
    // Counted after it is on the disk.
    let counted = async |servers: &[&Server]| {
        let mut all = 0;
        for server in servers {
            all += operations(server, "service_key_used").await;
        }
        all
    };
    let written = async |servers: &[&Server], times| {
        let now = server.clock.now().unix_micros();
        eventually("the use", async || last_used(&setting, &service).await == Some(now)).await;
        eventually("its count", async || counted(servers).await >= times).await;
        assert_eq!(counted(servers).await, times);
    };
    for _ in 0..5 {
        setting.token(&service).await;
    }
    written(&[server], 1).await;
    let replica = server.replica(|_, _| {}).await;
    issue(&replica, by_key(&service.key)).await.unwrap();
    setting.later(Duration::from_secs(59));
    issue(&replica, by_key(&service.key)).await.unwrap();
    setting.token(&service).await;
    setting.later(Duration::from_secs(1));
    setting.token(&service).await;
    written(&[server, &replica], 2).await;
    server.database.refuse("UPDATE ON service_keys").await;
    setting.later(Duration::from_secs(60));
    setting.token(&service).await;
}
