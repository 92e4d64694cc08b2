//! Finds out what wrote a file, from its beginning, and says by what.

use serde_json::Value;

use super::{
    formats::{Format, UNWRAPPED},
    frames::{Elements, Path, Records, fields},
    problem::shown,
    row::MEMBERS,
};

/// How rows stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// A JSON object on each line.
    Lines,
    /// JSON objects one after the other, each over several lines.
    Documents,
    /// The elements of a list within JSON.
    List,
    /// The elements of lists within the elements of a list: the users of several realms.
    Nested,
    /// CSV with a header.
    Csv,
    /// CSV without a header, as Firebase writes it.
    Headless,
}

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Detected {
    pub(crate) format: Format,
    pub(crate) container: Container,
    /// By what it was recognised; empty where it was said.
    pub(crate) because: String,
}

/// What a file was seen to hold.
struct Seen {
    container: Container,
    /// Names of the root's members.
    root: Vec<String>,
    /// Names of the first row's members.
    row: Vec<String>,
}

/// Members of the root that hold users.
const HOLDERS: [&str; 7] =
    ["users", "identities", "orgs", "dataOrgs", "data_orgs", "result", "realm"];

/// Finds out what wrote a file.
///
/// # Errors
/// What is in the file, where that is not known, or not of the format that was said.
pub(crate) fn detect(head: &[u8], said: Option<Format>) -> Result<Detected, String> {
    let seen = look(head)?;
    let found = recognise(&seen);
    let (format, because) = match (said, found) {
        (Some(said), Some((found, because))) if !same(said, found) => {
            let (said, found) = (said.name(), found.name());
            return Err(format!("is not of the format {said}: it looks like {found} ({because})"));
        }
        (Some(said), _) => (said, String::new()),
        (None, Some(found)) => found,
        (None, None) => {
            return Err(format!(
                "is of no format that is known. {} Say it with --format",
                names(&seen)
            ));
        }
    };
    let is_csv = matches!(seen.container, Container::Csv | Container::Headless);
    let fits = match format {
        Format::Csv => is_csv,
        Format::Firebase | Format::Supabase => true,
        Format::JsonLines | Format::Auth0 | Format::Keycloak | Format::Kratos | Format::Zitadel => {
            !is_csv
        }
    };
    if !fits {
        return Err(format!("is not of the format {}. {}", format.name(), names(&seen)));
    }
    let container = match (format, seen.container) {
        (Format::Firebase, Container::Csv) => Container::Headless,
        (_, container) => container,
    };
    Ok(Detected { format, container, because })
}

/// Ours are read alike.
fn same(said: Format, found: Format) -> bool {
    let ours = |format| matches!(format, Format::JsonLines | Format::Csv);
    said == found || (ours(said) && ours(found))
}

fn names(seen: &Seen) -> String {
    let (what, names) = match (seen.container, seen.row.is_empty()) {
        (Container::Csv | Container::Headless, _) => ("It is CSV that begins with", &seen.row),
        (_, false) => ("It is JSON whose rows have", &seen.row),
        (_, true) => ("It is JSON with", &seen.root),
    };
    let more = if names.len() > 12 { ", …" } else { "" };
    let names: Vec<_> = names.iter().take(12).map(|name| shown(name, 40)).collect();
    if names.is_empty() {
        "It has no rows.".to_owned()
    } else {
        format!("{what} {}{more}.", names.join(", "))
    }
}

