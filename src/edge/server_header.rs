//! The `server` header (RFC 9110, section 10.2.4), which gRPC sends as metadata: the program and its version.

use http::{HeaderMap, HeaderValue, header::SERVER};

static PROGRAM: HeaderValue =
    HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION")));

/// Whether answers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerHeader {
    /// They have.
    On,
    /// They have not.
    Off,
}

impl ServerHeader {
    /// Adds it to an answer, unless it is off.
    pub(crate) fn add(self, headers: &mut HeaderMap) {
        match self {
            Self::On => drop(headers.insert(SERVER, PROGRAM.clone())),
            Self::Off => {}
        }
    }
}
