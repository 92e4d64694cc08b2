//! Libraries, and words that stand for what only one place may do.

use super::source::code;

/// A word that may appear only below these places.
struct Rule {
    word: &'static str,
    only_in: &'static [&'static str],
}

const RULES: [Rule; 27] = [
    Rule {
        word: "tonic::",
        only_in: &["gateway/", "grpc/", "otlp/", "app/error.rs", "pb.rs", "pb/"],
    },
    Rule { word: "tonic_", only_in: &["gateway/", "grpc/", "otlp/", "app/error.rs", "pb/"] },
    Rule { word: "axum::", only_in: &["http/"] },
    Rule {
        word: "tower::",
        only_in: &["dial/tcp.rs", "edge/", "gateway/", "grpc/", "http/front.rs"],
    },
    // What a certificate says is read in one place, and TLS is spoken in few.
    Rule { word: " webpki::", only_in: &["listen/tls/certificate.rs"] },
    Rule { word: "tokio_rustls::", only_in: &["delivery/", "fetch/", "grpc/probe.rs", "listen/"] },
    Rule {
        word: "rustls::",
        only_in: &[
            "app/error.rs",
            "delivery/",
            "dial/trust.rs",
            "fetch/",
            "grpc/probe.rs",
            "listen/",
            "otlp/",
        ],
    },
    Rule { word: "sqlx::", only_in: &["store/"] },
    // In `queries`, a savepoint of a write: nothing would end a transaction that is left open on one of SQLite's readers.
    Rule {
        word: ".begin(",
        only_in: &[
            "store/postgres/pooler.rs",
            "store/postgres/transaction.rs",
            "store/sqlite/",
            "store/queries/statements/beginning.rs",
            "store/queries/statements/claims.rs",
            "store/queries/statements/completion.rs",
            "store/queries/statements/email_changes.rs",
            "store/queries/statements/pending_users.rs",
            "store/queries/statements/reset.rs",
            "store/queries/statements/user_change.rs",
            "store/queries/statements/user_creation.rs",
            "store/queries/statements/usernames.rs",
        ],
    },
    Rule { word: "bcrypt::", only_in: &["password/"] },
    Rule { word: "bcrypt_lanes::", only_in: &["password/"] },
    Rule { word: "foreign_hashes::", only_in: &["password/"] },
    Rule { word: "jsonwebtoken::", only_in: &["token/"] },
    Rule { word: "lettre::", only_in: &["delivery/"] },
    Rule { word: "minijinja::", only_in: &["delivery/"] },
    Rule { word: "totp_rs::", only_in: &["domain/"] },
    Rule { word: "qrcode::", only_in: &["domain/"] },
    Rule { word: "png::", only_in: &["domain/"] },
    Rule { word: "std::env", only_in: &["config/"] },
    Rule { word: "anyhow::", only_in: &["cli/"] },
    Rule { word: "println!", only_in: &[] },
    // Which database a URL names.
    Rule { word: "\"sqlite:\"", only_in: &["store/kind.rs"] },
    Rule { word: "\"postgres://\"", only_in: &["store/kind.rs"] },
    // The fields of a service's part are for what wires it: transports go through its methods (ADR 31).
    Rule { word: ".store.", only_in: &["app.rs", "cli/", "service/"] },
    // Events are appended, and removed when they are old: beside their number, nothing else becomes of them.
    Rule { word: "INTO events", only_in: &["store/queries/statements/events.rs"] },
    Rule { word: "UPDATE events", only_in: &["store/queries/statements/event_log.rs"] },
    Rule { word: "DELETE FROM events", only_in: &["store/queries/statements/housekeeping.rs"] },
];

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

/// A place where nothing is would hide that something is put there.
#[test]
fn each_place_of_a_library_is_used() {
    let code = code();
    for Rule { word, only_in } in &RULES {
        for place in *only_in {
            let used =
                code.iter().any(|(file, text)| file.starts_with(place) && text.contains(word));
            assert!(used, "nothing in src/{place} uses {word}: take it off the list");
        }
    }
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
