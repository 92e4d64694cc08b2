//! Every row of what the real libraries answer (`tests/vectors/`), against what we do.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use foreign_hashes::{ForeignHash, HashParameters};
use serde::Deserialize;

#[derive(Deserialize)]
struct Header {
    passwords: Vec<String>,
}

/// A stored text and the library's answers: the password's place in the header, and its word (nothing: an error).
#[derive(Deserialize)]
struct Vector {
    library: String,
    format: String,
    stored: String,
    #[serde(default)]
    parameters: HashParameters,
    answers: Vec<(usize, Option<bool>)>,
}

#[test]
fn every_row() {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/answers.jsonl"))
            .unwrap();
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let vectors: Vec<Vector> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let next = AtomicUsize::new(0);
    let out = Mutex::new(BTreeMap::<String, usize>::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(v) = vectors.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hash = ForeignHash::import(&v.stored, &v.parameters);
                    for (i, answer) in &v.answers {
                        let ours = hash.as_ref().map(|h| h.verify(header.passwords[*i].as_bytes()));
                        let key = match (&ours, answer) {
                            (Ok(a), Some(b)) if a == b => {
                                format!("agree {}", hash.as_ref().unwrap().format())
                            }
                            (Err(r), _) => format!("refused {r} | {} | {}", v.format, v.library),
                            (a, b) => format!(
                                "DIFFER ours {a:?} theirs {b:?} {:?} | {} | {}",
                                header.passwords[*i], v.format, v.library
                            ),
                        };
                        *out.lock().unwrap().entry(key).or_default() += 1;
                    }
                }
            });
        }
    });
    for (k, n) in out.into_inner().unwrap() {
        println!("{n:5} {k}");
    }
}
