//! Access tokens as another service sees them: verified against the published key set.

use countersign::pb::GetJwksRequest;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;

use super::Server;

/// The header and the claims of a token, once its signature, issuer and audience are found right.
pub async fn verify(server: &Server, jwt: &str, algorithm: Algorithm) -> (Value, Value) {
    let response = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    let jwks: JwkSet = serde_json::from_slice(&response.jwks_json).unwrap();
    let header = jsonwebtoken::decode_header(jwt).unwrap();
    let jwk = jwks.find(header.kid.as_deref().unwrap()).unwrap();
    let mut rules = Validation::new(algorithm);
    rules.set_audience(&["countersign"]);
    rules.set_issuer(&["http://localhost:8080"]);
    let key = DecodingKey::from_jwk(jwk).unwrap();
    let token = jsonwebtoken::decode::<Value>(jwt, &key, &rules).unwrap();
    (serde_json::to_value(header).unwrap(), token.claims)
}

/// The claims of a token, unverified.
pub fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    let json = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&json).unwrap()
}
