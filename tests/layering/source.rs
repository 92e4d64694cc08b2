//! The sources, and what stands in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::tokens::{Token, tokens};

/// All sources of Rust below `folder`.
pub(super) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

pub(super) fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Each source below `src`: its path there, and its lines of code, tests and comments left out.
pub(super) fn code() -> Vec<(String, String)> {
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

/// The string literals of a source, with the lines that a backslash continues made one.
pub(super) fn strings(text: &str) -> Vec<String> {
    let texts = tokens(text).into_iter().filter_map(|token| match token {
        Token::Text(text) => Some(text.replace("\\\n", " ")),
        Token::Word(_) | Token::Mark(_) => None,
    });
    texts.collect()
}
