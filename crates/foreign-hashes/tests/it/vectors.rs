//! What real libraries answer: `tests/vectors/answers.jsonl`.
//!
//! Its first line has the passwords. Each other line has a text that a library wrote, what was beside it, and the library's
//! answers: the password's place in the first line, and true, false, or null where it raised an error.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use foreign_hashes::HashParameters;
use serde::Deserialize;

#[derive(Deserialize)]
struct Header {
    passwords: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) library: String,
    pub(crate) format: String,
    pub(crate) stored: String,
    #[serde(default)]
    pub(crate) parameters: HashParameters,
    answers: Vec<(usize, Option<bool>)>,
    #[serde(skip)]
    passwords: Vec<String>,
}

impl Vector {
    /// The passwords that were tried, each with the library's answer.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&str, Option<bool>)> {
        self.answers.iter().map(|(place, answer)| (self.passwords[*place].as_str(), *answer))
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/answers.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let Header { passwords } = serde_json::from_str(lines.next().unwrap()).unwrap();
    let vector =
        |line| Vector { passwords: passwords.clone(), ..serde_json::from_str(line).unwrap() };
    lines.map(vector).collect()
}

/// Does `work` for each, on every core.
pub(crate) fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}