fn look(head: &[u8]) -> Result<Seen, String> {
    for (magic, what) in [
        (&b"\x1f\x8b"[..], "is compressed with gzip: unpack it first"),
        (b"PK\x03\x04", "is a ZIP archive: unpack it first"),
        (b"-----BEGIN PGP", "is encrypted with PGP: decrypt it first"),
        (b"\xff\xfe", "is UTF-16: write it as UTF-8 first"),
        (b"\xfe\xff", "is UTF-16: write it as UTF-8 first"),
        (b"SQLite format 3", "is a SQLite database: export its rows first"),
    ] {
        if head.starts_with(magic) {
            return Err(what.to_owned());
        }
    }
    let text = head.trim_ascii_start();
    match text.first() {
        None => Err("is empty".to_owned()),
        Some(b'[') => {
            let row = members(text[1..].trim_ascii_start());
            let has = |name: &str| row.iter().any(|found| found == name);
            // Realms are called realm first; their users come late.
            let nested = has("realm") && !has("username");
            let container = if nested { Container::Nested } else { Container::List };
            Ok(Seen { container, root: Vec::new(), row })
        }
        Some(b'{') => Ok(look_at_object(text)),
        Some(_) => look_at_csv(text),
    }
}

fn look_at_object(text: &[u8]) -> Seen {
    let root = members(text);
    let has = |name: &str| root.iter().any(|found| found == name);
    // Users of Auth0 and Supabase have identities, too.
    let is_user = has("user_id") || (has("id") && has("identities"));
    if is_user || !HOLDERS.into_iter().any(has) {
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let alone = first.trim_ascii() == b"{";
        let container = if alone { Container::Documents } else { Container::Lines };
        return Seen { container, row: root, root: Vec::new() };
    }
    let paths: Vec<Path> =
        Format::ALL.iter().flat_map(|(format, _)| format.paths()).copied().collect();
    let first = Elements::new(text, paths).next().and_then(Result::ok);
    let row = first.as_ref().and_then(|frame| frame.bytes()).map(members).unwrap_or_default();
    Seen { container: Container::List, root, row }
}

fn look_at_csv(text: &[u8]) -> Result<Seen, String> {
    let first = Records::new(text).next().and_then(Result::ok);
    let record = first.as_ref().and_then(|frame| std::str::from_utf8(frame.bytes()?).ok());
    let row = record.and_then(fields).ok_or("is neither JSON nor CSV")?;
    // Firebase: id, address, and whether it is verified.
    let flag = row.get(2).is_some_and(|third| matches!(third.as_str(), "true" | "false"));
    let container = if flag && row.len() >= 27 { Container::Headless } else { Container::Csv };
    let row = row.iter().map(|name| name.trim().to_owned()).collect();
    Ok(Seen { container, root: Vec::new(), row })
}

