//! Small fields without a type of their own.

use uuid::Uuid;

use super::{InvalidField, size, visible};

/// Parses the field `request_id`, an idempotency key, by which a retry is idempotent: empty (none) or a UUID (AIP-155).
/// It is not the [`super::RequestId`] of a call.
///
/// # Errors
/// Anything else.
pub fn request_id(text: &str) -> Result<Option<Uuid>, InvalidField> {
    size::REQUEST_ID.check(text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let not_a_uuid = |_| InvalidField::new("request_id", "must be empty or a UUID");
    Uuid::try_parse(text).map(Some).map_err(not_a_uuid)
}

/// Parses an id: a UUID.
///
/// # Errors
/// Anything else.
pub fn id(size: size::Size, text: &str) -> Result<Uuid, InvalidField> {
    size.check(text)?;
    let not_a_uuid = |_| InvalidField::new(size.field, "must be a UUID");
    Uuid::try_parse(text).map_err(not_a_uuid)
}

/// Parses `session_id`: a UUID.
///
/// # Errors
/// Anything else.
pub fn session_id(text: &str) -> Result<Uuid, InvalidField> {
    size::SESSION_ID.check(text)?;
    Uuid::try_parse(text).map_err(|_not_a_uuid| InvalidField::new("session_id", "must be a UUID"))
}

/// Parses `enrollment_id`: a UUID.
///
/// # Errors
/// Anything else.
pub fn enrollment_id(text: &str) -> Result<Uuid, InvalidField> {
    size::ENROLLMENT_ID.check(text)?;
    let not_a_uuid = |_| InvalidField::new("enrollment_id", "must be a UUID");
    Uuid::try_parse(text).map_err(not_a_uuid)
}

/// Parses `device_name`: at most 128 visible characters, and spaces between them.
///
/// # Errors
/// A longer name, one with an invisible character, and one of nothing but spaces.
pub fn device_name(text: &str) -> Result<String, InvalidField> {
    size::DEVICE_NAME.check(text)?;
    if text.chars().count() > 128 || !visible::is_freeform(text) {
        let problem = "must have at most 128 characters that can be seen";
        return Err(InvalidField::new("device_name", problem));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_empty_or_a_uuid() {
        assert_eq!(request_id(""), Ok(None));
        assert!(request_id("0198a0f0-7d5e-7c2e-a2d6-0d6f6a6f0001").is_ok_and(|id| id.is_some()));
        assert!(request_id("retry-1").is_err());
    }

    #[test]
    fn a_device_name_is_short_and_printable() {
        assert!(device_name("").is_ok());
        assert!(device_name(&"é".repeat(128)).is_ok());
        assert!(device_name(&"é".repeat(129)).is_err());
        assert!(device_name("phone\n").is_err());
        assert!(device_name("Alice's 📱").is_ok());
        assert!(device_name(" ").is_err() && device_name("\u{3164}").is_err());
    }
}
