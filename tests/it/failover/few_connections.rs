//! A database that has no place for as many connections as the pool would have.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{replica, serve};
use crate::harness::{
    Backend, Database, Server, cluster::Cluster, logs, server::registration, unique,
};

/// More callers at once than a pool would have connections, again and again: nobody's call fails. They are few enough for a
/// turn within the time that a call waits for a connection, also where a machine has a lot else to do.
async fn serves_every_call(servers: &[&Server]) {
    for _ in 0..20 {
        let register = |server: &&Server| {
            let mut auth = server.auth.clone();
            async move { auth.register(registration(false)).await }
        };
        let calls = servers.iter().flat_map(|server| (0..15).map(move |_| register(server)));
        let calls = join_all(calls).await;
        let refused: Vec<_> = calls.into_iter().filter_map(Result::err).collect();
        assert!(refused.is_empty(), "{} refused: {:?}", refused.len(), refused.first());
    }
}

/// A refused connection costs nobody a turn: who waits gets one that becomes free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_fewer_connections_than_the_pool_serves_every_call() {
    let database = Database::empty(Backend::Postgres).await;
    let role = unique(&format!("few_{}", std::process::id()));
    database
        .run(&format!(
            "CREATE ROLE \"{role}\" LOGIN CONNECTION LIMIT 4; \
             GRANT ALL ON SCHEMA public TO \"{role}\""
        ))
        .await;
    let url = database.url.replace("postgres://postgres@", &format!("postgres://{role}@"));
    assert_ne!(url, database.url, "the URL names its user");
    {
        // The listener has one of the four.
        let server = serve(&url, |config, _| config.database.max_connections = 10).await;
        serves_every_call(&[&server]).await;
        let told = logs::events_with(&role);
        let told: Vec<_> = told.iter().filter(|event| event["level"] == "WARN").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let text = told[0].to_string();
        assert!(text.contains("COUNTERSIGN_DATABASE_CONNECTIONS"), "{text}");
        server.stop().await.unwrap();
    }
    database.run(&format!("DROP OWNED BY \"{role}\" CASCADE; DROP ROLE \"{role}\"")).await;
}

/// Each would take ten, and there are seventeen for all: three of the twenty are the superuser's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_share_fewer_connections_than_their_pools() {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    cluster.sql("a", "CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app").await;
    cluster.run("few a").await;
    let url = cluster.url("a").replace("postgres://postgres@", "postgres://app@");
    let pools = |config: &mut countersign::config::Config, _: &mut _| {
        config.database.max_connections = 10;
    };
    let keeper = Arc::new(Database::empty(Backend::Sqlite).await);
    let servers = [
        replica(&keeper, &url, pools).await,
        replica(&keeper, &url, pools).await,
        replica(&keeper, &url, pools).await,
    ];
    serves_every_call(&servers.each_ref()).await;
    for server in servers {
        server.stop().await.unwrap();
    }
}
