//! Passwords that were published in breaches.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
};

use countersign::{
    domain::Timestamp,
    password::breached::{Breached, Builder, Key},
    pb::{CreateUserRequest, RegisterRequest, SetPasswordRequest, create_user_request::Credential},
};
use rstest::rstest;
use rstest_reuse::apply;
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    admin::{Office, new_user, with_password},
    harness::{
        Backend, Database, Server,
        command::{command, output},
        logs, on_both, reason,
        server::{PASSWORD, registration},
        violations,
    },
    http::get,
    mailbox::{NEW_PASSWORD, open_reset, reset},
    place::Place,
    process::serve,
};

/// No common one: only the list refuses it.
const BREACHED: &str = "quartz ferret lagoon";

/// A list of these passwords.
struct List {
    _folder: TempDir,
    path: PathBuf,
}

impl List {
    fn of<const N: usize>(passwords: [&str; N]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.list");
        let mut keys = passwords.map(Key::of);
        keys.sort_unstable();
        let mut builder = Builder::create(&path, 10).unwrap();
        keys.into_iter().for_each(|key| builder.add(key).unwrap());
        builder.finish(Timestamp::from_unix_micros(0), 1).unwrap();
        Self { _folder: folder, path }
    }

    async fn serve(&self, backend: Backend) -> Server {
        Server::start_with(backend, |config, _| config.breached_passwords = Some(self.path.clone()))
            .await
    }

    fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// That an answer says which field is on the list, to people and to programs.
fn assert_listed<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) {
    let refused = answer.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD".into()));
    assert_eq!(violations(&refused), [field]);
    let why = "is on a list of passwords that were published in breaches: choose another one";
    assert_eq!(refused.message(), format!("{field}: {why}"));
    let metadata = refused.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata[&format!("{field}_breached")], "true");
}

