//! How long a file may be.

use std::{fs, path::Path};

use super::source::sources;

/// Lines, with a file's own tests (CONTRIBUTING.md, "Style").
const LONGEST: usize = 400;

#[test]
fn no_file_is_longer_than_one_can_read_at_a_time() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "crates"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 400, "the sources were not found");
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}
