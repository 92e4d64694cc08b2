//! What is wrong in a file, and what is written and read again.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use super::{
    reader::Reader,
    rejects::Rejects,
    row::ImportRow,
    systems_tests::{file, of, read, read_text, sources},
    writer::{Shape, Writer},
};

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
        ("email_verified", json!(2), "must be true or false"),
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
fn what_is_quoted_of_a_file_is_short_and_moves_no_cursor() {
    let name = format!("\\u001b[2J{}", "x".repeat(500_000));
    let (_, errors, _) = read_text(format!("{{\"email\":\"a@example.com\",\"{name}\":1}}"));
    assert!(errors[0].len() < 400 && !errors[0].contains('\u{1b}'), "{}", errors[0].len());
}

#[test]
fn a_header_that_has_a_name_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let twice = file(&folder, "email,roles,email\na,b,c\n");
    let error = Reader::open(&sources(twice)).unwrap_err();
    assert!(format!("{error:#}").ends_with("the header has email twice"), "{error:#}");
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
    let mut again = Rejects::new(path.clone());
    let refused = again.write(&errors[0]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
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
