//! Where the revocations can't be followed, because the database is away.

use std::time::Duration;

use countersign::pb::ext_authz::envoy::service::auth::v3::CheckResponse;
use rstest::rstest;

use super::{Scene, allowed, denied, get, headers, status};
use crate::{
    harness::{Backend, eventually},
    http,
    verdicts::read,
};

const RULES: &str = r#"{"path": "/open", "access": "open"}, {"path_prefix": "/"}"#;

/// A replica that has lost its database, a token that it knows, and one that was issued before it started and that it never saw.
async fn without_database(allows: bool) -> (Scene, String, String) {
    let scene = Scene::start_with(Backend::Postgres, RULES, |config, _| {
        config.authorization.as_mut().unwrap().allows_behind = allows;
    });
    let scene = scene.await;
    let user = scene.server.user(false).await;
    let older = scene.server.session(&user).await.access_token;
    // `iat` is stated five seconds early: only what was issued later is certain to be in the log that was read.
    scene.server.clock.advance(Duration::from_secs(10));
    let token = scene.server.session(&user).await.access_token;
    scene.server.clock.stop();
    let reads = async || scene.status("/a", &token).await == 200;
    eventually("the log is read", reads).await;
    scene.server.database.set_away(true).await;
    (scene, token, older)
}

fn header(answer: CheckResponse) -> Option<String> {
    headers(&allowed(answer).headers).remove("x-auth-revocations")
}

async fn counted(scene: &Scene, decision: &str) -> bool {
    let line = format!(
        "countersign_authz_checks_total{{decision=\"{decision}\",reason=\"revocations_unknown\"}} "
    );
    http::get(scene.server.http, "/metrics").await.1.contains(&line)
}

#[tokio::test]
async fn memory_answers_for_a_while_and_then_good_tokens_are_refused() {
    let (scene, token, older) = without_database(false).await;
    assert_eq!(scene.status("/a", &token).await, 200);
    // It may have been ended in a log that nobody has any more: only the database knows, and it is away.
    assert_eq!(scene.status("/a", &older).await, 503);
    scene.server.clock.advance(Duration::from_millis(4900));
    let answer = scene.check(get("/a", &token)).await;
    assert_eq!(header(answer), None, "that is known, if only as of a moment ago");
    scene.server.clock.advance(Duration::from_millis(200));
    let refused = scene.check(get("/a", &token)).await;
    assert_eq!(status(&refused), 503);
    let refusal = denied(refused);
    let told = headers(&refusal.headers);
    assert_eq!(told["x-auth-revocations"], "unknown");
    assert_eq!(told["retry-after"], "1");
    let body = refusal.body;
    assert!(body.contains(r#""error":"revocations_unknown""#), "{body}");
    // What does not depend on it goes on.
    assert_eq!(scene.status("/open", "").await, 200);
    let missing = denied(scene.check(get("/a", "")).await);
    assert!(!headers(&missing.headers).contains_key("x-auth-revocations"));
    assert_eq!(missing.status.unwrap().code, 401);
    assert_eq!(scene.status("/a", "a.b.c").await, 401);
    assert!(counted(&scene, "refused").await && !counted(&scene, "allowed").await);
    scene.server.database.set_away(false).await;
    eventually("the log is read again", async || scene.status("/a", &token).await == 200).await;
}

#[tokio::test]
async fn good_tokens_pass_with_a_mark_where_the_operator_wants_it() {
    let (scene, token, older) = without_database(true).await;
    scene.server.clock.advance(Duration::from_secs(6));
    for token in [&token, &older] {
        let answer = scene.check(get("/a", token)).await;
        assert_eq!(header(answer).as_deref(), Some("unknown"));
    }
    assert_eq!(scene.status("/a", "a.b.c").await, 401, "a signature needs no database");
    assert!(counted(&scene, "allowed").await && !counted(&scene, "refused").await);
    scene.server.database.set_away(false).await;
}

/// Memory forgets no end for being old: only that nothing else has ended can't be known then.
#[rstest]
#[case(false, 503)]
#[case(true, 200)]
#[tokio::test]
async fn what_has_ended_is_refused_however_long_the_database_is_away(
    #[case] allows: bool,
    #[case] of_others: i32,
) {
    let scene = Scene::start_with(Backend::Postgres, RULES, |config, _| {
        config.authorization.as_mut().unwrap().allows_behind = allows;
    });
    let scene = scene.await;
    let user = scene.server.user(false).await;
    let (ended, other) = (scene.server.session(&user).await, scene.server.session(&user).await);
    assert_eq!(scene.status("/a", &ended.access_token).await, 200);
    scene.server.logout(&ended.refresh_token).await.unwrap();
    read(&scene.server).await;
    scene.server.clock.stop();
    scene.server.database.set_away(true).await;
    for later in [0, 6, 600] {
        scene.server.clock.advance(Duration::from_secs(later));
        assert_eq!(scene.status("/a", &ended.access_token).await, 401, "{later} s later");
    }
    assert_eq!(scene.status("/a", &other.access_token).await, of_others);
    scene.server.database.set_away(false).await;
}

/// By a minute: far less than what replicas may differ by.
#[tokio::test]
async fn a_clock_that_is_set_back_refuses_nobody_for_longer_than_a_reading_takes() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let tokens = scene.server.session(&scene.server.user(false).await).await;
    assert_eq!(scene.status("/a", &tokens.access_token).await, 200);
    scene.server.clock.set_wrong_by(-60);
    let passes = async || scene.status("/a", &tokens.access_token).await == 200;
    eventually("the log is read anew", passes).await;
    scene.server.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(scene.status("/a", &tokens.access_token).await, 401);
}
