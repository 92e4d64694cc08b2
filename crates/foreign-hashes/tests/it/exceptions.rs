//! The rows on which we answer otherwise than the library, each kind with its reason and the number of its rows.

use super::vectors::Vector;

pub(crate) struct Exception {
    pub(crate) why: &'static str,
    pub(crate) rows: usize,
    applies: fn(&Vector, &str, theirs: Option<bool>, ours: bool) -> bool,
}

pub(crate) const EXCEPTIONS: [Exception; 5] = [
    Exception {
        why: "PHP cuts a password at a NUL; Go, Python and Rust count every byte of the same text, Ruby and passlib refuse. \
              Cut or repeated, `P NUL tail` would log in as `P`",
        rows: 14,
        applies: |vector, password, theirs, ours| {
            let php = vector.library.contains("PHP");
            php && password.contains('\0') && theirs == Some(true) && !ours
        },
    },
    Exception {
        why: "Spring refuses the empty password before it looks at the text, which other libraries write and verify alike; a \
              login without a password is refused before any hash is read",
        rows: 7,
        applies: |vector, password, theirs, ours| {
            let spring = vector.library.starts_with("spring");
            spring && password.is_empty() && theirs == Some(false) && ours
        },
    },
    Exception {
        why: "Python's bcrypt 5.0 raises an error over 72 bytes; 4.x and all others cut there, and the text may be theirs",
        rows: 5,
        applies: |vector, password, theirs, ours| {
            let bcrypt_5 = vector.library.contains("bcrypt 5.0.0");
            bcrypt_5 && password.len() > 72 && theirs.is_none() && ours
        },
    },
    Exception {
        why: "Laravel raises an error for letters that it does not write; PHP below it verifies them",
        rows: 4,
        applies: |vector, _, theirs, ours| {
            let laravel = vector.library.starts_with("Laravel");
            laravel && !vector.stored.starts_with("$2y$") && theirs.is_none() && ours
        },
    },
    Exception {
        why: "80 hexadecimal digits are of Spring's pbkdf2 (v5_5) or of its StandardPasswordEncoder, which is not supported: \
              taken for the former, no password matches",
        rows: 2,
        applies: |vector, _, theirs, ours| {
            vector.format == "spring sha256 (Standard)" && theirs == Some(true) && !ours
        },
    },
];

/// The place of the exception for this row.
pub(crate) fn exception(
    vector: &Vector,
    password: &str,
    theirs: Option<bool>,
    ours: bool,
) -> Option<usize> {
    EXCEPTIONS.iter().position(|exception| (exception.applies)(vector, password, theirs, ours))
}
