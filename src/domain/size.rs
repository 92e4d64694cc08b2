//! Size limits of each field of a request, in bytes.
//!
//! Checking the length is free. It comes before all else, so that a text of the size of a whole request is neither
//! normalised, nor decoded, nor digested (denial of service). Each limit leaves room for every valid value, in any
//! spelling.

use super::InvalidField;

/// The size limit of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The field's name on the wire.
    pub field: &'static str,
    /// The limit, in UTF-8.
    pub max_bytes: usize,
}

/// A username, or any other login name.
pub const USERNAME: Size = Size::of("username", 1024);
/// An address; in NFD it may be longer than the 254 bytes that it has at the most.
pub const EMAIL: Size = Size::of("email", 1024);
/// A password: enough for 64 of the longest code points.
pub const PASSWORD: Size = Size::of("password", 1024);
/// The present password.
pub const CURRENT_PASSWORD: Size = Size::of("current_password", 1024);
/// The new password.
pub const NEW_PASSWORD: Size = Size::of("new_password", 1024);
/// Another username.
pub const NEW_USERNAME: Size = Size::of("new_username", 1024);
/// Another address.
pub const NEW_EMAIL: Size = Size::of("new_email", 1024);
/// The user's name for a device.
pub const DEVICE_NAME: Size = Size::of("device_name", 1024);
/// The audience of tokens.
pub const AUDIENCE: Size = Size::of("audience", 256);
/// A UUID.
pub const REQUEST_ID: Size = Size::of("request_id", 64);
/// A UUID.
pub const SESSION_ID: Size = Size::of("session_id", 64);
/// A UUID.
pub const ENROLLMENT_ID: Size = Size::of("enrollment_id", 64);
/// A cursor in the log of revocations.
pub const CURSOR: Size = Size::of("cursor", 64);
/// A code that was sent to a mailbox, as it is typed.
pub const CODE: Size = Size::of("code", 128);
/// A code that was sent for a login, as it is typed.
pub const OTP_CODE: Size = Size::of("otp_code", 128);
/// The code of an app, as it is typed.
pub const TOTP_CODE: Size = Size::of("totp_code", 128);
/// A recovery code, as it is typed.
pub const RECOVERY_CODE: Size = Size::of("recovery_code", 128);
/// A browser's answer to a passkey's ceremony: `crate::passkey` reads no more.
pub const CREDENTIAL_JSON: Size = Size::of("credential_json", 32 * 1024);
/// The same, where other proofs are beside it.
pub const PASSKEY_CREDENTIAL_JSON: Size = Size::of("passkey_credential_json", 32 * 1024);
/// A UUID.
pub const PASSKEY_ID: Size = Size::of("passkey_id", 64);
/// What a user calls a passkey.
pub const NAME: Size = Size::of("name", 1024);
/// Opaque; a longer one counts as unknown.
pub const CHALLENGE_ID: Size = Size::of("challenge_id", 512);
/// Opaque; a longer one counts as unknown.
pub const RESET_ID: Size = Size::of("reset_id", 512);
/// Opaque; a longer one counts as unknown.
pub const CHANGE_ID: Size = Size::of("change_id", 512);
/// Opaque; a longer one counts as unknown.
pub const LOGIN_ID: Size = Size::of("login_id", 512);
/// A code that undoes a change, as it is typed.
pub const UNDO_CODE: Size = Size::of("undo_code", 128);
/// Opaque; a longer one counts as unknown.
pub const VERIFICATION_ID: Size = Size::of("verification_id", 512);
/// Opaque; a longer one counts as unknown.
pub const REFRESH_TOKEN: Size = Size::of("refresh_token", 512);
/// Opaque; a longer one counts as absent.
pub const DEVICE_TOKEN: Size = Size::of("device_token", 512);
/// An access token, also in the header `authorization`; a longer one counts as forged.
pub const ACCESS_TOKEN: Size = Size::of("token", 8192);
/// The key of a service account; a longer one counts as unknown.
pub const SERVICE_KEY: Size = Size::of("key", 128);
/// A JWT that a service shows for itself.
pub const ASSERTION: Size = Size::of("assertion", 8192);
/// A user's access token, to be exchanged.
pub const SUBJECT_TOKEN: Size = Size::of("subject_token", 8192);
/// The id of a service account.
pub const CLIENT_ID: Size = Size::of("client_id", 64);
/// Scopes, with spaces between them.
pub const SCOPE: Size = Size::of("scope", 1024);

