//! Which operations take the bearer token. A test compares this with the table that is enforced (`src/edge/access.rs`).

use protox::prost_reflect::MethodDescriptor;
use serde_json::{Value, json};

/// The services whose every RPC needs the token of its caller, and the single RPCs that do.
const REQUIRED: [&str; 3] = ["AccountService", "AdminService", "AuthService.Reauthenticate"];
/// The RPCs that need one only where a policy of callers asks for it.
const BY_POLICY: [&str; 2] = ["AuthService.Register", "TokenService.IntrospectToken"];

/// The `security` of an operation.
pub(super) fn of(method: &MethodDescriptor) -> Value {
    let service = method.parent_service().name();
    let name = format!("{service}.{}", method.name());
    if REQUIRED.contains(&service) || REQUIRED.contains(&name.as_str()) {
        return json!([{ "bearer": [] }]);
    }
    if BY_POLICY.contains(&name.as_str()) {
        return json!([{}, { "bearer": [] }]);
    }
    json!([])
}

/// The `securitySchemes`.
pub(super) fn schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token: of a user (Login, Verify2FA, RefreshToken, Reauthenticate), or of a service (IssueServiceToken, ExchangeToken).",
        }
    })
}
