//! Which fields are secrets, and what follows for `Debug`: what `src/pb.rs` includes.

use std::collections::BTreeSet;

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind};

use crate::PACKAGE;

/// The fields that `Debug` may show, by message: none of them is a secret. A field of text, bytes or numbers that is not here is one,
/// a new one too: whoever adds a field decides, and one that is forgotten is hidden. It is a list of ours and no option in the
/// contract: protoc knows `debug_redact` only from 22 on, and Debian 12 has 21.
const PUBLIC: [(&str, &[&str]); 71] = [
    ("ActingParty", &["sub"]),
    ("BeginEmailLoginRequest", &["email", "audience", "device_name", "request_id"]),
    // What every browser gets that asks.
    ("BeginPasskeyLoginResponse", &["request_options_json"]),
    ("BeginTotpEnrollmentResponse", &["enrollment_id"]),
    ("Challenge", &["masked_destination", "attempts_remaining"]),
    (
        "Claims",
        &[
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "jti",
            "client_id",
            "sid",
            "amr",
            "acr",
            "auth_time",
            "preferred_username",
            "roles",
            "session_epoch",
            "scope",
            "service_epoch",
        ],
    ),
    ("ChangeEmailRequest", &["new_email", "request_id"]),
    ("ChangeUsernameRequest", &["new_username", "request_id"]),
    ("ConfirmEmailChangeRequest", &["request_id"]),
    ("ConfirmTotpEnrollmentRequest", &["enrollment_id"]),
    ("ExchangeTokenRequest", &["client_id", "scope", "audience"]),
    ("ExchangeTokenResponse", &["token_type", "expires_in", "scope"]),
    ("GetJwksResponse", &["jwks_json"]),
    ("IssueServiceTokenRequest", &["client_id", "scope", "audience"]),
    ("IssueServiceTokenResponse", &["token_type", "expires_in", "scope"]),
    ("Jwk", &["kid", "kty", "alg", "use", "crv", "x", "y", "n", "e"]),
    ("LoginRequest", &["username", "audience", "device_name"]),
    ("RefreshTokenRequest", &["request_id"]),
    ("DeletePasskeyRequest", &["passkey_id", "request_id"]),
    ("FinishPasskeyLoginRequest", &["audience", "device_name"]),
    ("FinishPasskeyRegistrationRequest", &["name", "request_id"]),
    ("Passkey", &["id", "name", "aaguid", "transports"]),
    ("RenamePasskeyRequest", &["passkey_id", "name"]),
    ("RegisterRequest", &["username", "email", "request_id"]),
    ("RequestPasswordResetRequest", &["email"]),
    ("ResendEmailVerificationRequest", &["email"]),
    (
        "Revocation",
        &[
            "session_id",
            "user_id",
            "session_epoch",
            "kept_session_id",
            "key_id",
            "service_account_id",
            "token_id",
            "service_epoch",
        ],
    ),
    ("RevokeOtherSessionsResponse", &["revoked_count"]),
    ("RevokeSessionRequest", &["session_id"]),
    ("RevokeTrustedDeviceRequest", &["id"]),
    ("Session", &["id", "device_name", "address"]),
    ("Tokens", &["token_type", "expires_in", "session_id"]),
    ("UndoDeletionRequest", &["request_id"]),
    ("TrustedDevice", &["id", "device_name", "address"]),
    ("UndoEmailChangeRequest", &["request_id"]),
    ("User", &["id", "username", "email", "roles"]),
    ("VerifyEmailRequest", &["username"]),
    ("WatchRevocationsRequest", &["cursor"]),
    ("WatchRevocationsResponse", &["cursor"]),
    (
        "AuditEvent",
        &[
            "id",
            "kind",
            "user_id",
            "session_id",
            "service_account_id",
            "actor",
            "address",
            "subscription_id",
        ],
    ),
    ("BatchGetUsersRequest", &["ids"]),
    ("DeleteSubscriptionRequest", &["id"]),
    ("DeleteUserRequest", &["id", "etag", "request_id"]),
    ("EventFilter", &["user_id", "kinds"]),
    ("ExportUsersRequest", &["cursor"]),
    ("FieldProblem", &["field", "problem"]),
    ("GetUserRequest", &["id", "username", "email"]),
    ("ImportResult", &["row", "user_id"]),
    ("ListEventsRequest", &["page_size", "page_token"]),
    ("ListEventsResponse", &["next_page_token"]),
    ("ListSessionsRequest", &["page_size", "page_token"]),
    ("ListSessionsResponse", &["next_page_token"]),
    ("ListUserSessionsRequest", &["user_id", "page_size", "page_token"]),
    ("ListUserSessionsResponse", &["next_page_token"]),
    ("ListUsersRequest", &["page_size", "page_token", "order_by"]),
    ("ListUsersResponse", &["next_page_token"]),
    ("ManagedUser", &["id", "username", "email", "roles", "etag"]),
    ("ResetFactorsRequest", &["id", "etag", "request_id"]),
    ("RevokeUserSessionsRequest", &["user_id", "session_id"]),
    ("RevokeUserSessionsResponse", &["revoked_count"]),
    ("SetLogFilterRequest", &["filter", "ttl_seconds"]),
    ("SetLogFilterResponse", &["configured_filter", "filter"]),
    ("UnlockUserRequest", &["id"]),
    ("UserFilter", &["role", "username_prefix", "email_prefix"]),
    ("RecoveryCodes", &["left"]),
    ("FormerEmail", &["email"]),
    ("StoredSession", &["id", "device_name", "address", "audience", "authentication_methods"]),
    ("PendingLogin", &["audience", "device_name", "device_id", "session_id", "attempts"]),
    ("MailedCode", &["attempts", "new_email"]),
    ("WatchEventsRequest", &["cursor", "kinds"]),
    ("WatchEventsResponse", &["cursor"]),
];

