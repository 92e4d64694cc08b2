//! `countersign import` and `countersign export`.

use std::{fs, path::Path};

use rstest::rstest;
use rstest_reuse::apply;
use serde_json::Value;

use super::rows::{HASHES, PASSWORD};
use crate::{
    harness::{Backend, Server, on_both},
    place::Place,
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_in_and_the_rejected_ones_can_be_mended_and_imported(backend: Backend) {
    let place = Place::new(backend).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    let hash = HASHES[0].1;
    fs::write(
        &file,
        format!(
            "{{\"username\":\"ada\",\"email\":\"ada@example.com\",\"email_verified\":true,\"password_hash\":\"{hash}\"}}\n\
             {{\"username\":\"bo b\",\"email\":\"bob@example.com\",\"password_hash\":\"{hash}\"}}\n\
             not a row\n\
             {{\"username\":\"cleo\",\"email\":\"cleo@example.com\",\"password_hash\":\"broken\"}}\n"
        ),
    )
    .unwrap();
    let users = "SELECT COUNT(*) FROM users";
    let (succeeded, said) = place.ran(&["import", text(&file), "--dry-run"]);
    assert!(!succeeded && said.contains("would be created"), "{said}");
    assert_eq!(place.database.number(users).await, 0);

    let (succeeded, said) = place.ran(&["import", text(&file)]);
    assert!(!succeeded && said.contains("rejected: 3."), "{said}");
    for line in ["created             1", "rejected            3", "in all              4"] {
        let line: Vec<_> = line.split_whitespace().collect();
        let has = said.lines().any(|said| said.split_whitespace().eq(line.iter().copied()));
        assert!(has, "{line:?} in {said}");
    }
    assert_eq!(place.database.number(users).await, 1);
    // The dry run made the first file.
    let rejected = folder.path().join("users.jsonl.rejected.2.jsonl");
    let rejects = fs::read_to_string(&rejected).unwrap();
    let fields: Vec<_> = rejects
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["field"].clone())
        .collect();
    assert!(fields.contains(&"username".into()) && fields.contains(&"password_hash".into()));
    let mended = rejects.replace("bo b", "bob").replace("broken", hash);
    let kept: Vec<_> = mended.lines().filter(|line| !line.contains("not a row")).collect();
    fs::write(&rejected, kept.join("\n")).unwrap();
    let (succeeded, said) = place.ran(&["import", text(&rejected)]);
    assert!(succeeded, "{said}");
    let (succeeded, said) = place.ran(&["import", text(&rejected)]);
    assert!(succeeded && said.contains("exist already"), "{said}");
    assert_eq!(place.database.number(users).await, 3);
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_imported_elsewhere_and_logs_in(backend: Backend) {
    let (here, there) = (Place::new(backend).await, Place::new(backend).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.csv");
    let rows = HASHES.iter().filter(|(_, hash)| !hash.contains('"')).enumerate();
    let rows: Vec<_> = rows
        .map(|(number, (_, hash))| format!("user-{number},user-{number}@example.com,\"{hash}\""))
        .collect();
    fs::write(&file, format!("username,email,password_hash\n{}\n", rows.join("\n"))).unwrap();
    let (succeeded, said) = here.ran(&["import", text(&file), "--batch", "5"]);
    assert!(succeeded, "{said}");
    for format in ["jsonl", "csv"] {
        let out = folder.path().join(format!("out.{format}"));
        let (succeeded, said) =
            here.ran(&["export", "--hashes", "--format", format, "--output", text(&out)]);
        assert!(succeeded, "{said}");
        let (again, said) = here.ran(&["export", "--output", text(&out)]);
        assert!(!again, "a file that is there stays: {said}");
    }
    let out = folder.path().join("out.jsonl");
    let (succeeded, said) = there.ran(&["import", text(&out)]);
    assert!(succeeded, "{said}");
    let (succeeded, said) = there.ran(&["import", text(&folder.path().join("out.csv"))]);
    let all = format!("exist already  {}", rows.len());
    assert!(succeeded && said.contains(&all), "{said}");
    // Without the option there is no hash in it.
    let (plain, printed) = here.ran(&["export"]);
    assert!(plain && printed.contains("user-0@example.com") && !printed.contains("password_hash"));
    std::fs::write(there.database.folder().join("master.key"), &there.master_key).unwrap();
    let server = Server::start_at(there.database, |_| {}).await;
    for (number, row) in rows.iter().enumerate() {
        let login = server.login(&format!("user-{number}"), PASSWORD).await;
        assert!(login.is_ok(), "{row}: {login:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_none_or_breaks_off_says_so_and_what_is_before_goes_in() {
    let place = Place::new(Backend::Sqlite).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.json");
    let (succeeded, said) = place.ran(&["import", text(&file)]);
    assert!(!succeeded && said.contains("users.json"), "{said}");
    fs::write(&file, "%PDF-1.7").unwrap();
    let (succeeded, said) = place.ran(&["import", text(&file)]);
    assert!(!succeeded && said.contains("users.json"), "{said}");
    let user = |name: &str| format!("{{\"localId\":\"{name}\",\"email\":\"{name}@example.com\"}}");
    fs::write(&file, format!("{{\"users\":[{},{},{{\"loc", user("a1"), user("b2"))).unwrap();
    let (succeeded, said) = place.ran(&["import", text(&file)]);
    assert!(!succeeded, "{said}");
    assert_eq!(place.database.number("SELECT COUNT(*) FROM users").await, 2, "{said}");
}
