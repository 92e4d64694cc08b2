//! `docs/metrics.md` has what `/metrics` has.

use std::collections::{BTreeMap, BTreeSet};

use countersign::delivery::Trust;
use rstest::rstest;

use super::Scrape;
use crate::{
    authorization::Scene,
    delivery::webhook_to,
    harness::{Backend, eventually, hook::HookServer, server::PASSWORD},
    tls::{
        authority::Authority,
        server::{Folder, serve},
    },
};

/// The type and the labels of each metric, as the document has them.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rows = include_str!("../../../docs/metrics.md").lines();
    let mut metrics = BTreeMap::new();
    for row in rows.filter(|row| row.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, worry] = cells[..] else { panic!("{row}") };
        assert!(!meaning.is_empty() && !worry.is_empty(), "{row}");
        let labels: Vec<String> = quoted(labels);
        let found = (kind.to_owned(), labels.into_iter().collect());
        let before = metrics.insert(name.trim_matches('`').to_owned(), found);
        assert!(before.is_none(), "{name} is there twice");
    }
    metrics
}

/// What a server has after so much work that each family has a series: without one the format leaves it out.
async fn busy(backend: Backend) -> Scrape {
    let hook = HookServer::start(&[422], None).await;
    let url = format!("http://127.0.0.1:{}/", hook.port);
    let delivery = webhook_to(&url, &Trust::default());
    let open = r#"{"path": "/", "access": "open"}"#;
    let scene = Scene::start_with(backend, open, |config, _| config.delivery = delivery).await;
    assert_eq!(scene.status("/", "").await, 200);
    let server = &scene.server;
    // The first message is given up.
    for _ in 0..2 {
        let user = server.user(true).await;
        server.login_only(&user.username, PASSWORD).await.unwrap();
        server.delivered().await;
    }
    // Requests of HTTP are counted when they have ended.
    eventually("a request", async || !Scrape::of(server).await.labels(HTTP).is_empty()).await;
    Scrape::of(server).await
}

/// What a server with TLS has.
async fn encrypted() -> Scrape {
    let folder = Folder::new(&Authority::new("a").server(), None);
    let server = serve(&folder.files).await;
    Scrape::at(server.http()).await
}

const HTTP: &str = "http_server_request_duration_seconds";

#[rstest]
#[tokio::test]
async fn the_document_has_every_metric_with_its_type_and_labels_and_no_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (scrape, tls) = (busy(backend).await, encrypted().await);
    let documented = documented();
    let mut found = BTreeMap::new();
    for scrape in [&tls, &scrape] {
        for (name, kind) in &scrape.kinds {
            let labels = scrape.labels(name).into_iter().map(str::to_owned).collect();
            found.insert(name.clone(), (kind.clone(), labels));
        }
    }
    for (name, metric) in &found {
        assert_eq!(documented.get(name), Some(metric), "{name} as it is");
    }
    // Those of traces are there only in a process that traces: `tests/it/traces` reads them.
    for name in documented.keys().filter(|name| !name.starts_with("countersign_spans_")) {
        assert!(found.contains_key(name), "there is no {name}");
    }
}
