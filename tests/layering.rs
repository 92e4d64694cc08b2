//! Which module may use what. The rules are those of the crate's documentation; this fails where one is broken.

#![expect(clippy::unwrap_used, reason = "a test that can't go on must fail")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A word that may appear only below these places.
struct Rule {
    word: &'static str,
    only_in: &'static [&'static str],
}

const RULES: [Rule; 20] = [
    Rule { word: "tonic::", only_in: &["grpc/", "app.rs", "pb.rs", "pb/"] },
    Rule { word: "tonic_", only_in: &["grpc/", "app.rs", "pb/"] },
    Rule { word: "axum::", only_in: &["http/"] },
    Rule { word: "tower::", only_in: &["delivery/tcp.rs", "edge/", "grpc/"] },
    Rule { word: "sqlx::", only_in: &["store/"] },
    // In `queries`, a savepoint of a write: nothing would end a transaction that is left open on one of SQLite's readers.
    Rule {
        word: ".begin(",
        only_in: &[
            "store/postgres/pooler.rs",
            "store/postgres/transaction.rs",
            "store/sqlite/",
            "store/queries/statements/completion.rs",
            "store/queries/statements/reset.rs",
        ],
    },
    Rule { word: "bcrypt::", only_in: &["password/"] },
    Rule { word: "bcrypt_lanes::", only_in: &["password/"] },
    Rule { word: "jsonwebtoken::", only_in: &["token/"] },
    Rule { word: "lettre::", only_in: &["delivery/"] },
    Rule { word: "minijinja::", only_in: &["delivery/"] },
    Rule { word: "totp_rs::", only_in: &["domain/"] },
    Rule { word: "qrcode::", only_in: &["domain/"] },
    Rule { word: "png::", only_in: &["domain/"] },
    Rule { word: "std::env", only_in: &["config/"] },
    Rule { word: "anyhow::", only_in: &["cli/", "main.rs"] },
    Rule { word: "println!", only_in: &["main.rs"] },
    // Events are appended, and removed when they are old: nothing else becomes of them.
    Rule { word: "INTO events", only_in: &["store/queries/statements/events.rs"] },
    Rule { word: "UPDATE events", only_in: &[] },
    Rule { word: "DELETE FROM events", only_in: &["store/queries/statements/housekeeping.rs"] },
];