/// The names of an object's members, as far as it is there.
fn members(text: &[u8]) -> Vec<String> {
    let (mut names, mut depth, mut name) = (Vec::new(), 0, true);
    let mut place = 0;
    while let Some(byte) = text.get(place) {
        match byte {
            b'"' => {
                let Some(length) = string(&text[place..]) else { return names };
                let quoted = &text[place..place + length];
                if depth == 1
                    && name
                    && let Ok(Value::String(name)) = serde_json::from_slice(quoted)
                {
                    names.push(name);
                }
                place += length - 1;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b':' if depth == 1 => name = false,
            b',' if depth == 1 => name = true,
            _ => {}
        }
        place += 1;
        if depth <= 0 {
            break;
        }
    }
    names
}

/// The length of a string with its quotes.
fn string(text: &[u8]) -> Option<usize> {
    let mut place = 1;
    loop {
        match text.get(place)? {
            b'"' => return Some(place + 1),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

fn recognise(seen: &Seen) -> Option<(Format, String)> {
    let root = |name: &str| seen.root.iter().any(|found| found == name);
    let row = |name: &str| seen.row.iter().any(|found| found == name);
    let by_row = |format, name: &str| Some((format, format!("its rows have {name}")));
    let by_root = |format, name: &str| Some((format, format!("it has {name}")));
    match seen.container {
        Container::Headless => {
            return Some((
                Format::Firebase,
                "CSV without a header, as auth:export writes it".into(),
            ));
        }
        Container::Csv => {
            let ours = row("email") && seen.row.iter().all(|name| MEMBERS.contains(&name.as_str()));
            return if row("encrypted_password") {
                by_row(Format::Supabase, "encrypted_password")
            } else {
                ours.then(|| (Format::Csv, "its header has our names".to_owned()))
            };
        }
        Container::Nested => return by_row(Format::Keycloak, "realm"),
        Container::Lines | Container::Documents | Container::List => {}
    }
    for name in ["orgs", "dataOrgs", "data_orgs"] {
        if root(name) {
            return by_root(Format::Zitadel, name);
        }
    }
    if root("realm") {
        return by_root(Format::Keycloak, "realm");
    }
    for (format, marks) in MARKS {
        if marks.iter().all(|name| row(name)) {
            return by_row(*format, &marks.join(" and "));
        }
    }
    let ours = |names: &[&str]| {
        !seen.row.is_empty() && seen.row.iter().all(|name| names.contains(&name.as_str()))
    };
    if ours(&MEMBERS) && row("email") {
        return Some((Format::JsonLines, "its rows have our names".to_owned()));
    }
    (ours(&UNWRAPPED) && row("row"))
        .then(|| (Format::JsonLines, "it is a file of rejects".to_owned()))
}

/// Members that one system's users have, and no other's. The first that fit.
const MARKS: &[(Format, &[&str])] = &[
    (Format::Firebase, &["localId"]),
    (Format::Kratos, &["schema_id", "traits"]),
    (Format::Supabase, &["encrypted_password"]),
    (Format::Supabase, &["raw_user_meta_data"]),
    (Format::Supabase, &["app_metadata", "aud"]),
    (Format::Keycloak, &["createdTimestamp"]),
    (Format::Zitadel, &["userId", "human"]),
    (Format::Zitadel, &["userId", "machine"]),
    (Format::Auth0, &["user_id", "email"]),
    (Format::Auth0, &["user_id", "identities"]),
    (Format::Auth0, &["_id", "passwordHash"]),
    (Format::Auth0, &["custom_password_hash"]),
    (Format::Auth0, &["app_metadata"]),
    (Format::Auth0, &["user_metadata"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_seen_where_nothing_is_known() {
        for (head, said) in [
            ("", "is empty"),
            ("\n \r\n", "is empty"),
            ("\u{1f}\u{8b}", "is of no format that is known. It is CSV that begins with"),
            ("{\"people\":[{\"a\":1}]}", "It is JSON whose rows have people."),
            ("[{\"name\":\"x\",\"mail\":\"y\"}]", "It is JSON whose rows have name, mail."),
            ("name;mail\nx;y\n", "It is CSV that begins with name;mail."),
            ("-----BEGIN PGP MESSAGE-----", "is encrypted with PGP"),
            ("PK\u{3}\u{4}", "is a ZIP archive"),
            ("{\"users\":[]}", "It is JSON with users."),
            ("\"a", "is neither JSON nor CSV"),
        ] {
            let error = detect(head.as_bytes(), None).unwrap_err();
            assert!(error.contains(said), "{head:?}: {error}");
        }
        assert!(detect(b"\x1f\x8b\x08", None).unwrap_err().contains("gzip"));
        assert!(detect(b"\xff\xfe{\0", None).unwrap_err().contains("UTF-16"));
    }

    #[test]
    fn a_file_of_another_format_than_was_said_is_named() {
        let auth0 = br#"{"user_id":"auth0|1","email":"a@example.com"}"#;
        let error = detect(auth0, Some(Format::Firebase)).unwrap_err();
        assert_eq!(
            error,
            "is not of the format firebase: it looks like auth0 (its rows have user_id and email)"
        );
        let csv = detect(b"a,b\n", Some(Format::Keycloak)).unwrap_err();
        assert_eq!(csv, "is not of the format keycloak. It is CSV that begins with a, b.");
        assert!(detect(b"{\"email\":\"a\"}", Some(Format::Csv)).is_err());
    }

    #[test]
    fn members_are_found_also_where_the_head_ends() {
        let names = members(br#"{"a":{"b":[1,"c:"]},"d\"":"e,","f":["g"#);
        assert_eq!(names, ["a", "d\"", "f"]);
    }
}
