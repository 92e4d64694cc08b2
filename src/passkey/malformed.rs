//! Why an answer can't be read.

use super::sizes::LONGEST_ANSWER;

/// Why an answer is not even looked at. Its texts repeat nothing of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than are read.
    #[error("the answer is longer than {} bytes", LONGEST_ANSWER)]
    TooLong,
    /// No JSON object with the members that `PublicKeyCredential.toJSON` gives, each of its type and given once.
    #[error("the answer is not what PublicKeyCredential.toJSON gives")]
    Json,
    /// A member that is not base64url without padding.
    #[error("{0} is not base64url without padding")]
    Encoding(&'static str),
    /// A member that is empty, or longer than anything that stands there.
    #[error("{0} is empty, or too long")]
    Length(&'static str),
    /// Another `type` than `public-key`.
    #[error("type is not public-key")]
    Type,
    /// `id` and `rawId` differ.
    #[error("id and rawId differ")]
    Ids,
}
