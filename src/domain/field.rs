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
    let problem = "must be empty or a UUID, such as 7f0c1c5e-4b7a-4c55-9d6e-2f1b8a90c3d4";
    uuid(text).map(Some).ok_or_else(|| InvalidField::new("request_id", problem))
}

/// Parses an id: a UUID.
///
/// # Errors
/// Anything else.
pub fn id(size: size::Size, text: &str) -> Result<Uuid, InvalidField> {
    size.check(text)?;
    uuid(text).ok_or_else(|| InvalidField::new(size.field, "must be a UUID"))
}

/// A UUID in its usual form, with hyphens (RFC 9562, section 4), the one that the contract's rules know; hexadecimal digits in
/// any case.
fn uuid(text: &str) -> Option<Uuid> {
    let is_usual = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_usual)
}

/// Parses `session_id`: a UUID.
///
/// # Errors
/// Anything else.
pub fn session_id(text: &str) -> Result<Uuid, InvalidField> {
    id(size::SESSION_ID, text)
}

/// Parses `enrollment_id`: a UUID.
///
/// # Errors
/// Anything else.
pub fn enrollment_id(text: &str) -> Result<Uuid, InvalidField> {
    id(size::ENROLLMENT_ID, text)
}

/// Parses `passkey_id`: a UUID.
///
/// # Errors
/// Anything else.
pub fn passkey_id(text: &str) -> Result<Uuid, InvalidField> {
    id(size::PASSKEY_ID, text)
}

/// Parses `page_size` (AIP-158): 0 leaves it to the service, and more than `most` is as good as that.
///
/// # Errors
/// A negative number.
pub fn page_size(asked: i32, usual: u32, most: u32) -> Result<u32, InvalidField> {
    match u32::try_from(asked) {
        Ok(0) => Ok(usual),
        Ok(asked) => Ok(asked.min(most)),
        Err(_negative) => Err(InvalidField::new("page_size", "must not be negative")),
    }
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

/// Parses the name that a user gives a passkey: no username, but it must be printable, and not empty.
///
/// # Errors
/// A text that is empty, over 128 characters, or has invisible ones.
pub fn name(text: &str) -> Result<String, InvalidField> {
    size::NAME.check(text)?;
    if text.is_empty() || text.chars().count() > 128 || !visible::is_freeform(text) {
        let problem = "must have 1 to 128 characters that can be seen";
        return Err(InvalidField::new("name", problem));
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
    fn a_uuid_has_its_hyphens_and_digits_of_any_case() {
        let usual = "0198a0f0-7d5e-7c2e-a2d6-0d6f6a6f0001";
        let expected = Uuid::try_parse(usual).ok();
        for good in [usual, &usual.to_uppercase()] {
            assert_eq!(id(size::ID, good).ok(), expected);
        }
        let (bare, urn) = (usual.replace('-', ""), format!("urn:uuid:{usual}"));
        for bad in ["", &bare, &urn, &format!("{{{usual}}}"), &format!(" {usual}"), &usual[1..]] {
            assert_eq!(id(size::ID, bad).unwrap_err().field, "id", "{bad}");
        }
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
