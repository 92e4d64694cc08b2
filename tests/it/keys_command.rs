//! `countersign keys`.

use countersign::token::MasterKey;
use rstest::rstest;
use serde_json::Value;

use crate::{
    harness::{
        Backend, Database,
        command::{command, output},
    },
    process::on,
};

/// A database with its first key, and what encrypts it.
struct Keys {
    database: Database,
    master_key: String,
}

impl Keys {
    async fn new(backend: Backend) -> Self {
        let database = Database::new(backend).await;
        let keys = Self { database, master_key: MasterKey::generate_text().to_string() };
        keys.done(&["migrate"]);
        keys.done(&["seed", "--users", "1", "--even-in-production"]);
        keys
    }

    /// What a command prints, and what it says where it fails.
    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = on(&self.database, arguments);
        command.env("COUNTERSIGN_MASTER_KEY", &self.master_key);
        let (result, said) = output(command);
        let printed = String::from_utf8(result.stdout).unwrap();
        if result.status.success() { Ok(printed) } else { Err(said) }
    }

    fn done(&self, arguments: &[&str]) -> String {
        self.run(arguments).unwrap()
    }

    /// Ids and states, the newest first.
    fn list(&self) -> Vec<(String, String)> {
        let data: Value = serde_json::from_str(&self.done(&["keys", "list", "--json"])).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = data["keys"].as_array().unwrap().iter();
        keys.map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
    }

    fn states(&self) -> Vec<String> {
        self.list().into_iter().map(|(_, state)| state).collect()
    }
}

#[rstest]
#[tokio::test]
async fn keys_are_listed_replaced_and_retired(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let keys = Keys::new(backend).await;
    let first = keys.list()[0].0.clone();
    let refused = keys.run(&["keys", "retire", &first]).unwrap_err();
    assert!(refused.contains("`countersign keys rotate --now`"), "{refused}");

    let said = keys.done(&["keys", "rotate"]);
    assert!(said.contains("is published, and signs from 20"), "{said}");
    assert!(said.contains(" on, in 33m:"), "{said}");
    assert_eq!(keys.states(), ["next", "signing"]);
    let said = keys.done(&["keys", "rotate", "--now"]);
    assert!(said.contains("signs at once") && said.contains("fetch it again"), "{said}");
    assert_eq!(keys.states(), ["next", "signing", "published"]);
    let said = keys.done(&["keys", "retire", &first]);
    assert!(said.contains("refused from now on"), "{said}");
    assert_eq!(keys.states(), ["next", "signing", "retired"]);
    let refused = keys.run(&["keys", "retire", "nothing"]).unwrap_err();
    assert!(refused.contains("there is no key with this id"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn a_leaked_key_is_replaced_and_revoked_with_one_command(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let keys = Keys::new(backend).await;
    let leaked = keys.list()[0].0.clone();
    let refused = keys.run(&["keys", "rotate", "--revoke-current"]).unwrap_err();
    assert!(refused.contains("--now"), "{refused}");
    assert_eq!(keys.states(), ["signing"]);
    let said = keys.done(&["keys", "rotate", "--now", "--revoke-current"]);
    assert!(said.contains(&format!("key {leaked} is revoked with all of its tokens")), "{said}");
    assert!(said.contains("docs/verifiers.md"), "{said}");
    assert_eq!(keys.states(), ["signing", "retired"]);
    assert!(keys.list()[0].0 != leaked && said.contains(&keys.list()[0].0), "{said}");
}

#[tokio::test]
async fn the_table_lines_up() {
    let keys = Keys::new(Backend::Sqlite).await;
    keys.done(&["keys", "rotate", "--now"]);
    let text = keys.done(&["keys", "list"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for (heading, first, second) in [
        ("algorithm", "ES256", "ES256"),
        ("state", "signing", "published"),
        ("created", "20", "20"),
        ("signs from", "20", "20"),
        ("published until", "-", "20"),
    ] {
        let column = lines[0].find(heading).unwrap();
        assert!(lines[1][column..].starts_with(first), "{heading} in {text}");
        assert!(lines[2][column..].starts_with(second), "{heading} in {text}");
        assert_eq!([&lines[1][column - 2..column], &lines[2][column - 2..column]], ["  ", "  "]);
    }
}

/// It would publish a key that no replica can decrypt.
#[rstest]
#[tokio::test]
async fn with_another_master_key_nothing_is_changed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut keys = Keys::new(backend).await;
    keys.master_key = MasterKey::generate_text().to_string();
    let refused = keys.run(&["keys", "rotate", "--now"]).unwrap_err();
    assert!(refused.contains("is this the master key it was stored under?"), "{refused}");
    assert_eq!(keys.states(), ["signing"]);
}

#[test]
fn with_a_configured_secret_there_are_no_keys_to_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = command(&["keys", "list"]);
    list.current_dir(folder.path())
        .env("COUNTERSIGN_JWT_ALGORITHM", "HS256")
        .env("COUNTERSIGN_JWT_SECRET", MasterKey::generate_text().as_str());
    let (result, said) = output(list);
    assert!(!result.status.success() && said.contains("COUNTERSIGN_JWT_SECRET"), "{said}");
}
