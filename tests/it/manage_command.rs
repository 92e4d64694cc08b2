//! `countersign user`: what AdminService does, without a token.

use rstest::rstest;
use rstest_reuse::apply;
use serde_json::Value;

use crate::{
    harness::{Backend, Server, on_both, server::PASSWORD},
    place::Place,
};

impl Place {
    fn show(&self, user: &str) -> Value {
        serde_json::from_str(&self.run(&["user", "show", user, "--json"]).unwrap()).unwrap()
    }
}

const ADA: [&str; 8] = [
    "user",
    "create",
    "ada",
    "--email=ada@example.com",
    "--role=admin",
    "--role=editor",
    "--verified",
    "--password-stdin",
];

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_administrator_is_made_without_one(backend: Backend) {
    let place = Place::new(backend).await;
    for (line, why) in [("short\n", "at least 8 characters"), ("\n", "password")] {
        let refused = place.run_with(&ADA, line).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let said = place.run_with(&ADA, &format!("{PASSWORD}\r\n")).unwrap();
    assert!(said.contains("ada (") && said.contains("admin, editor"), "{said}");
    let refused = place.run_with(&ADA, &format!("{PASSWORD}\n")).unwrap_err();
    assert!(refused.contains("the username is taken"), "{refused}");
    let ada = place.show("ADA");
    assert_eq!((&ada["email_verified"], &ada["roles"][1]), (&true.into(), &"editor".into()));
    std::fs::write(place.database.folder().join("master.key"), &place.master_key).unwrap();
    let server = Server::start_at(place.database, |_| {}).await;
    assert!(server.login("ada", PASSWORD).await.is_ok());
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_changed_and_deleted(backend: Backend) {
    let place = Place::new(backend).await;
    place.run_with(&ADA, &format!("{PASSWORD}\n")).unwrap();
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let bob = ["user", "create", "bob", "--email=bob@example.com", "--password-hash"];
    let dry: Vec<_> = bob.iter().copied().chain([hash.as_str(), "--dry-run"]).collect();
    assert!(place.run(&dry).unwrap().contains("could be made"));
    assert!(place.run(&["user", "show", "bob"]).unwrap_err().contains("no such user"));
    place.run(&dry[..6]).unwrap();
    let invited = ["user", "create", "cleo", "--email=cleo@example.com"];
    assert!(place.run(&invited).unwrap().contains("sends a code to cleo@example.com"));

    let names = |arguments: &[&str]| {
        let arguments: Vec<_> =
            ["user", "list", "--json"].iter().chain(arguments).copied().collect();
        let printed = place.run(&arguments).unwrap();
        let name = |line: &str| {
            let user: Value = serde_json::from_str(line).unwrap();
            user["username"].as_str().unwrap().to_owned()
        };
        printed.lines().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["cleo", "bob", "ada"]);
    assert_eq!(names(&["--limit", "2"]), ["cleo", "bob"]);
    assert_eq!(names(&["--role", "admin"]), ["ada"]);
    assert_eq!(names(&["--verified", "no", "--prefix", "B"]), ["bob"]);
    assert_eq!(names(&["--created-within", "1h", "--email-prefix", "cl"]), ["cleo"]);
    let table = place.run(&["user", "list", "--limit", "1"]).unwrap();
    assert!(table.contains("cleo@example.com") && table.contains("There are more"), "{table}");

    let set = |arguments: &[&str]| {
        let all: Vec<_> =
            ["user", "set", "bob@example.com"].iter().chain(arguments).copied().collect();
        place.run(&all)
    };
    assert!(set(&["--role", "admin", "--claims", r#"{"tenant":"blue"}"#, "--dry-run"]).is_ok());
    assert_eq!(place.show("bob")["roles"], Value::Array(Vec::new()));
    set(&["--role", "admin", "--claims", r#"{"tenant":"blue"}"#, "--state", "disabled"]).unwrap();
    let found = place.show("bob");
    assert_eq!((&found["state"], &found["claims"]["tenant"]), (&"disabled".into(), &"blue".into()));
    assert!(set(&["--state", "disabled"]).unwrap().contains("is as it was"));
    assert!(set(&["--claims", r#"{"sub":"me"}"#]).unwrap_err().contains("claims"));
    assert!(set(&["--email", "ada@example.com"]).unwrap_err().contains("address is taken"));
    set(&["--no-roles", "--state", "active", "--verified", "yes", "--username", "bobby"]).unwrap();
    let found = place.show(place.show("bobby")["id"].as_str().unwrap());
    assert_eq!(
        (&found["roles"], &found["email_verified"]),
        (&Value::Array(Vec::new()), &true.into())
    );

    place
        .run_with(&["user", "set-password", "bobby", "--password-stdin"], "another long one\n")
        .unwrap();
    place.run(&["user", "reset-factors", "bobby"]).unwrap();
    place.run(&["user", "unlock", "bobby"]).unwrap();
    assert!(place.run(&["user", "sessions", "bobby"]).unwrap().starts_with("id"));
    assert!(place.run(&["user", "sessions", "bobby", "--revoke-all"]).unwrap().starts_with("0 "));
    assert!(place.run(&["user", "delete", "bobby"]).unwrap_err().contains("--yes"));
    place.run(&["user", "delete", "bobby", "--yes"]).unwrap();
    assert!(place.run(&["user", "show", "bobby"]).unwrap_err().contains("no such user"));
    let events = place.run(&["events", "--json"]).unwrap();
    for kind in [
        "user_created",
        "user_changed",
        "roles_changed",
        "user_disabled",
        "password_set",
        "user_deleted",
    ] {
        let by_operator = |line: &&str| line.contains(kind) && line.contains("operator");
        assert!(events.lines().any(|line| by_operator(&line)), "{kind} in {events}");
    }
}
