//! The file of rules changes while the server runs.

use std::fs;

use super::Scene;
use crate::{
    harness::{Backend, eventually},
    http,
};

fn rules(path: &str) -> String {
    format!(r#"{{"rules": [{{"path": "{path}", "access": "open"}}]}}"#)
}

async fn is_open(scene: &Scene, path: &str) -> bool {
    scene.status(path, "").await == 200
}

async fn says_refused(scene: &Scene, number: u8) -> bool {
    let line = format!("countersign_authz_rules_refused {number}");
    http::get(scene.server.http, "/metrics").await.1.lines().any(|found| found == line)
}

#[tokio::test]
async fn a_change_counts_without_a_restart_and_a_mistake_changes_nothing() {
    let scene = Scene::start(Backend::Sqlite, r#"{"path": "/a", "access": "open"}"#).await;
    assert!(is_open(&scene, "/a").await && !is_open(&scene, "/b").await);
    // In place.
    fs::write(&scene.rules, rules("/b")).unwrap();
    eventually("the new rules", async || is_open(&scene, "/b").await).await;
    assert!(!is_open(&scene, "/a").await);
    // By another file in its place.
    let other = scene.rules.with_extension("new");
    fs::write(&other, rules("/c")).unwrap();
    fs::rename(&other, &scene.rules).unwrap();
    eventually("the renamed file", async || is_open(&scene, "/c").await).await;
    for mistake in ["", r#"{"rules": [{"path": "c"}]}"#] {
        fs::write(&scene.rules, mistake).unwrap();
        eventually("the mistake is told", async || says_refused(&scene, 1).await).await;
        assert!(is_open(&scene, "/c").await, "the rules before stay in force");
        fs::write(&scene.rules, rules("/c")).unwrap();
        eventually("it is mended", async || says_refused(&scene, 0).await).await;
    }
    fs::remove_file(&scene.rules).unwrap();
    eventually("its absence is told", async || says_refused(&scene, 1).await).await;
    assert!(is_open(&scene, "/c").await);
    fs::write(&scene.rules, rules("/d")).unwrap();
    eventually("the rules after that", async || is_open(&scene, "/d").await).await;
    assert!(says_refused(&scene, 0).await);
}