/// The invocation of `hide_in_debug!` with these messages and oneofs.
pub(crate) fn hidden(secret: &[String]) -> String {
    let names: Vec<_> = secret.iter().map(|name| rust_path(name)).collect();
    format!("hide_in_debug!({});\n", names.join(", "))
}

/// Whether the field is one of `PUBLIC`.
pub(crate) fn is_public(field: &FieldDescriptor) -> bool {
    let message = field.parent_message();
    PUBLIC.iter().any(|(name, fields)| *name == message.name() && fields.contains(&field.name()))
}

/// All messages of ours, for the test of their `Debug`: names in the contract, and in Rust.
pub(crate) fn every_message(pool: &DescriptorPool) -> String {
    let messages = pool.all_messages().filter(|message| !message.is_map_entry());
    let names = messages.filter_map(|of| of.full_name().strip_prefix(PACKAGE).map(str::to_owned));
    let pairs: Vec<_> = names.map(|name| format!("{name:?} => {}", rust_path(&name))).collect();
    format!("every_message!({});\n", pairs.join(", "))
}

/// The messages of ours with a field that is a secret, and their oneofs: names without the package.
///
/// # Errors
/// A field in `PUBLIC` that is not in the contract.
pub(crate) fn secret_types(pool: &DescriptorPool) -> Result<Vec<String>, String> {
    let mut public: BTreeSet<_> = PUBLIC
        .iter()
        .flat_map(|(message, fields)| fields.iter().map(move |field| format!("{message}.{field}")))
        .collect();
    let mut found = Vec::new();
    for message in pool.all_messages() {
        let ours = |name: &str| name.strip_prefix(PACKAGE).map(str::to_owned);
        let Some(name) = ours(message.full_name()).filter(|_| !message.is_map_entry()) else {
            continue;
        };
        // All of them are asked for: what is left of the list is not in the contract.
        let secrets = message.fields().filter(may_be_secret);
        let secrets =
            secrets.filter(|field| !public.remove(&format!("{name}.{}", field.name()))).count();
        if secrets > 0 {
            found.extend(message.oneofs().filter_map(|oneof| ours(oneof.full_name())));
            found.push(name);
        }
    }
    if let Some(stale) = public.first() {
        return Err(format!(
            "PUBLIC in build/secrets.rs lists {stale}, which is no field that needs it"
        ));
    }
    Ok(found)
}

/// Whether a secret can be in it. Messages of ours are judged by their own fields.
fn may_be_secret(field: &FieldDescriptor) -> bool {
    let kind = field.kind();
    if matches!(kind, Kind::Bool | Kind::Enum(_)) {
        return false;
    }
    let harmless = kind
        .as_message()
        .map(|of| of.full_name())
        .is_some_and(|name| name.starts_with(PACKAGE) || name == "google.protobuf.Timestamp");
    field.is_map() || !harmless
}

/// The type that prost makes of `Verify2FARequest.proof`: `verify2_fa_request::Proof`.
fn rust_path(name: &str) -> String {
    let (message, oneof) = name.split_once('.').unwrap_or(("", name));
    let module = if message.is_empty() { String::new() } else { message.to_snake_case() + "::" };
    module + &oneof.to_upper_camel_case()
}
