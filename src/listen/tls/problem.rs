//! What is wrong with a file.

use std::{fmt, path::PathBuf};

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The certificate and its chain.
    Certificate,
    /// The private key.
    Key,
    /// The authorities of client certificates.
    ClientAuthorities,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "the certificate",
            Self::Key => "the key",
            Self::ClientAuthorities => "the file of client authorities",
        })
    }
}

/// A file that can't be used. Never holds anything of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part} {} {text}", path.display())]
pub struct Problem {
    /// Which file.
    pub part: Part,
    /// Its path.
    pub path: PathBuf,
    /// A predicate in words for the operator, such as "is empty".
    pub text: String,
    /// Whether time alone may mend it: a certificate that is not valid yet.
    pub passes: bool,
}
