//! Files as each system writes them, and what becomes of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    formats::Format,
    reader::{Failure, Reader, Row, RowError, Sources},
    rejects::Rejects,
    row::ImportRow,
    writer::{Shape, Writer},
};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name)
}

fn sources(file: PathBuf) -> Sources {
    Sources {
        file,
        format: None,
        hash_parameters: None,
        password_hashes: None,
        verified: None,
        admins: false,
    }
}

fn of(name: &str) -> Sources {
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
fn read(reader: &mut Reader) -> (Vec<Row>, Vec<RowError>, Option<String>) {
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

fn values(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| row.row.to_value()).collect()
}

fn said(errors: &[RowError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// A file with this text.
fn file(folder: &tempfile::TempDir, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("users");
    fs::write(&path, text).unwrap();
    path
}

fn read_text(text: impl AsRef<[u8]>) -> (Vec<Value>, Vec<String>, Option<String>) {
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

#[test]
fn what_is_cut_off_is_named_with_its_line() {
    let list = "[\n{\"email\":\"a@example.com\"},\n{\"email\":\"b@exam";
    let (rows, _, end) = read_text(list);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        end.unwrap(),
        "the file ends on line 3 in the middle of a row. All before it was read"
    );
    let lines = "{\"email\":\"a@example.com\"}\n{\"email\":\"b@exam";
    let (rows, errors, _) = read_text(lines);
    assert_eq!(rows.len(), 1);
    assert!(
        errors[0].starts_with("line 2, row 2: the row is no JSON: EOF while parsing a string"),
        "{errors:?}"
    );
    let (rows, _, end) = read_text("email,metadata\na@example.com,\nb@example.com,\"{\n");
    assert_eq!(rows.len(), 1);
    assert!(end.unwrap().contains("ends on line 3 in the middle of a quoted field"));
}

#[test]
fn each_wrong_field_is_named() {
    for (field, wrong, problem) in [
        ("username", json!(true), "must be text"),
        ("email", json!(["a"]), "must be text"),
        ("email", json!(""), "is missing"),
        ("email_verified", json!("maybe"), "must be true or false"),
        ("email_verified", json!(1), "must be true or false"),
        ("password_hash", json!({}), "must be text"),
        ("hash_parameters", json!("{"), "must be a JSON object"),
        ("hash_parameters", json!([]), "must be a JSON object"),
        ("roles", json!("admin"), "must be a list of texts"),
        ("roles", json!([1]), "must be a list of texts"),
        ("metadata", json!(3), "must be a JSON object"),
        ("claims", json!("[]"), "must be a JSON object"),
        ("totp_secret", json!("not base32!"), "must be base32"),
        ("two_factor_enabled", json!("on"), "must be true or false"),
        ("id", json!([]), "must be text"),
        ("state", json!("banned"), "must be active or disabled"),
        ("create_time", json!("yesterday"), "must be a time of RFC 3339"),
        ("nickname", json!("x"), "is no member of a row. The members are id, username, email"),
    ] {
        let mut row = json!({"username": "ada", "email": "ada@example.com"});
        row[field] = wrong.clone();
        let (rows, errors, _) = read_text(format!("{{\"email\":\"b@example.com\"}}\n{row}\n"));
        assert_eq!(rows.len(), 1, "{field} {wrong}");
        let start = format!("line 2, row 2: {field}: {problem}");
        assert!(errors[0].starts_with(&start), "{errors:?}");
    }
    for (parameter, wrong) in [("rounds", json!(-1)), ("mem_cost", json!(1.5)), ("salt", json!({}))]
    {
        let row = json!({"email": "a@example.com", "hash_parameters": {parameter: wrong}});
        let (_, errors, _) = read_text(row.to_string());
        assert!(errors[0].contains(&format!("hash_parameters.{parameter}: must be")), "{errors:?}");
    }
    let row = json!({"email": "a@example.com", "hash_parameters": {"cost": 1}});
    assert!(read_text(row.to_string()).1[0].contains("hash_parameters.cost: is no parameter"));
}

#[test]
fn a_row_that_is_no_row_spoils_no_other() {
    let large = format!("{{\"email\":\"{}\"}}", "x".repeat(1024 * 1024));
    let text = format!(
        "{{\"email\":\"a@example.com\"}}\n[1]\n{{no json\n{{\"email\":\"\u{0}\"}}\n{large}\n{{\"email\":\"b@example.com\"}}\n"
    );
    let (rows, errors, end) = read_text(text);
    assert_eq!((rows.len(), end), (2, None));
    let starts = [
        "line 2, row 2: the row must be a JSON object",
        "line 3, row 3: the row is no JSON",
        "line 4, row 4: the row is no JSON",
        "line 5, row 5: the row is larger than 1 MiB",
    ];
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(errors.len(), starts.len());
    let (rows, errors, _) = read_text(b"{\"email\":\"a@example.com\"}\n{\"email\":\"\xff\"}\n");
    assert_eq!((rows.len(), errors.len()), (1, 1));
}

#[test]
fn a_record_with_other_fields_than_the_header_is_refused_alone() {
    let (rows, errors, _) = read_text(
        "email,state\na@example.com,active\nb@example.com\nc@example.com,active,x\n\"d\"x,active\n",
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(
        errors,
        [
            "line 3, row 2: the row has 1 fields, and the header 2",
            "line 4, row 3: the row has 3 fields, and the header 2",
            "line 5, row 4: the row is not CSV: a quote stands where none may be",
        ]
    );
}

#[test]
fn rejects_can_be_mended_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let from = file(
        &folder,
        "{\"email\":\"a@example.com\"}\n{\"email\":\"\",\"username\":\"ben\"}\n{broken\n",
    );
    let path = Rejects::beside(&from);
    assert!(path.ends_with("users.rejected.jsonl"));
    let mut rejects = Rejects::new(path.clone());
    let (_, errors, _) = read(&mut Reader::open(&sources(from.clone())).unwrap());
    for error in &errors {
        rejects.write(error).unwrap();
    }
    assert_eq!(rejects.finish().unwrap(), Some((2, path.clone())));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Rejects::beside(&from).ends_with("users.rejected.2.jsonl"), "it would be overwritten");
    let text = fs::read_to_string(&path).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let expected = json!({"line": 2, "number": 2, "field": "email", "problem": "is missing",
        "row": {"email": "", "username": "ben"}});
    assert_eq!(first, expected);
    let mended = text
        .replace("\"email\":\"\"", "\"email\":\"ben@example.com\"")
        .replace("\"{broken\"", "{\"email\":\"c@example.com\"}");
    let (rows, errors, _) = read_text(mended);
    assert_eq!((rows.len(), errors.len()), (2, 0), "{errors:?}");
    assert_eq!(rows[0]["username"], "ben");
}

#[test]
fn a_foreign_row_that_is_refused_is_kept_in_our_names() {
    let (_, errors, _) = read(&mut Reader::open(&of("kratos/identities.json")).unwrap());
    assert_eq!(errors[0].row["metadata"]["kratos"]["traits"]["phone"], "+15555550100");
    assert_eq!(errors[1].row["email"], "cleo@example.com");
}

#[test]
fn what_is_written_can_be_read_again() {
    let roles = ["two words", "one", ""].map(str::to_owned).to_vec();
    let metadata = json!({"text": "a,b\n\"c\"", "none": null}).as_object().unwrap().clone();
    let odd = ImportRow { email: "d@example.com".into(), roles, metadata, ..ImportRow::default() };
    let (rows, ..) = read(&mut Reader::open(&of("own/users.jsonl")).unwrap());
    let rows: Vec<_> = rows.into_iter().map(|row| row.row).chain([odd]).collect();
    for shape in [Shape::JsonLines, Shape::Csv] {
        let mut writer = Writer::new(Vec::new(), shape).unwrap();
        for row in &rows {
            writer.write(row).unwrap();
        }
        let (again, errors, end) = read_text(writer.finish().unwrap());
        assert_eq!((errors.len(), end), (0, None), "{errors:?}");
        let rows: Vec<_> = rows.iter().map(ImportRow::to_value).collect();
        assert_eq!(again, rows, "{shape:?}");
    }
}
