//! The parts of the service, and which may use which.

use std::fs;

use super::{
    layers::names_after,
    source::{code, source_folder},
};

/// The parts of the service, the lowest first, and which of those before it each uses (ADR 31).
const PARTS: [(&str, &[&str]); 21] = [
    ("outbox", &[]),
    ("limits", &["outbox"]),
    ("sessions", &["outbox", "limits"]),
    ("revocations", &["sessions"]),
    ("verdicts", &["sessions", "revocations"]),
    ("authorization", &["verdicts"]),
    ("audit", &["outbox", "sessions", "revocations"]),
    ("assertions", &[]),
    ("keys", &[]),
    ("service_accounts", &["limits", "sessions", "assertions"]),
    ("ceremonies", &["limits"]),
    ("factors", &["outbox", "limits", "sessions", "ceremonies"]),
    ("passkeys", &["outbox", "sessions", "ceremonies", "factors"]),
    ("mailbox", &["outbox", "limits", "sessions"]),
    ("account", &["outbox", "limits", "sessions", "factors", "mailbox"]),
    ("login", &["outbox", "limits", "sessions", "ceremonies", "factors", "mailbox"]),
    ("managed_users", &["outbox", "limits", "sessions", "mailbox"]),
    ("transfer", &[]),
    ("admin", &["outbox"]),
    ("operations", &[]),
    ("upkeep", &["keys"]),
];

/// What all parts share: these use no part.
const SHARED: [&str; 11] = [
    "AdminError",
    "Clock",
    "Error",
    "PasskeyError",
    "ServiceError",
    "codes",
    "error",
    "fields",
    "known",
    "new_passwords",
    "retries",
];

/// A part that reaches for one above it, or for a name that the service shows to others, would make a circle of them.
#[test]
fn each_part_of_the_service_uses_only_those_below_it() {
    let mut broken = Vec::new();
    let mut used = Vec::new();
    for (file, text) in code() {
        let Some(inner) = file.strip_prefix("service/") else { continue };
        let Some((own, below)) = inner.split_once('/') else {
            let names = [names_after(&text, "super::"), names_after(&text, "service::")].concat();
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
