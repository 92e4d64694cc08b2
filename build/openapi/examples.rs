//! The examples of requests: a value for each field of a request.

use std::{cell::RefCell, collections::BTreeSet};

use protox::prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{Result, annotations::is_given_by_us, schemas::well_known};

const USER: &str = "01a20c4b-7d11-7a52-9c6e-51d0b6a1f3c2";
const SESSION: &str = "01a20c4a-0c11-7d52-9a6e-3f0b8c7d1e24";
const REQUEST: &str = "7f6c1a52-3d0e-4b8a-9c55-0e2f6b1d8a47";
const OPAQUE: &str = "Vx3kq0Yb5mJ8d2RtLw7nZc9hPfGa1sEu";
const CREDENTIAL: &str = r#"{"id":"q83vEjRW","rawId":"q83vEjRW","type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoi…"}}"#;
const JWT: &str = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMWEyMGM0YiJ9.c2lnbmF0dXJl";

/// By the name of a field, or by message and field (`ResetPasswordRequest.recovery_code`) where that differs. A field whose value is null is left out of the examples:
/// what few requests have. Of a oneof the first that is not left out is there.
fn table() -> [Value; 4] {
    [people(), ids_and_tokens(), users(), lists()]
}

/// People, and what they prove.
fn people() -> Value {
    json!({
        "username": "ada",
        "email": "ada@example.com",
        "password": "correct horse battery staple",
        "current_password": "correct horse battery staple",
        "new_password": "a quite different passphrase",
        "new_email": "ada@example.net",
        "new_username": "countess",
        "undo_code": "7K2MQX-9QXD4T-8WHN3C-ZB5V1E",
        "two_factor": true,
        "enabled": true,
        "otp_code": "492817",
        "totp_code": "305164",
        "recovery_code": "7K2M-9QXD-4T8W",
        "code": "H7K2M-9QX4D",
        // What a browser's toJSON() gives, as text; cut short.
        "credential_json": CREDENTIAL,
        "passkey_credential_json": null,
        "FinishPasskeyRegistrationRequest.name": "Ada's phone",
        "RenamePasskeyRequest.name": "Ada's phone",
        "second_factor": null,
        "device_name": "Ada's laptop",
        "device_token": null,
        "trust_device": null,
        "end_unverified_account": null,
        "ResetPasswordRequest.recovery_code": null,
        "ResendEmailVerificationRequest.email": null,
        "RegisterRequest.is_2fa_enabled": null,
        "VerifyEmailRequest.username": null,
    })
}

fn ids_and_tokens() -> Value {
    json!({
        "id": USER,
        "ids": [USER],
        "user_id": USER,
        "session_id": SESSION,
        "request_id": REQUEST,
        "challenge_id": OPAQUE,
        "verification_id": OPAQUE,
        "reset_id": OPAQUE,
        "change_id": OPAQUE,
        "login_id": OPAQUE,
        "refresh_token": OPAQUE,
        "enrollment_id": "01a20c4c-0b51-7c20-8a4d-3f0c7b1e9d55",
        "passkey_id": "01a20c4d-1a90-7b31-8e02-77a1c05d3f16",
        "token": JWT,
        // Tried twice, they are two requests.
        "RegisterRequest.request_id": null,
        "RefreshTokenRequest.request_id": null,
        "ResendCodeRequest.request_id": null,
        "ResetPasswordRequest.request_id": null,
        "ChangePasswordRequest.request_id": null,
        "DeleteMeRequest.request_id": null,
        "BeginTotpEnrollmentRequest.request_id": null,
        "ConfirmTotpEnrollmentRequest.request_id": null,
        "RegenerateRecoveryCodesRequest.request_id": null,
        "ChangeEmailRequest.request_id": null,
        "ConfirmEmailChangeRequest.request_id": null,
        "ChangeUsernameRequest.request_id": null,
        "UndoEmailChangeRequest.request_id": null,
        "FinishPasskeyRegistrationRequest.request_id": null,
        "DeletePasskeyRequest.request_id": null,
        "BeginEmailLoginRequest.request_id": null,
        "UndoDeletionRequest.request_id": null,
        "RevokeUserSessionsRequest.session_id": null,
        "key": OPAQUE,
        "assertion": null,
        "subject_token": JWT,
        "client_id": null,
        "scope": null,
        "audience": null,
    })
}

