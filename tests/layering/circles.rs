//! Circles: of two files that need each other none can be read, or changed, by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    paths::{Names, names},
    source::code,
};

/// Modules by their path from the root of the crate, which is empty; the file of each, and what it names.
struct Modules(BTreeMap<Vec<String>, (String, Names)>);

/// What uses what, in one folder, and by which path.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

impl Modules {
    fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let module = |(file, text): (String, String)| {
            let stem = file.trim_end_matches(".rs");
            let stem = stem.strip_suffix("/mod").unwrap_or(stem);
            let path: Vec<_> = match stem {
                "lib" => Vec::new(),
                stem => stem.split('/').map(str::to_owned).collect(),
            };
            (path, (file, names(without_tests(&text))))
        };
        Self(files.into_iter().filter(|(file, _)| is_code(file)).map(module).collect())
    }

    /// The module that holds what `path` names in `from`: the one that declares it, not one that passes it on. None for what is
    /// of another crate.
    fn holder(&self, from: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let [first, rest @ ..] = path else { return Some(from.to_vec()) };
        let child = || in_files([from, std::slice::from_ref(first)].concat());
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.to_vec(),
            "super" => from.split_last()?.1.to_vec(),
            _ if self.0.contains_key(&child()) => child(),
            name => {
                let import = self.0.get(from)?.1.imports.get(name)?;
                // A macro that is made one of the module's names.
                if import.len() == 1 || depth == 0 {
                    return Some(from.to_vec());
                }
                let import = [import, rest].concat();
                return self.holder(from, &import, depth - 1);
            }
        };
        // What is not found there is declared there.
        self.holder(&start, rest, depth).or(Some(start))
    }

    /// The modules that `module` takes something from, and by which path. What it only passes on to others it does not take.
    fn used_by(&self, module: &[String]) -> Vec<(Vec<String>, String)> {
        let Some((_, names)) = self.0.get(module) else { return Vec::new() };
        let imports = names.imports.iter().filter(|(name, _)| names.words.contains(*name));
        let paths = imports.map(|(_, path)| path).chain(&names.unnamed).chain(&names.paths);
        paths.filter_map(|path| Some((self.holder(module, path, 16)?, path.join("::")))).collect()
    }

    /// What each of a folder's modules, and the folder's own file (`mod`), takes from the others.
    fn uses_in(&self, folder: &[String]) -> Uses {
        let place = |module: &[String]| {
            let below = module.strip_prefix(folder)?;
            Some(below.first().map_or_else(|| "mod".to_owned(), Clone::clone))
        };
        let mut uses = Uses::new();
        for module in self.0.keys() {
            let Some(user) = place(module) else { continue };
            for (used, path) in self.used_by(module) {
                let used = place(&used).filter(|used| *used != user);
                uses.entry(user.clone()).or_default().extend(used.map(|used| (used, path)));
            }
        }
        uses
    }

    fn folders(&self) -> BTreeSet<Vec<String>> {
        self.0.keys().filter_map(|module| Some(module.split_last()?.1.to_vec())).collect()
    }
}

/// Each database compiles the statements as a module of its own; their files are one folder beside both.
fn in_files(module: Vec<String>) -> Vec<String> {
    match module.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["store", "postgres" | "sqlite", "queries"] => vec!["store".into(), "queries".into()],
        _ => module,
    }
}

fn is_code(file: &str) -> bool {
    !file.ends_with("tests.rs") && file != "main.rs"
}

/// Tests use what they test, and what it uses.
fn without_tests(text: &str) -> &str {
    let ends = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(super) mod tests {"];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    &text[..end.unwrap_or(text.len())]
}

/// A circle, if there is one: its modules, each of which uses one of the others, and is used by one.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    let mut left = uses.clone();
    loop {
        let used: BTreeSet<_> = left.values().flat_map(BTreeMap::keys).cloned().collect();
        let before = left.len();
        left.retain(|module, _| used.contains(module));
        let users: BTreeSet<_> = left.keys().cloned().collect();
        for used in left.values_mut() {
            used.retain(|module, _| users.contains(module));
        }
        left.retain(|_, used| !used.is_empty());
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(
                left.into_iter().map(|(user, used)| format!("{user} -> {used:?}")).collect(),
            );
        }
    }
}

#[test]
fn no_circle_leads_from_file_to_file_of_a_folder_or_from_folder_to_folder() {
    let modules = Modules::of(code());
    let mut broken = Vec::new();
    for folder in modules.folders() {
        if let Some(circle) = circle(&modules.uses_in(&folder)) {
            broken.push(format!("src/{}:\n  {}", folder.join("/"), circle.join("\n  ")));
        }
    }
    assert!(broken.is_empty(), "there are circles in\n{}", broken.join("\n"));
}

#[test]
fn this_test_sees_circles() {
    let circle_of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let modules = Modules::of(files);
        assert!(modules.folders().len() > 1, "the folder was not found");
        modules.folders().iter().find_map(|folder| circle(&modules.uses_in(folder)))
    };
    let users = (
        "a/users.rs",
        "use super::{\n    Connection, claims::{self, prove},\n};\nfn f() { prove(claims::C) }",
    );
    let map = ("a/mod.rs", "mod users;\npub use self::users::User;\nuse super::Connection;");
    let claims = |text| ("a/claims.rs", text);
    assert_eq!(
        circle_of(&[map, users, claims("use super::Connection;\nfn f(c: Connection) {}")]),
        None
    );
    // Directly, by what another file passes on, from the root, from within a folder below, and of the folder's own file.
    for text in [
        "fn f() { super::users::g() }",
        "use super::User;\nfn f(u: User) {}",
        "use crate::a::{self, Other};\nfn f(u: a::User) {}",
    ] {
        assert_eq!(circle_of(&[map, users, claims(text)]).unwrap().len(), 2, "{text}");
    }
    let below = ("a/claims/b.rs", "use crate::a::users::g as h;\nfn f() { h() }");
    assert!(circle_of(&[map, users, claims("mod b;"), below]).is_some());
    let own = ("a/mod.rs", "mod users;\nuse self::users::User;\npub struct X(User);");
    assert!(circle_of(&[own, ("a/users.rs", "fn f(x: super::X) {}")]).is_some());
    assert_eq!(circle_of(&[own, ("a/users.rs", "fn f(x: super::super::X) {}")]), None);
}
