//! SetLogFilter, and the signals that do the same.

use std::time::Duration;

use countersign::{
    domain::EventKind,
    log_filter::LogFilter,
    pb::{SetLogFilterRequest, SetLogFilterResponse},
};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::json;
use tonic::Status;

use super::Office;
use crate::{
    events::events,
    gateway::ways::WAYS,
    harness::{
        Backend, Database, Server, command::Running, on_both, server::bearer, soon, violations,
    },
    http,
    process::serve,
};

impl Office {
    async fn log(&self, filter: &str, ttl_seconds: i32) -> Result<SetLogFilterResponse, Status> {
        let request = SetLogFilterRequest { filter: filter.to_owned(), ttl_seconds };
        let request = bearer(&self.tokens, request);
        let response = soon("SetLogFilter", self.client.clone().set_log_filter(request)).await?;
        Ok(response.into_inner())
    }
}

/// An office whose log's filter is at hand.
async fn office(backend: Backend) -> (Office, LogFilter) {
    let filter = LogFilter::new("info", "info".into());
    let server = Server::start_with(backend, |_, environment| {
        environment.log_filter = filter.clone();
    });
    (Office::of(server.await).await, filter)
}

#[apply(on_both)]
#[tokio::test]
async fn it_is_raised_for_a_while_or_put_back_and_each_is_recorded(backend: Backend) {
    let (office, filter) = office(backend).await;
    office.server.clock.stop();
    let set = office.log("debug,countersign::store=trace", 60).await.unwrap();
    assert_eq!(set.configured_filter, "info");
    assert_eq!(set.filter, "debug,countersign::store=trace");
    let until = office.server.clock.now().plus(Duration::from_secs(60)).unix_seconds();
    assert_eq!(set.expire_time.unwrap().seconds, until);
    assert_eq!(filter.raised().unwrap().directives.to_string(), set.filter);
    let usual = office.log("trace", 0).await.unwrap().expire_time.unwrap().seconds;
    assert_eq!(usual, until + 14 * 60);
    let back = office.log("", 0).await.unwrap();
    assert_eq!((back.filter.as_str(), back.expire_time), ("", None));
    assert!(filter.raised().is_none());
    let events = events(&office.server.database).await;
    let of_it = |event: &&countersign::domain::Event| event.kind == EventKind::LogFilterChanged;
    let recorded: Vec<_> = events.iter().filter(of_it).collect();
    assert_eq!(recorded.len(), 3);
    let actor = format!("user:{}", office.admin.id);
    for event in recorded {
        assert_eq!(event.actor.as_ref().unwrap().to_string(), actor);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_not_ours_or_lasts_too_long_is_refused_and_changes_nothing(backend: Backend) {
    let (office, filter) = office(backend).await;
    for (bad, ttl, fields) in [
        ("h2=trace", 60, &["filter"][..]),
        ("countersign::delivery=debug", 60, &["filter"]),
        ("off", 60, &["filter"]),
        (&"debug,".repeat(200), 60, &["filter"]),
        ("debug", -1, &["ttl_seconds"]),
        ("debug", 86401, &["ttl_seconds"]),
        ("loud", i32::MAX, &["filter", "ttl_seconds"]),
    ] {
        let refused = office.log(bad, ttl).await.unwrap_err();
        assert_eq!(violations(&refused), fields, "{bad} {ttl}");
    }
    assert!(filter.raised().is_none());
    let events = events(&office.server.database).await;
    assert!(events.iter().all(|event| event.kind != EventKind::LogFilterChanged));
}

#[tokio::test]
async fn it_is_set_over_http_as_well() {
    let (office, filter) = office(Backend::Sqlite).await;
    let token = format!("Bearer {}", office.tokens.access_token);
    for way in WAYS {
        let ask = json!({ "filter": "debug", "ttlSeconds": 60 });
        let headers = [("authorization", &*token)];
        let set = way.call(&office.server, "AdminService/SetLogFilter", &ask, &headers).await;
        assert_eq!(set.unwrap()["filter"], "debug", "{way:?}");
        assert!(filter.raised().is_some(), "{way:?}");
        filter.restore();
    }
}

/// Whether a call is logged: only at debug are those that succeed.
async fn logs_calls(running: &mut Running) -> bool {
    let before = running.logged.len();
    http::get(running.http, "/.well-known/jwks.json").await;
    // The last line of the call's connection, and then one that comes at any level.
    running.signal("HUP");
    running.wait_for_log("asked to read files again");
    running.logged[before..].contains("jwks.json")
}

#[tokio::test]
async fn a_signal_raises_it_and_another_puts_it_back() {
    let database = Database::new(Backend::Sqlite).await;
    let mut running = Running::start(serve(&database));
    assert!(!logs_calls(&mut running).await);
    running.signal("USR1");
    running.wait_for_log("the log filter is raised directives=debug ttl=900s");
    assert!(logs_calls(&mut running).await);
    running.signal("USR2");
    running.wait_for_log("the log filter is as configured again");
    assert!(!logs_calls(&mut running).await);
    running.signal("TERM");
    assert!(running.wait().await.success());
}
