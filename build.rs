//! Compiles `proto/` to Rust, and to the descriptor set that reflection serves and the HTTP rules are read from.
//!
//! protox parses the files in pure Rust, so no protoc is needed on the machine.

use std::{collections::BTreeSet, error::Error, path::PathBuf};

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use protox::prost_reflect::{FieldDescriptor, Kind, prost_types::FileDescriptorSet};

const PACKAGE: &str = "auth.v1.";

/// Our files, and those of others that they import.
const INCLUDES: [&str; 2] = ["proto", "third_party/googleapis"];

/// The fields that `Debug` may show, by message: none of them is a secret. A field of text, bytes or numbers that is not here is one,
/// a new one too: whoever adds a field decides, and one that is forgotten is hidden. It is a list of ours and no option in the
/// contract: protoc knows `debug_redact` only from 22 on, and Debian 12 has 21.
const PUBLIC: [(&str, &[&str]); 46] = [
    ("ActingParty", &["sub"]),
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
            "auth_time",
            "preferred_username",
            "roles",
            "session_epoch",
            "scope",
            "service_epoch",
        ],
    ),
    ("ConfirmTotpEnrollmentRequest", &["enrollment_id"]),
    ("ExchangeTokenRequest", &["client_id", "scope", "audience"]),
    ("ExchangeTokenResponse", &["token_type", "expires_in", "scope"]),
    ("GetJwksResponse", &["jwks_json"]),
    ("IssueServiceTokenRequest", &["client_id", "scope", "audience"]),
    ("IssueServiceTokenResponse", &["token_type", "expires_in", "scope"]),
    ("Jwk", &["kid", "kty", "alg", "use", "crv", "x", "y", "n", "e"]),
    ("LoginRequest", &["username", "audience", "device_name"]),
    ("RefreshTokenRequest", &["request_id"]),
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
    ("Session", &["id", "device_name", "address"]),
    ("Tokens", &["token_type", "expires_in", "session_id"]),
    ("User", &["id", "username", "email", "roles"]),
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
    ("ListUserSessionsRequest", &["user_id"]),
    ("ListUsersRequest", &["page_size", "page_token", "order_by"]),
    ("ListUsersResponse", &["next_page_token"]),
    ("ManagedUser", &["id", "username", "email", "roles", "etag"]),
    ("ResetFactorsRequest", &["id", "etag", "request_id"]),
    ("RevokeUserSessionsRequest", &["user_id", "session_id"]),
    ("RevokeUserSessionsResponse", &["revoked_count"]),
    ("UnlockUserRequest", &["id"]),
    ("UserFilter", &["role", "username_prefix", "email_prefix"]),
    ("WatchEventsRequest", &["cursor", "kinds"]),
    ("WatchEventsResponse", &["cursor"]),
];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script so where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    for folder in INCLUDES {
        println!("cargo::rerun-if-changed={folder}");
    }
    let files = [
        "auth/v1/account_service.proto",
        "auth/v1/admin_service.proto",
        "auth/v1/audit_event.proto",
        "auth/v1/auth_service.proto",
        "auth/v1/managed_user.proto",
        "auth/v1/token_service.proto",
        "auth/v1/tokens.proto",
        "auth/v1/user.proto",
        "auth/v1/user_record.proto",
    ];
    let mut compiler = protox::Compiler::new(INCLUDES)?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;

    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    // As protox encodes it: decoded to prost's types and encoded again, it would lose the options of `google.api`.
    std::fs::write(out_dir.join("auth_v1.descriptors.bin"), compiler.encode_file_descriptor_set())?;

    // Their generated `Debug` would show secrets: `src/pb.rs` has another one.
    let secret = secret_types(&compiler)?;
    let names: Vec<_> = secret.iter().map(|name| rust_path(name)).collect();
    std::fs::write(
        out_dir.join("secret_messages.rs"),
        format!("hide_in_debug!({});\n", names.join(", ")),
    )?;
    std::fs::write(out_dir.join("every_message.rs"), every_message(&compiler))?;
    tonic_prost_build::configure()
        .codec_path("crate::pb::codec::ProtobufCodec")
        .skip_debug(secret.iter().map(|name| format!("{PACKAGE}{name}")))
        .compile_fds(compiled_to_rust(&compiler))?;
    Ok(())
}

/// All files but those of options, which no message of ours has as a field.
fn compiled_to_rust(compiler: &protox::Compiler) -> FileDescriptorSet {
    let mut files = compiler.file_descriptor_set();
    files.file.retain(|file| file.package() != "google.api");
    files
}

/// All messages of ours, for the test of their `Debug`: names in the contract, and in Rust.
fn every_message(compiler: &protox::Compiler) -> String {
    let messages = compiler.descriptor_pool();
    let messages = messages.all_messages().filter(|message| !message.is_map_entry());
    let names = messages.filter_map(|of| of.full_name().strip_prefix(PACKAGE).map(str::to_owned));
    let pairs: Vec<_> = names.map(|name| format!("{name:?} => {}", rust_path(&name))).collect();
    format!("every_message!({});\n", pairs.join(", "))
}

/// The messages of ours with a field that is a secret, and their oneofs: names without the package.
///
/// # Errors
/// A field in `PUBLIC` that is not in the contract.
fn secret_types(compiler: &protox::Compiler) -> Result<Vec<String>, String> {
    let mut public: BTreeSet<_> = PUBLIC
        .iter()
        .flat_map(|(message, fields)| fields.iter().map(move |field| format!("{message}.{field}")))
        .collect();
    let mut found = Vec::new();
    for message in compiler.descriptor_pool().all_messages() {
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
        return Err(format!("PUBLIC in build.rs lists {stale}, which is no field that needs it"));
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
