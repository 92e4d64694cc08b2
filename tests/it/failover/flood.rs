//! What the server of the database logs about us: nothing.

use std::time::Duration;

use futures_util::future::join_all;
use tonic::Request;

use super::serve;
use crate::harness::{
    Server,
    cluster::Cluster,
    server::{PASSWORD, bearer, registration},
};

/// Calls of every kind, some of which are given up midway.
async fn mixed_load(server: &Server) {
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    server.me(&tokens).await.unwrap();
    server.sessions(&tokens).await.unwrap();
    assert!(server.login(&user.username, "a wrong password").await.is_err());
    let taken = server.register(registration(false)).await.unwrap();
    let again =
        countersign::pb::RegisterRequest { username: taken.username, ..registration(false) };
    assert!(server.register(again).await.is_err());
    let with_code = server.user(true).await;
    server.login_only(&with_code.username, PASSWORD).await.unwrap();
    for after in [0, 1, 2, 4, 8] {
        let mut call = Request::new(registration(false));
        call.set_timeout(Duration::from_millis(after));
        let _given_up = server.auth.clone().register(call).await;
        let mut call = bearer(&tokens, countersign::pb::GetMeRequest {});
        call.set_timeout(Duration::from_millis(after));
        let _given_up = server.account.clone().get_me(call).await;
    }
    server.change_password(&tokens, PASSWORD, "another horse battery").await.unwrap();
    server.logout(&tokens.refresh_token).await.unwrap();
}

/// A ROLLBACK outside a transaction is a WARNING there: half a million lines a day from one idle replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_mixed_load_leaves_no_line_in_the_servers_log() {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    let server = serve(&cluster.url("a"), |_, environment| {
        environment.clean_every = Duration::from_millis(50);
        environment.deliver_every = Duration::from_millis(20);
    })
    .await;
    let before = cluster.log("a").lines().count();
    for _ in 0..3 {
        join_all((0..8).map(|_| mixed_load(&server))).await;
    }
    server.stop().await.unwrap();
    let log = cluster.log("a");
    let lines: Vec<_> =
        log.lines().skip(before).filter(|line| !line.contains("checkpoint")).collect();
    assert!(lines.is_empty(), "{} lines: {:#?}", lines.len(), &lines[..lines.len().min(5)]);
}