/// What is logged in addition.
pub const FILTER: Size = Size::of("filter", 1024);

/// A UUID.
pub const ID: Size = Size::of("id", 64);
/// A UUID.
pub const USER_ID: Size = Size::of("user_id", 64);
/// The beginning of a username.
pub const USERNAME_PREFIX: Size = Size::of("username_prefix", 1024);
/// The beginning of an address.
pub const EMAIL_PREFIX: Size = Size::of("email_prefix", 1024);
/// A role.
pub const ROLE: Size = Size::of("role", 64);
/// The order of a list.
pub const ORDER_BY: Size = Size::of("order_by", 64);
/// Opaque: an end of a page, encrypted.
pub const PAGE_TOKEN: Size = Size::of("page_token", 2048);
/// Opaque: a state of a user.
pub const ETAG: Size = Size::of("etag", 64);
/// Where events are posted.
pub const URL: Size = Size::of("url", 2048);
/// What signs events.
pub const SECRET: Size = Size::of("secret", 128);
/// A hash of another system.
pub const PASSWORD_HASH: Size = Size::of("password_hash", 4096);

/// All limits.
pub const ALL: [Size; 47] = [
    USERNAME,
    EMAIL,
    PASSWORD,
    CURRENT_PASSWORD,
    NEW_PASSWORD,
    NEW_USERNAME,
    NEW_EMAIL,
    DEVICE_NAME,
    AUDIENCE,
    REQUEST_ID,
    SESSION_ID,
    ENROLLMENT_ID,
    CURSOR,
    CODE,
    OTP_CODE,
    TOTP_CODE,
    RECOVERY_CODE,
    CREDENTIAL_JSON,
    PASSKEY_CREDENTIAL_JSON,
    PASSKEY_ID,
    NAME,
    CHALLENGE_ID,
    RESET_ID,
    CHANGE_ID,
    LOGIN_ID,
    UNDO_CODE,
    VERIFICATION_ID,
    REFRESH_TOKEN,
    DEVICE_TOKEN,
    ACCESS_TOKEN,
    SERVICE_KEY,
    ASSERTION,
    SUBJECT_TOKEN,
    CLIENT_ID,
    SCOPE,
    FILTER,
    ID,
    USER_ID,
    USERNAME_PREFIX,
    EMAIL_PREFIX,
    ROLE,
    ORDER_BY,
    PAGE_TOKEN,
    ETAG,
    URL,
    SECRET,
    PASSWORD_HASH,
];

impl Size {
    const fn of(field: &'static str, max_bytes: usize) -> Self {
        Self { field, max_bytes }
    }

    /// Whether a text is within the limit.
    pub fn fits(self, text: &str) -> bool {
        text.len() <= self.max_bytes
    }

    /// Refuses a text over the limit.
    ///
    /// # Errors
    /// The text has more bytes than the field may have.
    pub fn check(self, text: &str) -> Result<(), InvalidField> {
        if self.fits(text) {
            return Ok(());
        }
        let problem = format!("must have at most {} bytes", self.max_bytes);
        Err(InvalidField::new(self.field, problem).with("max_bytes", self.max_bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_field_has_one_size_and_its_last_byte_counts() {
        let names: BTreeSet<_> = ALL.iter().map(|size| size.field).collect();
        assert_eq!(names.len(), ALL.len());
        for size in ALL {
            assert_eq!(size.check(&"x".repeat(size.max_bytes)), Ok(()));
            let refused = size.check(&"x".repeat(size.max_bytes + 1)).unwrap_err();
            assert_eq!(refused.field, size.field);
        }
    }
}
