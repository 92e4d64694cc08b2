//! What UndoEmailChange and UndoDeletion are asked with: a code that was mailed, and nothing that says whose it is.

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    domain::{UndoCode, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
};

/// How often the account is looked at again, after it was changed between the look and the write.
pub(super) const TRIES: usize = 5;

/// The request.
#[derive(Debug)]
pub struct UndoRequest {
    /// The code as it was typed.
    pub undo_code: Zeroizing<String>,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

impl UndoRequest {
    /// Sizes come before the address's rate limit, and that before the fields.
    pub(super) fn check_sizes(&self) -> Result<(), Error> {
        check_sizes([(size::UNDO_CODE, &self.undo_code), (size::REQUEST_ID, &self.request_id)])
    }

    pub(super) fn parse(&self) -> Result<(UndoCode, Option<Uuid>), Error> {
        let mut fields = Fields::default();
        let code = fields.check(UndoCode::parse(size::UNDO_CODE, &self.undo_code));
        let request_id = fields.check(request_id(&self.request_id));
        fields.all(code.zip(request_id))
    }
}
