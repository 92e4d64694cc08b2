//! All that a token says, beside what this service reads of it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Map, Value};

/// The claims of a JWT whose signature was verified elsewhere: nothing is verified here. Empty for what is no JWT.
pub fn payload(jwt: &str) -> Map<String, Value> {
    let bytes = jwt.split('.').nth(1).and_then(|part| BASE64.decode(part).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
