//! The hashing engine, as callers of Login and readers of `/metrics` see it.

use std::time::Duration;

use countersign::pb::LoginRequest;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::{
    harness::{Backend, Server, eventually, reason, server::PASSWORD},
    http::get,
};

fn login(username: &str) -> Request<LoginRequest> {
    let (username, password) = (username.to_owned(), PASSWORD.to_owned());
    Request::new(LoginRequest { username, password, ..LoginRequest::default() })
}

/// The figure of the engine that has that name and those labels.
pub async fn figure(server: &Server, name: &str) -> Option<f64> {
    let (_, body) = get(server.http, "/metrics").await;
    let start = format!("countersign_password_{name} ");
    let figure = body.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
    figure.map(|figure| figure.parse().unwrap())
}

async fn idle(server: &Server) -> bool {
    figure(server, "queue_length").await == Some(0.0)
        && figure(server, "lanes_in_use").await == Some(0.0)
}

#[tokio::test]
async fn every_figure_of_the_engine_is_there_from_the_start() {
    let server = Server::start(Backend::Sqlite).await;
    for name in [
        "queue_length",
        "lanes_in_use",
        "hashes_total",
        "late_hashes_total",
        "malformed_hashes_total",
        "wait_seconds_count",
    ] {
        assert_eq!(figure(&server, name).await, Some(0.0), "{name}");
    }
    let user = server.user(false).await;
    server.login(&user.username, PASSWORD).await.unwrap();
    for (name, wanted) in [
        ("hashes_total", 2.0),
        ("wait_seconds_count", 2.0),
        ("wait_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("late_hashes_total", 0.0),
    ] {
        assert_eq!(figure(&server, name).await, Some(wanted), "{name}");
    }
    eventually("idle", async || idle(&server).await).await;
}

#[tokio::test]
async fn cancelled_logins_leave_no_job_behind() {
    // Seconds of work for each login, and hours to do it in.
    let server = Server::start_with(Backend::Sqlite, |config, environment| {
        (config.password.cost, config.password.threads) = (16, 1);
        environment.limits.max_deadline = Duration::from_secs(3600);
    })
    .await;
    let logins: Vec<_> = (0..60)
        .map(|number| {
            let mut auth = server.auth.clone();
            tokio::spawn(async move { auth.login(login(&format!("nobody-{number}"))).await })
        })
        .collect();
    // More than all lanes hold have arrived, and some have begun.
    eventually("logins in lanes and in the queue", async || {
        let (queue, lanes) =
            (figure(&server, "queue_length").await, figure(&server, "lanes_in_use").await);
        queue.unwrap() > 10.0 && lanes.unwrap() > 0.0
    })
    .await;
    for login in &logins {
        login.abort();
    }
    eventually("nothing in lanes nor in the queue", async || idle(&server).await).await;
    assert_eq!(figure(&server, "hashes_total").await, Some(0.0));
    // Some may never have left their caller's side.
    let gone = figure(&server, "refusals_total{reason=\"Gone\"}").await.unwrap();
    assert!((12.0..=60.0).contains(&gone), "{gone}");
}

#[tokio::test]
async fn a_login_that_cannot_be_done_in_time_is_told_so_and_when_to_come_back() {
    let server = Server::start(Backend::Sqlite).await;
    // The first worker measures before it takes a job: now the engine knows how long a hash takes.
    let user = server.user(false).await;
    // Seconds of work; that the password is not the right one does not matter.
    let slow = "$2b$16$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
    server.database.run(&format!("UPDATE users SET password_hash = '{slow}'")).await;

    let mut request = login(&user.username);
    // Less than the hash takes, and more than a busy machine takes to say so.
    request.set_timeout(Duration::from_secs(1));
    let refused = server.auth.clone().login(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "OVERLOADED".into()));
    // A flood must not write.
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'login_failed'";
    assert_eq!(server.database.number(recorded).await, 0);
    let details = refused.get_error_details();
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(wait >= Duration::from_millis(100), "{wait:?}");
    assert_eq!(figure(&server, "refusals_total{reason=\"Deadline\"}").await, Some(1.0));
    assert_eq!(figure(&server, "hashes_total").await, Some(1.0), "only the registration's");
}

/// A place in line beyond the deadline is refused before anybody ahead is done: also of a name that nobody has.
#[tokio::test]
async fn a_login_that_would_wait_in_line_beyond_its_deadline_is_refused_before_it_waits() {
    // A good part of a second for each hash: most of so many logins would come after their deadlines.
    // And an hour for the registration: hashing has what other processes leave.
    let server = Server::start_with(Backend::Sqlite, |config, environment| {
        config.password.cost = 14;
        environment.limits.max_deadline = Duration::from_secs(3600);
    })
    .await;
    let user = server.user(false).await;
    for name in [user.username.as_str(), "nobody"] {
        let mut logins: FuturesUnordered<_> = (0..100)
            .map(|_| {
                let (mut auth, mut request) = (server.auth.clone(), login(name));
                request.set_timeout(Duration::from_secs(4));
                async move { auth.login(request).await }
            })
            .collect();
        let first = logins.next().await.unwrap().unwrap_err();
        assert_eq!(reason(&first), "OVERLOADED", "{name}");
        drop(logins);
        eventually("nothing in lanes nor in the queue", async || idle(&server).await).await;
    }
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_used_is_counted_and_fails_like_a_wrong_password() {
    let server = Server::start(Backend::Sqlite).await;
    for (number, poison) in
        ["$9$", "plain text", "$2b$31$n79VH.0Q2TMWmt3Oqt9uku"].iter().enumerate()
    {
        let user = server.user(false).await;
        server.database.run(&format!("UPDATE users SET password_hash = '{poison}'")).await;
        let refused = server.login(&user.username, PASSWORD).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
        let malformed = figure(&server, "malformed_hashes_total").await;
        assert_eq!(malformed, Some((number + 1) as f64), "{poison}");
    }
}
