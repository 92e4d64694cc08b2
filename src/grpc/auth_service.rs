//! AuthService: translates, no more.

use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::{convert, edge::caller, status::status};
use crate::{
    pb::{self, auth_service_server::AuthService, login_response},
    service::{
        LoginOutcome, LoginRequest, RefreshTokenRequest, RegisterRequest, UseCases,
        Verify2faRequest,
    },
    token::OpaqueToken,
};

/// The handlers.
#[derive(Debug)]
pub(super) struct AuthApi(pub(super) UseCases);

#[tonic::async_trait]
impl AuthService for AuthApi {
    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let (caller, request) = (caller(&request), request.into_inner());
        let request = RegisterRequest {
            username: request.username,
            email: request.email,
            password: Zeroizing::new(request.password),
            is_2fa_enabled: request.is_2fa_enabled,
            request_id: request.request_id,
        };
        let user = self.0.register(request, caller).await.map_err(status)?;
        Ok(Response::new(pb::RegisterResponse { user: Some(convert::user(user)) }))
    }

    async fn login(
        &self,
        request: Request<pb::LoginRequest>,
    ) -> Result<Response<pb::LoginResponse>, Status> {
        let (caller, request) = (caller(&request), request.into_inner());
        let request = LoginRequest {
            username: request.username,
            password: Zeroizing::new(request.password),
            audience: request.audience,
            device_name: request.device_name,
            device_token: OpaqueToken::from_text(request.device_token),
        };
        let result = match self.0.login(request, caller).await.map_err(status)? {
            LoginOutcome::Tokens(tokens) => login_response::Result::Tokens(convert::tokens(tokens)),
            LoginOutcome::Challenge(challenge) => {
                login_response::Result::Challenge(convert::challenge(&challenge))
            }
        };
        Ok(Response::new(pb::LoginResponse { result: Some(result) }))
    }

    async fn verify2_fa(
        &self,
        request: Request<pb::Verify2FaRequest>,
    ) -> Result<Response<pb::Verify2FaResponse>, Status> {
        let (caller, request) = (caller(&request), request.into_inner());
        let request = Verify2faRequest {
            challenge: OpaqueToken::from_text(request.challenge_id),
            proof: request.proof.map(convert::proof),
        };
        let tokens = self.0.verify_2fa(request, caller).await.map_err(status)?;
        Ok(Response::new(pb::Verify2FaResponse { tokens: Some(convert::tokens(tokens)) }))
    }

    async fn resend_code(
        &self,
        request: Request<pb::ResendCodeRequest>,
    ) -> Result<Response<pb::ResendCodeResponse>, Status> {
        let token = OpaqueToken::from_text(request.into_inner().challenge_id);
        let challenge = self.0.resend_code(token).await.map_err(status)?;
        let challenge = Some(convert::challenge(&challenge));
        Ok(Response::new(pb::ResendCodeResponse { challenge }))
    }

    async fn refresh_token(
        &self,
        request: Request<pb::RefreshTokenRequest>,
    ) -> Result<Response<pb::RefreshTokenResponse>, Status> {
        let (caller, request) = (caller(&request), request.into_inner());
        let request = RefreshTokenRequest {
            refresh_token: OpaqueToken::from_text(request.refresh_token),
            request_id: request.request_id,
        };
        let tokens = self.0.refresh_token(request, caller).await.map_err(status)?;
        Ok(Response::new(pb::RefreshTokenResponse { tokens: Some(convert::tokens(tokens)) }))
    }

    async fn logout(
        &self,
        request: Request<pb::LogoutRequest>,
    ) -> Result<Response<pb::LogoutResponse>, Status> {
        let caller = caller(&request);
        let token = OpaqueToken::from_text(request.into_inner().refresh_token);
        self.0.logout(token, caller).await.map_err(status)?;
        Ok(Response::new(pb::LogoutResponse {}))
    }
}
