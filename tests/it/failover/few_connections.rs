//! A database that has no place for as many connections as the pool would have.

use futures_util::future::join_all;

use super::{serve, write};
use crate::harness::{Backend, Database, logs, unique};

/// A refused connection costs nobody a turn: who waits gets one that becomes free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_fewer_connections_than_the_pool_serves_every_call() {
    let database = Database::new(Backend::Postgres).await;
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
        for _ in 0..10 {
            let calls = join_all((0..30).map(|_| write(&server.auth))).await;
            let refused: Vec<_> = calls.into_iter().filter_map(Result::err).collect();
            assert!(refused.is_empty(), "{} of 30: {:?}", refused.len(), refused.first());
        }
        let told = logs::events_with(&role);
        let told: Vec<_> = told.iter().filter(|event| event["level"] == "WARN").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let text = told[0].to_string();
        assert!(text.contains("COUNTERSIGN_DATABASE_CONNECTIONS"), "{text}");
        server.stop().await.unwrap();
    }
    database.run(&format!("DROP OWNED BY \"{role}\" CASCADE; DROP ROLE \"{role}\"")).await;
}