/// Users as administrators change them, and subscriptions.
fn users() -> Value {
    json!({
        "email_verified": true,
        "state": "USER_STATE_ACTIVE",
        "roles": ["editor"],
        "metadata": { "team": "analytical engines" },
        "claims": { "department": "research" },
        "etag": null,
        "update_mask": "roles,metadata",
        "validate_only": false,
        "password_hash": null,
        "url": "https://example.com/hooks/countersign",
        "secret": null,
        "SetLogFilterRequest.filter": "info,countersign::store=debug",
        "ttl_seconds": 900,
    })
}

/// Lists and their filters.
fn lists() -> Value {
    json!({
        "page_size": 50,
        "page_token": null,
        "order_by": "create_time desc",
        "role": "editor",
        "created_from": "2026-01-01T00:00:00Z",
        "created_before": "2027-01-01T00:00:00Z",
        "last_login_from": "2026-01-01T00:00:00Z",
        "last_login_before": "2027-01-01T00:00:00Z",
        "username_prefix": "ad",
        "email_prefix": "ada@",
        "kinds": ["login_succeeded", "login_failed"],
        "from": "2026-01-01T00:00:00Z",
        "before": "2027-01-01T00:00:00Z",
    })
}

/// The table, and which of its rows were of use.
pub(super) struct Examples {
    rows: [Value; 4],
    used: RefCell<BTreeSet<String>>,
}

impl Examples {
    pub(super) fn new() -> Self {
        Self { rows: table(), used: RefCell::default() }
    }

    /// An example of a message without the fields that are in the path.
    pub(super) fn message(&self, of: &MessageDescriptor, in_path: &[&str]) -> Result<Value> {
        let (mut example, mut chosen) = (Map::new(), BTreeSet::new());
        for field in of.fields().filter(|field| !is_given_by_us(field)) {
            if in_path.contains(&field.name()) {
                continue;
            }
            // Asked for in any case: each field has a row.
            let Some(value) = self.field(&field)? else { continue };
            let oneof = field.containing_oneof();
            if oneof.is_none_or(|oneof| chosen.insert(oneof.full_name().to_owned())) {
                example.insert(field.json_name().to_owned(), value);
            }
        }
        Ok(Value::Object(example))
    }

    /// An example of a field, if it is not left out.
    ///
    /// # Errors
    /// The table does not have the field.
    pub(super) fn field(&self, field: &FieldDescriptor) -> Result<Option<Value>> {
        let message = field.parent_message();
        for key in [format!("{}.{}", message.name(), field.name()), field.name().to_owned()] {
            if let Some(value) = self.rows.iter().find_map(|rows| rows.get(&key)) {
                self.used.borrow_mut().insert(key);
                return Ok(Some(value.clone()).filter(|value| !value.is_null()));
            }
        }
        if let Kind::Message(of) = field.kind()
            && well_known(&of).is_none()
            && !field.is_list()
        {
            return self.message(&of, &[]).map(Some);
        }
        Err(format!("build/openapi/examples.rs has no example of {}", field.full_name()))
    }

    /// # Errors
    /// A row that no request needed.
    pub(super) fn finish(&self) -> Result<()> {
        let used = self.used.borrow();
        let rows = self.rows.iter().filter_map(Value::as_object).flat_map(Map::keys);
        let stale: Vec<_> = rows.filter(|key| !used.contains(*key)).cloned().collect();
        if stale.is_empty() {
            return Ok(());
        }
        Err(format!(
            "build/openapi/examples.rs has rows that no request needs: {}",
            stale.join(", ")
        ))
    }
}
