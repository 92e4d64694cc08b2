//! Requests of services for tokens, and the answers.

use super::convert;
use crate::{
    domain::InvalidField,
    pb,
    service::{
        Asked, Error, ExchangeTokenRequest, IssueServiceTokenRequest, ServiceProof, ServiceToken,
    },
    token::OpaqueToken,
};

/// Always this (RFC 6750).
const TOKEN_TYPE: &str = "Bearer";

pub(super) fn issue_request(
    request: pb::IssueServiceTokenRequest,
) -> Result<IssueServiceTokenRequest, Error> {
    use pb::issue_service_token_request::Proof;
    let proof = match request.proof {
        Some(Proof::Key(key)) => ServiceProof::Key(OpaqueToken::from_text(key)),
        Some(Proof::Assertion(jwt)) => ServiceProof::Assertion(OpaqueToken::from_text(jwt)),
        None => return Err(no_proof()),
    };
    let asked = Asked { scope: request.scope, audience: request.audience };
    Ok(IssueServiceTokenRequest { proof, client_id: request.client_id, asked })
}

pub(super) fn exchange_request(
    request: pb::ExchangeTokenRequest,
) -> Result<ExchangeTokenRequest, Error> {
    use pb::exchange_token_request::Proof;
    let proof = match request.proof {
        Some(Proof::Key(key)) => ServiceProof::Key(OpaqueToken::from_text(key)),
        Some(Proof::Assertion(jwt)) => ServiceProof::Assertion(OpaqueToken::from_text(jwt)),
        None => return Err(no_proof()),
    };
    let asked = Asked { scope: request.scope, audience: request.audience };
    let subject_token = OpaqueToken::from_text(request.subject_token);
    Ok(ExchangeTokenRequest { proof, client_id: request.client_id, subject_token, asked })
}

fn no_proof() -> Error {
    InvalidField::new("proof", "must be a key or an assertion of a service account").into()
}

pub(super) fn issued(token: ServiceToken) -> pb::IssueServiceTokenResponse {
    let ServiceToken { access, scope } = token;
    pb::IssueServiceTokenResponse {
        access_token: access.jwt,
        token_type: TOKEN_TYPE.to_owned(),
        expires_in: i64::try_from(access.expires_in.as_secs()).unwrap_or(i64::MAX),
        scope: scope.to_string(),
        expire_time: Some(convert::timestamp(access.expires_at)),
    }
}

pub(super) fn exchanged(token: ServiceToken) -> pb::ExchangeTokenResponse {
    let pb::IssueServiceTokenResponse { access_token, token_type, expires_in, scope, expire_time } =
        issued(token);
    pb::ExchangeTokenResponse { access_token, token_type, expires_in, scope, expire_time }
}
