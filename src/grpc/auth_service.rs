//! AuthService: only translates.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::{
    access::account,
    arrival::context,
    convert,
    status::{status, status_beside_a_login},
};
use crate::{
    pb::{
        self, auth_service_server::AuthService, finish_email_login_response, login_response,
        reauthenticate_response,
    },
    service::{
        Accounts, FinishEmailLoginRequest, FinishPasskeyLoginRequest, LoginOutcome, Logins,
        Mailbox, ReauthenticateRequest, RefreshTokenRequest, RequestPasswordResetRequest,
        ResetPasswordRequest, Sessions, UndoRequest, Verify2faRequest, VerifyEmailRequest,
    },
    token::OpaqueToken,
};

/// The handlers.
#[derive(Debug)]
pub struct AuthApi {
    /// Register, ResetPassword, UndoEmailChange and UndoDeletion.
    pub(crate) accounts: Arc<Accounts>,
    /// Logins and their challenges.
    pub(crate) logins: Arc<Logins>,
    /// Codes for mailboxes.
    pub(crate) mailbox: Arc<Mailbox>,
    /// RefreshToken and Logout.
    pub(crate) sessions: Arc<Sessions>,
}

#[tonic::async_trait]
impl AuthService for AuthApi {
    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let context = context(&request);
        let request = convert::register(request.into_inner());
        let registered = self.accounts.register(&context, request).await.map_err(status)?;
        Ok(Response::new(convert::registered(registered)))
    }

    async fn login(
        &self,
        request: Request<pb::LoginRequest>,
    ) -> Result<Response<pb::LoginResponse>, Status> {
        let context = context(&request);
        // In one expression: a login that waits for its hash keeps no copy of the request in its earlier forms.
        let login = self.logins.login(&context, convert::login(request.into_inner())).await;
        let result = match login.map_err(status)? {
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
        let (context, request) = (context(&request), request.into_inner());
        let request = Verify2faRequest {
            challenge_id: OpaqueToken::from_text(request.challenge_id),
            proof: request.proof.map(convert::proof),
            trust_device: request.trust_device,
        };
        let verified = self.logins.verify_2fa(&context, request).await.map_err(status)?;
        Ok(Response::new(convert::verified(verified)))
    }

    async fn resend_code(
        &self,
        request: Request<pb::ResendCodeRequest>,
    ) -> Result<Response<pb::ResendCodeResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let token = OpaqueToken::from_text(request.challenge_id);
        let challenge = self.logins.resend_code(&context, token, &request.request_id).await;
        let challenge = challenge.map_err(status)?;
        let challenge = Some(convert::challenge(&challenge));
        Ok(Response::new(pb::ResendCodeResponse { challenge }))
    }

    async fn refresh_token(
        &self,
        request: Request<pb::RefreshTokenRequest>,
    ) -> Result<Response<pb::RefreshTokenResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let request = RefreshTokenRequest {
            refresh_token: OpaqueToken::from_text(request.refresh_token),
            request_id: request.request_id,
        };
        let tokens = self.sessions.refresh_token(&context, request).await.map_err(status)?;
        Ok(Response::new(pb::RefreshTokenResponse { tokens: Some(convert::tokens(tokens)) }))
    }

    async fn reauthenticate(
        &self,
        request: Request<pb::ReauthenticateRequest>,
    ) -> Result<Response<pb::ReauthenticateResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::ReauthenticateRequest { password, passkey_credential_json } = request.into_inner();
        let password = Zeroizing::new(password);
        let request = ReauthenticateRequest { password, passkey_credential_json };
        let outcome = self.logins.reauthenticate(&context, &account, &request).await;
        let result = match outcome.map_err(status_beside_a_login)? {
            LoginOutcome::Tokens(tokens) => {
                reauthenticate_response::Result::Tokens(convert::tokens(tokens))
            }
            LoginOutcome::Challenge(challenge) => {
                reauthenticate_response::Result::Challenge(convert::challenge(&challenge))
            }
        };
        Ok(Response::new(pb::ReauthenticateResponse { result: Some(result) }))
    }

    async fn begin_passkey_login(
        &self,
        request: Request<pb::BeginPasskeyLoginRequest>,
    ) -> Result<Response<pb::BeginPasskeyLoginResponse>, Status> {
        let options = self.logins.begin_passkey_login(&context(&request)).map_err(status)?;
        Ok(Response::new(pb::BeginPasskeyLoginResponse {
            request_options_json: options.json,
            expire_time: Some(convert::timestamp(options.expires_at)),
        }))
    }

    async fn finish_passkey_login(
        &self,
        request: Request<pb::FinishPasskeyLoginRequest>,
    ) -> Result<Response<pb::FinishPasskeyLoginResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let request = FinishPasskeyLoginRequest {
            credential_json: request.credential_json,
            audience: request.audience,
            device_name: request.device_name,
            device_token: OpaqueToken::from_text(request.device_token),
        };
        let tokens = self.logins.finish_passkey_login(&context, request).await.map_err(status)?;
        Ok(Response::new(pb::FinishPasskeyLoginResponse { tokens: Some(convert::tokens(tokens)) }))
    }

    async fn begin_email_login(
        &self,
        request: Request<pb::BeginEmailLoginRequest>,
    ) -> Result<Response<pb::BeginEmailLoginResponse>, Status> {
        let context = context(&request);
        let request = convert::email_login(request.into_inner());
        let pending = self.logins.begin_email_login(&context, request).await.map_err(status)?;
        Ok(Response::new(convert::pending_login(&pending)))
    }

    async fn finish_email_login(
        &self,
        request: Request<pb::FinishEmailLoginRequest>,
    ) -> Result<Response<pb::FinishEmailLoginResponse>, Status> {
        use finish_email_login_response::Result as Outcome;
        let (context, request) = (context(&request), request.into_inner());
        let request = FinishEmailLoginRequest {
            login: OpaqueToken::from_text(request.login_id),
            code: Zeroizing::new(request.code),
        };
        let outcome = self.logins.finish_email_login(&context, request).await;
        let result = match outcome.map_err(status)? {
            LoginOutcome::Tokens(tokens) => Outcome::Tokens(convert::tokens(tokens)),
            LoginOutcome::Challenge(challenge) => {
                Outcome::Challenge(convert::challenge(&challenge))
            }
        };
        Ok(Response::new(pb::FinishEmailLoginResponse { result: Some(result) }))
    }

    async fn logout(
        &self,
        request: Request<pb::LogoutRequest>,
    ) -> Result<Response<pb::LogoutResponse>, Status> {
        let context = context(&request);
        let token = OpaqueToken::from_text(request.into_inner().refresh_token);
        self.sessions.logout(&context, token).await.map_err(status)?;
        Ok(Response::new(pb::LogoutResponse {}))
    }

    async fn verify_email(
        &self,
        request: Request<pb::VerifyEmailRequest>,
    ) -> Result<Response<pb::VerifyEmailResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let request = VerifyEmailRequest {
            verification: OpaqueToken::from_text(request.verification_id),
            code: Zeroizing::new(request.code),
            username: request.username,
        };
        self.mailbox.verify_email(&context, request).await.map_err(status_beside_a_login)?;
        Ok(Response::new(pb::VerifyEmailResponse {}))
    }

    async fn resend_email_verification(
        &self,
        request: Request<pb::ResendEmailVerificationRequest>,
    ) -> Result<Response<pb::ResendEmailVerificationResponse>, Status> {
        let context = context(&request);
        let id = OpaqueToken::from_text(request.into_inner().verification_id);
        let id = self
            .mailbox
            .resend_email_verification(&context, &id)
            .await
            .map_err(status_beside_a_login)?;
        let verification_id = id.expose().to_owned();
        Ok(Response::new(pb::ResendEmailVerificationResponse { verification_id }))
    }

    async fn request_password_reset(
        &self,
        request: Request<pb::RequestPasswordResetRequest>,
    ) -> Result<Response<pb::RequestPasswordResetResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let request = RequestPasswordResetRequest {
            email: request.email,
            device_token: OpaqueToken::from_text(request.device_token),
        };
        let pending = self
            .mailbox
            .request_password_reset(&context, request)
            .await
            .map_err(status_beside_a_login)?;
        Ok(Response::new(convert::pending_reset(&pending)))
    }

    async fn reset_password(
        &self,
        request: Request<pb::ResetPasswordRequest>,
    ) -> Result<Response<pb::ResetPasswordResponse>, Status> {
        let (context, request) = (context(&request), request.into_inner());
        let request = ResetPasswordRequest {
            reset: OpaqueToken::from_text(request.reset_id),
            code: Zeroizing::new(request.code),
            new_password: Zeroizing::new(request.new_password),
            recovery_code: Zeroizing::new(request.recovery_code),
            end_unverified_account: request.end_unverified_account,
            request_id: request.request_id,
        };
        let device =
            self.accounts.reset_password(&context, request).await.map_err(status_beside_a_login)?;
        let device_token = device.map(|token| token.expose().to_owned()).unwrap_or_default();
        Ok(Response::new(pb::ResetPasswordResponse { device_token }))
    }

    async fn undo_email_change(
        &self,
        request: Request<pb::UndoEmailChangeRequest>,
    ) -> Result<Response<pb::UndoEmailChangeResponse>, Status> {
        let context = context(&request);
        let pb::UndoEmailChangeRequest { undo_code, request_id } = request.into_inner();
        let request = UndoRequest { undo_code: Zeroizing::new(undo_code), request_id };
        let undone = self.accounts.undo_email_change(&context, request).await;
        undone.map_err(status_beside_a_login)?;
        Ok(Response::new(pb::UndoEmailChangeResponse {}))
    }

    async fn undo_deletion(
        &self,
        request: Request<pb::UndoDeletionRequest>,
    ) -> Result<Response<pb::UndoDeletionResponse>, Status> {
        let context = context(&request);
        let pb::UndoDeletionRequest { undo_code, request_id } = request.into_inner();
        let request = UndoRequest { undo_code: Zeroizing::new(undo_code), request_id };
        let undone = self.accounts.undo_deletion(&context, request).await;
        undone.map_err(status_beside_a_login)?;
        Ok(Response::new(pb::UndoDeletionResponse {}))
    }
}
