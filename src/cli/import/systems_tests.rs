//! Files as each system writes them, and what becomes of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    formats::Format,
    reader::{Failure, Reader, Row, RowError, Sources},
};

pub(super) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name)
}

pub(super) fn sources(file: PathBuf) -> Sources {
    Sources {
        file,
        format: None,
        hash_parameters: None,
        password_hashes: None,
        verified: None,
        admins: false,
    }
}

pub(super) fn of(name: &str) -> Sources {
    let mut sources = sources(data(name));
    if name.starts_with("firebase") {
        sources.hash_parameters = Some(data("firebase/parameters.txt"));
    }
    if name == "auth0/users.json" {
        sources.password_hashes = Some(data("auth0/hashes.json"));
    }
    sources
}

/// The rows, what was refused, and what ended the file before its end.
pub(super) fn read(reader: &mut Reader) -> (Vec<Row>, Vec<RowError>, Option<String>) {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for row in reader {
        match row {
            Ok(row) => rows.push(row),
            Err(Failure::Row(error)) => errors.push(error),
            Err(Failure::File(error)) => return (rows, errors, Some(error.to_string())),
        }
    }
    (rows, errors, None)
}

pub(super) fn values(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| row.row.to_value()).collect()
}

pub(super) fn said(errors: &[RowError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// A file with this text.
pub(super) fn file(folder: &tempfile::TempDir, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("users");
    fs::write(&path, text).unwrap();
    path
}

pub(super) fn read_text(text: impl AsRef<[u8]>) -> (Vec<Value>, Vec<String>, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::open(&sources(file(&folder, text))).unwrap();
    let (rows, errors, end) = read(&mut reader);
    (values(&rows), said(&errors), end)
}

const NO_ADDRESS: &str = "email: is missing";

/// Each file, what it is found to be, what is refused, and what is left behind.
type Case = (&'static str, Format, &'static [&'static str], &'static [(&'static str, u64)]);

const CASES: [Case; 15] = [
    ("own/users.jsonl", Format::JsonLines, &[], &[]),
    ("own/users.csv", Format::Csv, &[], &[]),
    (
        "firebase/users.json",
        Format::Firebase,
        &[NO_ADDRESS],
        &[("second factor (mfaInfo)", 1), ("sign-in with google.com", 1)],
    ),
    ("firebase/users.csv", Format::Firebase, &[NO_ADDRESS], &[("sign-in with google.com", 1)]),
    (
        "auth0/users.json",
        Format::Auth0,
        &[NO_ADDRESS],
        &[
            ("second factor (multifactor)", 1),
            ("sign-in with google-oauth2", 1),
            ("password hash of no user of the file", 1),
        ],
    ),
    ("auth0/hashes.json", Format::Auth0, &[], &[]),
    (
        "auth0/bulk.json",
        Format::Auth0,
        &["password_hash: is a custom_password_hash of md5 that can't be taken"],
        &[("second factor phone", 1)],
    ),
    ("keycloak/shop-realm.json", Format::Keycloak, KEYCLOAK_REFUSED, KEYCLOAK_LEFT),
    ("keycloak/shop-users-0.json", Format::Keycloak, KEYCLOAK_REFUSED, KEYCLOAK_LEFT),
    ("supabase/users.csv", Format::Supabase, SUPABASE_REFUSED, &[("sign-in with google", 1)]),
    ("supabase/users.json", Format::Supabase, SUPABASE_REFUSED, &[("sign-in with google", 1)]),
    (
        "kratos/identities.json",
        Format::Kratos,
        &[
            NO_ADDRESS,
            "password_hash: is not in the file: list the identities with include_credential=password",
        ],
        &[("credential code", 1), ("credential lookup_secret", 1), ("credential webauthn", 1)],
    ),
    (
        "kratos/listed.json",
        Format::Kratos,
        &[],
        &[("credential lookup_secret", 1), ("credential webauthn", 1)],
    ),
    ("zitadel/export.json", Format::Zitadel, &[NO_ADDRESS], &[]),
    (
        "zitadel/users-v2.json",
        Format::Zitadel,
        &["the row is of a machine: make a service account for it"],
        &[],
    ),
];

const KEYCLOAK_REFUSED: &[&str] =
    &["the row is the account of the client billing: make a service account for it", NO_ADDRESS];
const KEYCLOAK_LEFT: &[(&str, u64)] = &[
    ("authenticator app that is not TOTP of SHA-1, 6 digits, 30 s", 1),
    ("credential webauthn", 1),
    ("role admin (--admins takes it)", 1),
    ("sign-in with google", 1),
];
const SUPABASE_REFUSED: &[&str] =
    &[NO_ADDRESS, "the row is of a user who was deleted (deleted_at)"];

#[test]
fn each_systems_files_become_the_rows_that_are_expected() {
    for (name, format, refused, left) in CASES {
        let mut reader = Reader::open(&of(name)).unwrap();
        assert!(reader.what().starts_with(format.name()), "{name}: {}", reader.what());
        let (rows, errors, end) = read(&mut reader);
        let expected = fs::read_to_string(data(&format!("{name}.expected.jsonl"))).unwrap();
        let expected: Vec<Value> =
            expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let rows = values(&rows);
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row, expected, "{name}");
        }
        assert_eq!(rows.len(), expected.len(), "{name}");
        let problems: Vec<_> = errors.iter().map(|error| error.problem.to_string()).collect();
        assert_eq!(problems, refused, "{name}");
        assert_eq!(end, None, "{name}");
        let left: Vec<_> = left.iter().map(|(what, users)| ((*what).to_owned(), *users)).collect();
        assert_eq!(reader.left_behind(), left, "{name}");
        let (read, size) = reader.progress();
        assert_eq!(read, size, "{name}");
    }
}

#[test]
fn no_secret_of_another_system_reaches_metadata_or_rejects() {
    for (name, ..) in CASES {
        let (rows, errors, _) = read(&mut Reader::open(&of(name)).unwrap());
        let rows = rows.iter().map(|row| Value::Object(row.row.metadata.clone()).to_string());
        let rejected = errors.iter().filter(|error| error.row.get("password_hash").is_none());
        for text in rows.chain(rejected.map(|error| error.row["metadata"].to_string())) {
            for secret in ["$2a$", "$2b$", "secretData", "JBSWY3DP", "recovery_codes", "pkce_"] {
                assert!(!text.contains(secret), "{name} shows {secret}: {text}");
            }
        }
    }
}

#[test]
fn the_formats_name_may_be_said_and_a_wrong_one_is_named() {
    let mut sources = of("keycloak/shop-users-0.json");
    sources.format = Some(Format::Keycloak);
    assert_eq!(Reader::open(&sources).unwrap().what(), "keycloak");
    sources.format = Some(Format::Firebase);
    let error = Reader::open(&sources).unwrap_err().to_string();
    assert!(
        error.ends_with("is not of the format firebase: it looks like keycloak (it has realm)"),
        "{error}"
    );
    for (_, name) in Format::ALL {
        assert_eq!(Format::parse(name).unwrap().name(), name);
    }
}

#[test]
fn a_list_of_realms_and_documents_over_several_lines_are_read_too() {
    let realm = fs::read_to_string(data("keycloak/shop-realm.json")).unwrap();
    let users = fs::read_to_string(data("own/users.jsonl.expected.jsonl")).unwrap();
    let pretty = |line| serde_json::to_string_pretty(&serde_json::from_str::<Value>(line).unwrap());
    let documents: Vec<_> = users.lines().map(|line| pretty(line).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    for (text, rows, said) in [
        (format!("[{realm},\n{realm}]"), 6, Some(Format::Keycloak)),
        (format!("[{realm}]"), 3, None),
        (documents.join("\n"), 3, None),
        (format!("[{}]", documents.join(",")), 3, Some(Format::JsonLines)),
    ] {
        let mut sources = sources(file(&folder, text));
        sources.format = said;
        let (read, _, end) = read(&mut Reader::open(&sources).unwrap());
        assert_eq!((read.len(), end), (rows, None));
    }
}

#[test]
fn roles_that_administer_this_service_are_taken_only_where_that_is_wanted() {
    let mut sources = of("keycloak/shop-realm.json");
    sources.admins = true;
    let (rows, ..) = read(&mut Reader::open(&sources).unwrap());
    assert_eq!(rows[0].row.roles, ["editor", "admin"]);
}

#[test]
fn addresses_are_verified_as_was_said() {
    for verified in [true, false] {
        let mut sources = of("own/users.jsonl");
        sources.verified = Some(verified);
        let (rows, ..) = read(&mut Reader::open(&sources).unwrap());
        assert!(rows.len() == 3 && rows.iter().all(|row| row.row.email_verified == verified));
    }
}

#[test]
fn firebases_hashes_are_not_read_without_the_projects_parameters() {
    let (rows, _, end) = read(&mut Reader::open(&sources(data("firebase/users.json"))).unwrap());
    assert!(rows.is_empty() && end.unwrap().contains("--hash-parameters FILE"));
}

#[test]
fn a_file_that_ends_in_the_middle_is_read_up_to_there() {
    for (name, format, ..) in CASES {
        let text = fs::read(data(name)).unwrap();
        // Half of the last line, or of the last row where all are on one.
        let last = text.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let list = text.starts_with(b"[") || text.ends_with(b"}\n") || text.ends_with(b"]}");
        let cut =
            if list { text.len() - text.len() / 20 - 3 } else { last + (text.len() - last) / 2 };
        let folder = tempfile::tempdir().unwrap();
        let mut sources = of(name);
        (sources.file, sources.format) = (file(&folder, &text[..cut]), Some(format));
        let (rows, errors, end) = read(&mut Reader::open(&sources).unwrap());
        assert!(!rows.is_empty(), "{name}");
        let last = errors.last().map(ToString::to_string).unwrap_or_default();
        let said =
            end.is_some() || last.contains("is no JSON: EOF") || last.contains(" fields, and ");
        assert!(said, "{name} is cut off, and nothing says it: {last}");
    }
}