async fn metric(server: &Server, name: &str) -> u64 {
    let (_, text) = get(server.http, "/metrics").await;
    let name = format!("countersign_breached_passwords_{name}_total ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn register(password: &str) -> RegisterRequest {
    RegisterRequest { password: password.to_owned(), ..registration(false) }
}

#[apply(on_both)]
#[tokio::test]
async fn no_rpc_sets_a_password_that_is_on_the_list(backend: Backend) {
    let office = Office::of(List::of([BREACHED]).serve(backend).await).await;
    let server = &office.server;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert_listed(server.register(register(BREACHED)).await, "password");
    let changed = server.change_password(&tokens, PASSWORD, BREACHED).await;
    assert_listed(changed, "new_password");
    let (reset_id, code) = open_reset(server, &user).await;
    // More often than a code can be tried: none of these is an attempt.
    for _ in 0..6 {
        assert_listed(reset(server, &reset_id, &code, BREACHED).await, "new_password");
    }
    for validate_only in [false, true] {
        let credential = Some(Credential::Password(BREACHED.to_owned()));
        let new = CreateUserRequest { credential, validate_only, ..new_user() };
        assert_listed(office.create(new).await, "password");
        let set = SetPasswordRequest { validate_only, ..with_password(&user.id, BREACHED) };
        assert_listed(office.set_password(set).await, "password");
    }
    assert_eq!((metric(server, "refused").await, metric(server, "unchecked").await), (12, 0));

    // Others are as good as ever, and each of these was possible.
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    reset(server, &reset_id, &code, PASSWORD).await.unwrap();
    let tokens = server.session(&user).await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    office.set_password(with_password(&user.id, PASSWORD)).await.unwrap();
    office.create(new_user()).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_password_from_before_the_list_still_logs_in_and_can_be_left(backend: Backend) {
    let before = Server::start(backend).await;
    let user = before.register(register(BREACHED)).await.unwrap();
    let list = List::of([BREACHED]);
    let path = Some(list.path.clone());
    let server = before.replica(|config, _| config.breached_passwords = path).await;
    assert!(server.login(&user.username, BREACHED).await.is_ok());
    let (reset_id, code) = open_reset(&server, &user).await;
    assert_listed(reset(&server, &reset_id, &code, BREACHED).await, "new_password");
    reset(&server, &reset_id, &code, PASSWORD).await.unwrap();
    let tokens = server.session(&user).await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert_eq!(metric(&server, "refused").await, 1);
}

#[tokio::test]
async fn a_password_is_looked_up_as_it_was_typed_and_in_nfc() {
    let (nfc, nfd) = ("pâté for eleven", "pa\u{302}te\u{301} for eleven");
    let server = List::of([nfc]).serve(Backend::Sqlite).await;
    for typed in [nfc, nfd] {
        assert_listed(server.register(register(typed)).await, "password");
    }
    let server = List::of([nfd]).serve(Backend::Sqlite).await;
    assert_listed(server.register(register(nfd)).await, "password");
    assert!(server.register(register(nfc)).await.is_ok(), "which nobody has published");
}

/// The rules of before are the first to be told, and a password has one problem at a time.
#[tokio::test]
async fn the_other_rules_hold_as_well() {
    let server = List::of(["short", "password"]).serve(Backend::Sqlite).await;
    for (password, why) in [("short", "at least 8"), ("password", "most common")] {
        let refused = server.register(register(password)).await.unwrap_err();
        assert!(refused.message().contains(why), "{refused:?}");
    }
    assert_eq!(metric(&server, "refused").await, 0);
}

#[tokio::test]
async fn a_list_that_can_be_read_no_more_keeps_nobody_out_and_is_told() {
    let list = List::of([BREACHED]);
    let server = list.serve(Backend::Sqlite).await;
    assert_listed(server.register(register(BREACHED)).await, "password");
    // One that is put in its place is for the next start.
    fs::rename(List::of([PASSWORD]).path, list.path.with_extension("next")).unwrap();
    fs::rename(list.path.with_extension("next"), &list.path).unwrap();
    assert_listed(server.register(register(BREACHED)).await, "password");
    assert!(server.register(register(PASSWORD)).await.is_ok());

    let server = list.serve(Backend::Sqlite).await;
    assert_listed(server.register(register(PASSWORD)).await, "password");
    OpenOptions::new().write(true).open(&list.path).unwrap().set_len(90).unwrap();
    assert!(server.register(register(PASSWORD)).await.is_ok());
    assert_eq!((metric(&server, "refused").await, metric(&server, "unchecked").await), (1, 1));
    let told = logs::events_with("a new password was not compared with the breached ones");
    assert!(told.iter().all(|line| line["level"] == "ERROR") && !told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_start_refuses_a_file_that_is_no_list() {
    let list = List::of([BREACHED]);
    let database = Database::new(Backend::Sqlite).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_BREACHED_PASSWORDS", list.path.with_extension("txt"));
    fs::write(list.path.with_extension("txt"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9")
        .unwrap();
    let (ended, told) = output(command);
    assert!(!ended.status.success());
    assert!(told.contains("COUNTERSIGN_BREACHED_PASSWORDS  is no list of breached"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_sets_none_either() {
    let (place, list) = (Place::new(Backend::Sqlite).await, List::of([BREACHED]));
    let flag = format!("--breached-passwords={}", list.text());
    let create =
        ["user", "create", "ada", "--email=ada@example.com", "--password-stdin", flag.as_str()];
    let refused = place.run_with(&create, &format!("{BREACHED}\n")).unwrap_err();
    assert!(refused.contains("published in breaches"), "{refused}");
    place.run_with(&create, &format!("{PASSWORD}\n")).unwrap();
    let set = ["user", "set-password", "ada", "--password-stdin", flag.as_str()];
    let refused = place.run_with(&set, &format!("{BREACHED}\n")).unwrap_err();
    assert!(refused.contains("published in breaches"), "{refused}");
    let said = place.run_with(&set, &format!("{NEW_PASSWORD}\n")).unwrap();
    assert!(said.contains("has another password"), "{said}");
    fs::write(&list.path, "").unwrap();
    let refused = place.run_with(&set, &format!("{PASSWORD}\n")).unwrap_err();
    assert!(refused.contains("COUNTERSIGN_BREACHED_PASSWORDS: it is no list"), "{refused}");
}

/// Runs `countersign breached …`.
fn breached(arguments: &[&str]) -> Result<String, String> {
    let mut command = command(&[&["breached"], arguments].concat());
    // It reads no settings: no other command would start with this.
    command.env("DATABASE_URL", "nonsense");
    let (ended, told) = output(command);
    let printed = String::from_utf8(ended.stdout).unwrap();
    if ended.status.success() { Ok(printed) } else { Err(told) }
}

#[test]
fn a_list_is_made_shown_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let [list, out] = ["pwned.txt", "breached"].map(|name| folder.path().join(name));
    let (list, out) = (list.to_str().unwrap(), out.to_str().unwrap());
    // `P@ssw0rd` and `password`.
    let lines = [
        "21BD12DC183F740EE76F27B78EB39C8AD972A757:9",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:12",
    ];
    fs::write(list, lines.join("\r\n")).unwrap();
    let said = breached(&["build", out, list]).unwrap();
    assert_eq!(said, format!("{out}: 2 passwords, 104 B\n"));
    let said = breached(&["build", out, list, "--at-least", "10"]).unwrap();
    assert!(said.contains("1 passwords, seen 10 times or more"), "{said}");
    let shown = breached(&["show", out]).unwrap();
    assert!(shown.contains("made 20") && shown.contains("of 4294967296 passwords"), "{shown}");
    let checked = breached(&["check", out]).unwrap();
    assert!(checked.contains("as they were written"), "{checked}");
    let has =
        |password: &str| Breached::open(out.as_ref()).unwrap().has(Key::of(password)).unwrap();
    assert!(has("password") && !has("P@ssw0rd"));

    let mut bytes = fs::read(out).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(out, bytes).unwrap();
    assert!(breached(&["check", out]).unwrap_err().contains("is not what was written"));
    assert!(breached(&["show", list]).unwrap_err().contains("is no list of breached passwords"));
    fs::write(list, [lines[1], lines[0]].join("\n")).unwrap();
    let refused = breached(&["build", out, list]).unwrap_err();
    assert!(refused.contains("line 2 of") && refused.contains("LC_ALL=C sort"), "{refused}");
    assert!(!has("password"), "what was there is left");
    assert!(breached(&["build", list, out]).unwrap_err().contains("it is left alone"));
    fs::remove_file(out).unwrap();
    let ranges = folder.path().join("ranges");
    fs::create_dir(&ranges).unwrap();
    fs::write(ranges.join("5BAA6.txt"), &lines[1][5..]).unwrap();
    let ranges = ranges.to_str().unwrap();
    let refused = breached(&["build", out, ranges]).unwrap_err();
    assert!(refused.contains("no file of the range 00000, nor of 1048574 others"), "{refused}");
    breached(&["build", out, ranges, "--partial"]).unwrap();
    assert!(has("password"));
}

#[rstest]
#[case("P@ssw0rd\n", "the password is among them")]
#[case("P@ssw0rd1\n", "the password is not among them")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_password_is_on_it_can_be_tried(#[case] line: &str, #[case] told: &str) {
    let (place, list) = (Place::new(Backend::Sqlite).await, List::of(["P@ssw0rd"]));
    let show = ["breached", "show", list.text(), "--password-stdin"];
    let said = place.run_with(&show, line).unwrap();
    assert!(said.lines().any(|line| line == told), "{said}");
}
