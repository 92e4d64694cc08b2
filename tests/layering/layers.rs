//! The modules of the crate, and which may use which.

use std::fs;

use super::source::{code, source_folder};

/// All modules, the lowest first, and what each may use of those before it.
const LAYERS: [(&str, &[&str]); 22] = [
    ("pb", &[]),
    ("trace", &[]),
    ("domain", &[]),
    ("dial", &[]),
    ("log_filter", &[]),
    ("listen", &["domain"]),
    ("token", &["domain"]),
    ("passkey", &["domain"]),
    ("password", &["trace", "domain"]),
    ("delivery", &["trace", "domain", "dial"]),
    ("fetch", &["trace", "domain", "dial"]),
    ("store", &["trace", "domain"]),
    (
        "service",
        &[
            "trace",
            "domain",
            "log_filter",
            "token",
            "passkey",
            "password",
            "delivery",
            "fetch",
            "store",
        ],
    ),
    (
        "config",
        &["trace", "domain", "dial", "listen", "token", "passkey", "password", "delivery", "store"],
    ),
    ("telemetry", &["trace", "domain", "log_filter", "store", "config"]),
    ("otlp", &["trace", "dial", "config", "telemetry"]),
    ("edge", &["trace", "domain", "store", "service", "telemetry"]),
    ("grpc", &["pb", "listen", "domain", "token", "service", "telemetry", "edge"]),
    ("gateway", &["pb", "domain", "service", "edge", "grpc"]),
    (
        "http",
        &[
            "trace",
            "pb",
            "listen",
            "domain",
            "delivery",
            "token",
            "service",
            "telemetry",
            "edge",
            "gateway",
        ],
    ),
    (
        "app",
        &[
            "trace",
            "domain",
            "log_filter",
            "listen",
            "token",
            "passkey",
            "password",
            "delivery",
            "store",
            "service",
            "config",
            "telemetry",
            "grpc",
            "edge",
            "gateway",
            "http",
            "fetch",
        ],
    ),
    (
        "cli",
        &[
            "trace",
            "otlp",
            "domain",
            "log_filter",
            "listen",
            "token",
            "password",
            "store",
            "service",
            "config",
            "telemetry",
            "grpc",
            "edge",
            "app",
        ],
    ),
];

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

/// A layer that may use what it does not use is a door that is left open.
#[test]
fn each_layer_uses_all_that_it_may() {
    let code = code();
    for (module, below) in LAYERS {
        let own = |file: &str| file.split(['/', '.']).next() == Some(module);
        let own = code.iter().filter(|(file, _)| own(file));
        let used: Vec<_> = own.flat_map(|(_, text)| modules_used(text)).collect();
        let unused: Vec<_> =
            below.iter().filter(|below| !used.contains(&(**below).to_owned())).collect();
        assert!(unused.is_empty(), "{module} uses nothing of {unused:?}: take them off the list");
    }
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

/// The modules of ours that a source names: `crate::a…` and those of `use crate::{a…, b…}`.
fn modules_used(text: &str) -> Vec<String> {
    names_after(text, "crate::")
}

/// What a source names behind a path: `path::a…` and those of `path::{a…, b…}`.
pub(super) fn names_after(text: &str, path: &str) -> Vec<String> {
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
