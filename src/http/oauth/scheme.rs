//! Where the proof of a client stands.

use axum::http::StatusCode;

/// How a client proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Scheme {
    /// In the header, as user and password.
    Basic,
    /// In the header, as a token.
    Bearer,
    /// In the body.
    Body,
}

impl Scheme {
    /// The status for a client that is not proved.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Basic | Self::Bearer => StatusCode::UNAUTHORIZED,
            Self::Body => StatusCode::BAD_REQUEST,
        }
    }
}