/// All modules, the lowest first, and what each may use of those before it.
const LAYERS: [(&str, &[&str]); 16] = [
    ("pb", &[]),
    ("domain", &[]),
    ("dial", &[]),
    ("listen", &["domain"]),
    ("token", &["domain"]),
    ("password", &["domain"]),
    ("delivery", &["domain", "dial"]),
    ("store", &["domain"]),
    ("service", &["domain", "token", "password", "delivery", "store"]),
    ("config", &["domain", "token", "password", "delivery", "store"]),
    ("telemetry", &["domain", "store", "config"]),
    ("edge", &["domain", "store", "service", "telemetry"]),
    ("grpc", &["pb", "listen", "domain", "token", "service", "telemetry", "edge"]),
    ("http", &["domain", "listen", "service", "telemetry", "edge"]),
    (
        "app",
        &[
            "domain",
            "listen",
            "token",
            "password",
            "delivery",
            "store",
            "service",
            "config",
            "telemetry",
            "grpc",
            "http",
        ],
    ),
    ("cli", &["domain", "password", "store", "service", "config", "telemetry", "grpc", "app"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Each source below `src`: its path there, and its lines of code, tests and comments left out.
fn code() -> Vec<(String, String)> {
    let root = source_folder();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

#[test]
fn each_library_has_its_place() {
    let mut broken = Vec::new();
    for (file, text) in code() {
        for Rule { word, only_in } in &RULES {
            if text.contains(word) && !only_in.iter().any(|place| file.starts_with(place)) {
                broken.push(format!("src/{file} uses {word}, which belongs in {only_in:?}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The other rules look for names: these would hide them.
#[test]
fn nothing_is_reached_under_another_name() {
    let libraries = RULES.iter().filter_map(|rule| rule.word.strip_suffix("::"));
    let aliases: Vec<_> =
        libraries.flat_map(|name| [format!("use {name} "), format!("use {name};")]).collect();
    let mut broken = Vec::new();
    for (file, text) in code() {
        let top_of_a_layer = file.ends_with("/mod.rs") && file.matches('/').count() == 1;
        if text.contains("super::super") || (top_of_a_layer && text.contains("super::")) {
            broken.push(format!("src/{file} reaches another module by super, not by crate"));
        }
        if let Some(alias) = aliases.iter().find(|alias| text.contains(alias.as_str())) {
            broken.push(format!("src/{file} hides a library: {alias}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_layer_uses_only_those_below_it() {
    let mut broken = Vec::new();
    for (file, text) in code() {
        let own = file.split(['/', '.']).next().unwrap();
        let below = LAYERS.iter().find(|(module, _)| *module == own);
        // main.rs and lib.rs are no modules, and use none by `crate::`.
        let below = below.map_or(&[][..], |(_, below)| below);
        for module in modules_used(&text) {
            if module != own && !below.contains(&module.as_str()) {
                broken.push(format!("src/{file} uses {module}, which {own} may not"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_module_has_its_layer_above_all_that_it_uses() {
    let root = fs::read_to_string(source_folder().join("lib.rs")).unwrap();
    let declared = |line: &str| Some(line.split_once("mod ")?.1.strip_suffix(';')?.to_owned());
    let mut modules: Vec<_> = root.lines().filter_map(declared).collect();
    let mut layers: Vec<_> = LAYERS.iter().map(|(module, _)| *module).collect();
    for (place, (module, below)) in LAYERS.iter().enumerate() {
        for used in *below {
            assert!(layers[..place].contains(used), "{module} uses {used}, which is not below it");
        }
    }
    modules.sort();
    layers.sort_unstable();
    assert_eq!(modules, layers);
}

#[test]
fn nothing_is_unsafe() {
    let mut roots = 0;
    for (file, text) in code() {
        let mut words =
            text.split(|character: char| !character.is_alphanumeric() && character != '_');
        assert!(!words.any(|word| word == "unsafe"), "src/{file} is unsafe");
        if ["lib.rs", "main.rs"].contains(&file.as_str()) {
            roots += 1;
            assert!(text.contains("#![forbid(unsafe_code)]"), "src/{file} does not forbid it");
        }
    }
    assert_eq!(roots, 2);
}

/// A prepared statement with a star fails on older replicas once a newer release adds a column: `SELECT *`, `RETURNING *`,
/// `users.*`, in whatever case and over however many lines. `COUNT(*)` counts rows.
#[test]
fn no_statement_names_its_columns_by_a_star() {
    let mut statements = 0;
    for (name, text) in code() {
        for sql in strings(&text).into_iter().filter(|text| is_sql(text)) {
            statements += 1;
            assert!(!has_star(&sql), "src/{name} has a star in `{sql}`: name the columns");
        }
    }
    assert!(statements > 150, "the statements were not found: {statements}");
}

fn is_sql(text: &str) -> bool {
    let words = ["SELECT", "INSERT", "UPDATE", "DELETE", "RETURNING", "FROM", "JOIN"];
    // `user_delete` is the name of an operation.
    let other = |c: char| !c.is_alphanumeric() && c != '_';
    text.to_uppercase().split(other).any(|word| words.contains(&word))
}

fn has_star(sql: &str) -> bool {
    let sql: String = sql.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    sql.match_indices('*').any(|(place, _)| {
        let before = sql[..place].trim_end();
        before.ends_with('.')
            || before.ends_with(',')
            || ["SELECT", "RETURNING", "DISTINCT", "ALL"].iter().any(|word| before.ends_with(word))
    })
}

/// The string literals of a source, with the lines that a backslash continues made one.
fn strings(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find('"') {
        let hashes = rest[..start].len() - rest[..start].trim_end_matches('#').len();
        let raw = rest[..start - hashes].ends_with('r');
        let is_char = rest[..start].ends_with('\'') || rest[..start].ends_with("'\\");
        rest = &rest[start + 1..];
        if is_char {
            continue;
        }
        let close = format!("\"{}", "#".repeat(hashes));
        let mut end = 0;
        loop {
            let Some(next) = rest[end..].find(close.as_str()) else { return found };
            end += next;
            let escapes = rest[..end].len() - rest[..end].trim_end_matches('\\').len();
            if raw || escapes % 2 == 0 {
                break;
            }
            end += 1;
        }
        found.push(rest[..end].replace("\\\n", " "));
        rest = &rest[end + close.len()..];
    }
    found
}

#[test]
fn this_test_sees_stars() {
    for star in [
        "SELECT * FROM users",
        "select  *\n from users",
        "DELETE FROM users RETURNING *",
        "SELECT users.* FROM users",
        "SELECT id, * FROM users",
        "SELECT DISTINCT * FROM users",
    ] {
        assert!(is_sql(star) && has_star(star), "{star}");
    }
    assert!(!has_star("SELECT COUNT(*), 2 * turn FROM outbox"));
    let text = "let a = \"SELECT \\\n     *\"; let c = '\"'; let b = r#\"x \"y\" z\"#; f(\"\\\"\")";
    assert_eq!(strings(text), ["SELECT       *", "x \"y\" z", "\\\""]);
}

/// A statement by another way than the doors of its store would be neither measured nor given up, and its connection not judged.
#[test]
fn statements_go_through_the_doors_and_each_operation_has_a_name_of_its_own() {
    let (mut names, mut broken) = (Vec::new(), Vec::new());
    for (file, text) in code().into_iter().filter(|(file, _)| file.starts_with("store/")) {
        if file.starts_with("store/queries/") {
            let around = [".acquire(", "reader", "pool", "fetch_all(self", "execute(self"];
            broken.extend(
                around
                    .iter()
                    .filter(|way| text.contains(**way))
                    .map(|way| format!("src/{file} goes past the doors by `{way}`")),
            );
        }
        // As rustfmt breaks it, or on one line.
        let calls: String = text.split_whitespace().collect();
        for door in ["self.read(\"", "self.write(\"", "self.read_within(CHECK_PATIENCE,\""] {
            for (place, _) in calls.match_indices(door) {
                let name = calls[place + door.len()..].split('"').next().unwrap_or_default();
                names.push((name.to_owned(), file.clone()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(names.len() > 70, "the operations were not found: {names:?}");
    names.sort();
    for pair in names.windows(2) {
        // Each database checks itself by its own write.
        let same = pair[0].0 == pair[1].0 && pair[0].0 != "write_check";
        assert!(!same, "{pair:?} have one name");
    }
    let odd =
        names.iter().find(|(name, _)| !name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    assert_eq!(odd, None);
}

/// Of two files that need each other none can be read, or changed, by itself. What implements a trait needs statements of
/// several topics, and nothing needs it.
#[test]
fn no_circle_leads_from_file_to_file_of_the_statements() {
    let folder = "store/queries/statements/";
    let files: Vec<_> = code()
        .into_iter()
        .filter_map(|(file, text)| Some((file.strip_prefix(folder)?.to_owned(), text)))
        .filter(|(file, _)| file != "mod.rs")
        .map(|(file, text)| (file.trim_end_matches(".rs").to_owned(), text))
        .collect();
    assert!(files.len() > 20, "the statements were not found");
    assert_eq!(circle(&siblings(&files)), None);
    for (file, text) in code().into_iter().filter(|(file, _)| file.starts_with("store/queries/")) {
        let sql = strings(&text).iter().any(|text| is_sql(text));
        let shared = text.contains("impl") && text.contains("for Backend {");
        assert!(!(sql && shared), "src/{file} implements a trait, and has a statement");
    }
}

/// What each file takes from those beside it.
fn siblings(files: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    let uses = |text: &str| {
        let imports = text.split("use super::").skip(1).filter_map(|rest| rest.split(';').next());
        let words: Vec<_> = imports
            .flat_map(|import| import.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .map(str::to_owned)
            .collect();
        names.iter().filter(|name| words.contains(name)).cloned().collect()
    };
    files.iter().map(|(name, text)| (name.clone(), uses(text))).collect()
}

/// A circle, if there is one: what is left when whatever uses nothing that is left has gone.
fn circle(uses: &[(String, Vec<String>)]) -> Option<Vec<String>> {
    let mut left: Vec<_> = uses.iter().collect();
    loop {
        let names: Vec<_> = left.iter().map(|(name, _)| name.clone()).collect();
        let before = left.len();
        left.retain(|(_, uses)| uses.iter().any(|used| names.contains(used)));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(names);
        }
    }
}

#[test]
fn this_test_sees_circles() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let (users, claims) = (
        file("users", "use super::{\n    Connection, claims::{self, prove},\n};"),
        "use super::users;",
    );
    assert_eq!(circle(&siblings(&[users.clone(), file("claims", "use super::Connection;")])), None);
    let circle = circle(&siblings(&[users, file("claims", claims), file("events", "")]));
    assert_eq!(circle.unwrap(), ["users", "claims"]);
}

/// The modules of ours that a source names: `crate::a…` and those of `use crate::{a…, b…}`.
fn modules_used(text: &str) -> Vec<String> {
    names_after(text, "crate::")
}

/// What a source names behind a path: `path::a…` and those of `path::{a…, b…}`.
fn names_after(text: &str, path: &str) -> Vec<String> {
    let word = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut modules = Vec::new();
    for (place, _) in text.match_indices(path) {
        let rest = &text[place + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.push(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && !character.is_whitespace() => {
                    modules.push(word(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    modules
}

#[test]
fn this_test_sees_what_it_looks_for() {
    assert!(code().len() > 40, "the sources were not found");
    let text =
        "use crate::{\n    domain::{A, b::C},\n    store::D,\n};\nfn f() { crate::token::g() }";
    assert_eq!(modules_used(text), ["domain", "store", "token"]);
}

/// The parts of the service, the lowest first, and which of those before it each uses (ADR 31).
const PARTS: [(&str, &[&str]); 11] = [
    ("outbox", &[]),
    ("limits", &["outbox"]),
    ("sessions", &["outbox", "limits"]),
    ("revocations", &[]),
    ("keys", &[]),
    ("factors", &["outbox", "limits", "sessions"]),
    ("mailbox", &["outbox", "limits", "sessions"]),
    ("account", &["outbox", "limits", "sessions", "factors", "mailbox"]),
    ("login", &["outbox", "limits", "sessions", "factors"]),
    ("admin", &["outbox"]),
    ("upkeep", &["keys"]),
];

/// What all parts share: these use no part.
const SHARED: [&str; 6] = ["Clock", "Error", "codes", "error", "fields", "known"];

/// A part that reaches for one above it, or for a name that the service shows to others, would make a circle of them.
#[test]
fn each_part_of_the_service_uses_only_those_below_it() {
    let mut broken = Vec::new();
    let mut used = Vec::new();
    for (file, text) in code() {
        let Some(inner) = file.strip_prefix("service/") else { continue };
        let Some((own, below)) = inner.split_once('/') else {
            let names = names_after(&text, "super::");
            let own = names.iter().find(|name| !SHARED.contains(&name.as_str()));
            assert!(inner == "mod.rs" || own.is_none(), "src/{file} uses {own:?}");
            continue;
        };
        if below == "mod.rs" && text.contains("super::") {
            broken.push(format!("src/{file} reaches another part by super, not by crate"));
        }
        used.extend(
            names_after(&text, "service::")
                .into_iter()
                .map(|name| (own.to_owned(), name, file.clone())),
        );
    }
    for (own, name, file) in &used {
        let below = PARTS.iter().find(|(part, _)| part == own).map_or(&[][..], |(_, below)| below);
        if name != own && !SHARED.contains(&name.as_str()) && !below.contains(&name.as_str()) {
            broken.push(format!("src/{file} uses {name}, which {own} may not"));
        }
    }
    for (place, (part, below)) in PARTS.iter().enumerate() {
        for name in *below {
            let is_before = PARTS[..place].iter().any(|(before, _)| before == name);
            assert!(is_before, "{part} uses {name}, which is not below it");
            let uses = used.iter().any(|(own, used, _)| own == part && used == name);
            assert!(uses, "{part} may use {name}, and does not");
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_part_of_the_service_has_its_place() {
    let folder = source_folder().join("service");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries.filter(|path| path.is_dir());
    let mut found: Vec<_> =
        folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let mut parts: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
    found.sort();
    parts.sort_unstable();
    assert_eq!(found, parts);
}

/// The words that people search for, and where they must lead.
const WORDS: [(&str, &str); 13] = [
    ("rate limit", "domain/throttle.rs"),
    ("rate limit", "service/limits/budget.rs"),
    ("rate limit", "service/limits/sources.rs"),
    ("brute force", "service/limits/budget.rs"),
    ("brute force", "store/queries/statements/rules.rs"),
    ("timing", "service/mailbox/code.rs"),
    ("timing attack", "password/mod.rs"),
    ("idempotent", "service/account/register.rs"),
    ("idempotent", "store/queries/statements/rotation.rs"),
    ("load shedding", "password/engine/admission.rs"),
    ("backpressure", "password/engine/mod.rs"),
    ("race", "store/queries/statements/rotation.rs"),
    ("race", "service/login/verify_2fa.rs"),
];

#[test]
fn the_words_that_people_search_for_lead_to_what_they_mean() {
    for (word, file) in WORDS {
        let text = fs::read_to_string(source_folder().join(file)).unwrap().to_lowercase();
        assert!(text.contains(word), "src/{file} does not say \"{word}\"");
    }
}
