//! AccountService: only translates. `access` has authenticated every caller.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream::BoxStream};
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::{
    access::{account, caller},
    arrival::context,
    convert, personal_data,
    status::status_beside_a_login as status,
};
use crate::{
    pb::{self, account_service_server::AccountService},
    service::{
        Accounts, ChangeEmailRequest, ChangePasswordRequest, ChangeUsernameRequest,
        ConfirmEmailChangeRequest, ConfirmTotpRequest, DeletePasskeyRequest, Factors,
        FinishPasskeyRegistrationRequest, ListSessionsRequest, Mailbox, PasskeyKeeper, Sessions,
    },
    token::OpaqueToken,
};

/// The handlers.
#[derive(Debug)]
pub struct AccountApi {
    /// Accounts.
    pub(crate) accounts: Arc<Accounts>,
    /// Second factors.
    pub(crate) factors: Arc<Factors>,
    /// Passkeys.
    pub(crate) passkeys: Arc<PasskeyKeeper>,
    /// Verification codes.
    pub(crate) mailbox: Arc<Mailbox>,
    /// Sessions.
    pub(crate) sessions: Arc<Sessions>,
}

#[tonic::async_trait]
impl AccountService for AccountApi {
    async fn get_me(
        &self,
        request: Request<pb::GetMeRequest>,
    ) -> Result<Response<pb::GetMeResponse>, Status> {
        let user = self.accounts.get_me(&account(&request)?);
        Ok(Response::new(pb::GetMeResponse { user: Some(convert::user(user)) }))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let account = account(&request)?;
        let pb::ListSessionsRequest { page_size, page_token } = request.into_inner();
        let request = ListSessionsRequest { page_size, page_token };
        let page = self.sessions.list_sessions(&account, request).await.map_err(status)?;
        let current = account.session().id;
        let (sessions, next_page_token) = (page.sessions.into_iter(), page.next_page_token);
        let sessions = sessions.map(|session| convert::session(session, current)).collect();
        Ok(Response::new(pb::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn revoke_session(
        &self,
        request: Request<pb::RevokeSessionRequest>,
    ) -> Result<Response<pb::RevokeSessionResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let id = request.into_inner().session_id;
        self.sessions.revoke_session(&context, &account, &id).await.map_err(status)?;
        Ok(Response::new(pb::RevokeSessionResponse {}))
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<pb::RevokeOtherSessionsRequest>,
    ) -> Result<Response<pb::RevokeOtherSessionsResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let revoked =
            self.sessions.revoke_other_sessions(&context, &account).await.map_err(status)?;
        let revoked_count = i32::try_from(revoked).unwrap_or(i32::MAX);
        Ok(Response::new(pb::RevokeOtherSessionsResponse { revoked_count }))
    }

    async fn list_trusted_devices(
        &self,
        request: Request<pb::ListTrustedDevicesRequest>,
    ) -> Result<Response<pb::ListTrustedDevicesResponse>, Status> {
        let devices = self.sessions.list_trusted_devices(&account(&request)?).await;
        let devices = devices.map_err(status)?.into_iter();
        let trusted_devices = devices.map(convert::trusted_device).collect();
        Ok(Response::new(pb::ListTrustedDevicesResponse { trusted_devices }))
    }

    async fn revoke_trusted_device(
        &self,
        request: Request<pb::RevokeTrustedDeviceRequest>,
    ) -> Result<Response<pb::RevokeTrustedDeviceResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let id = request.into_inner().id;
        self.sessions.revoke_trusted_device(&context, &account, &id).await.map_err(status)?;
        Ok(Response::new(pb::RevokeTrustedDeviceResponse {}))
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let request = request.into_inner();
        let request = ChangePasswordRequest {
            current_password: Zeroizing::new(request.current_password),
            new_password: Zeroizing::new(request.new_password),
            second_factor: convert::second_factor(request.second_factor),
            request_id: request.request_id,
        };
        self.accounts.change_password(&context, &account, request).await.map_err(status)?;
        Ok(Response::new(pb::ChangePasswordResponse {}))
    }

    async fn send_email_verification(
        &self,
        request: Request<pb::SendEmailVerificationRequest>,
    ) -> Result<Response<pb::SendEmailVerificationResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let id = self.mailbox.send_email_verification(&context, &account).await.map_err(status)?;
        let verification_id = id.expose().to_owned();
        Ok(Response::new(pb::SendEmailVerificationResponse { verification_id }))
    }

    async fn set_two_factor(
        &self,
        request: Request<pb::SetTwoFactorRequest>,
    ) -> Result<Response<pb::SetTwoFactorResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let request = request.into_inner();
        let confirmation =
            convert::confirmation(request.password, request.second_factor, String::new());
        let set = self.factors.set_two_factor(&context, &account, request.enabled, confirmation);
        let user = Some(convert::user(set.await.map_err(status)?));
        Ok(Response::new(pb::SetTwoFactorResponse { user }))
    }

    async fn begin_totp_enrollment(
        &self,
        request: Request<pb::BeginTotpEnrollmentRequest>,
    ) -> Result<Response<pb::BeginTotpEnrollmentResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::BeginTotpEnrollmentRequest { password, second_factor, request_id } =
            request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let begun = self.factors.begin_totp_enrollment(&context, &account, confirmation).await;
        Ok(Response::new(convert::enrollment(&begun.map_err(status)?)))
    }

    async fn confirm_totp_enrollment(
        &self,
        request: Request<pb::ConfirmTotpEnrollmentRequest>,
    ) -> Result<Response<pb::ConfirmTotpEnrollmentResponse>, Status> {
        let (context, caller) = (context(&request), caller(&request)?);
        let pb::ConfirmTotpEnrollmentRequest { enrollment_id, totp_code, request_id } =
            request.into_inner();
        let totp_code = Zeroizing::new(totp_code);
        let request = ConfirmTotpRequest { enrollment_id, totp_code, request_id };
        let codes = self.factors.confirm_totp_enrollment(&context, &caller, request).await;
        let recovery_codes = convert::recovery_codes(&codes.map_err(status)?);
        Ok(Response::new(pb::ConfirmTotpEnrollmentResponse { recovery_codes }))
    }

    async fn regenerate_recovery_codes(
        &self,
        request: Request<pb::RegenerateRecoveryCodesRequest>,
    ) -> Result<Response<pb::RegenerateRecoveryCodesResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::RegenerateRecoveryCodesRequest { password, second_factor, request_id } =
            request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let codes = self.factors.regenerate_recovery_codes(&context, &account, confirmation).await;
        let recovery_codes = convert::recovery_codes(&codes.map_err(status)?);
        Ok(Response::new(pb::RegenerateRecoveryCodesResponse { recovery_codes }))
    }

    async fn change_email(
        &self,
        request: Request<pb::ChangeEmailRequest>,
    ) -> Result<Response<pb::ChangeEmailResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::ChangeEmailRequest { new_email, password, second_factor, request_id } =
            request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let request = ChangeEmailRequest { new_email, confirmation };
        let pending = self.accounts.change_email(&context, &account, request).await;
        Ok(Response::new(convert::pending_change(&pending.map_err(status)?)))
    }

    async fn confirm_email_change(
        &self,
        request: Request<pb::ConfirmEmailChangeRequest>,
    ) -> Result<Response<pb::ConfirmEmailChangeResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::ConfirmEmailChangeRequest { change_id, code, request_id } = request.into_inner();
        let (change, code) = (OpaqueToken::from_text(change_id), Zeroizing::new(code));
        let request = ConfirmEmailChangeRequest { change, code, request_id };
        let user = self.accounts.confirm_email_change(&context, &account, request).await;
        let user = Some(convert::user(user.map_err(status)?));
        Ok(Response::new(pb::ConfirmEmailChangeResponse { user }))
    }

    async fn change_username(
        &self,
        request: Request<pb::ChangeUsernameRequest>,
    ) -> Result<Response<pb::ChangeUsernameResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::ChangeUsernameRequest { new_username, password, second_factor, request_id } =
            request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let request = ChangeUsernameRequest { new_username, confirmation };
        let user = self.accounts.change_username(&context, &account, request).await;
        let user = Some(convert::user(user.map_err(status)?));
        Ok(Response::new(pb::ChangeUsernameResponse { user }))
    }

    async fn begin_passkey_registration(
        &self,
        request: Request<pb::BeginPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::BeginPasskeyRegistrationResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::BeginPasskeyRegistrationRequest { password, second_factor } = request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, String::new());
        let options =
            self.passkeys.begin_passkey_registration(&context, &account, confirmation).await;
        let options = options.map_err(status)?;
        Ok(Response::new(pb::BeginPasskeyRegistrationResponse {
            creation_options_json: options.json,
            expire_time: Some(convert::timestamp(options.expires_at)),
        }))
    }

    async fn finish_passkey_registration(
        &self,
        request: Request<pb::FinishPasskeyRegistrationRequest>,
    ) -> Result<Response<pb::FinishPasskeyRegistrationResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::FinishPasskeyRegistrationRequest { credential_json, name, request_id } =
            request.into_inner();
        let request = FinishPasskeyRegistrationRequest { credential_json, name, request_id };
        let passkey = self.passkeys.finish_passkey_registration(&context, &account, request).await;
        let passkey = Some(convert::passkey(passkey.map_err(status)?));
        Ok(Response::new(pb::FinishPasskeyRegistrationResponse { passkey }))
    }

    async fn list_passkeys(
        &self,
        request: Request<pb::ListPasskeysRequest>,
    ) -> Result<Response<pb::ListPasskeysResponse>, Status> {
        let passkeys = self.passkeys.list_passkeys(&account(&request)?).await.map_err(status)?;
        let passkeys = passkeys.into_iter().map(convert::passkey).collect();
        Ok(Response::new(pb::ListPasskeysResponse { passkeys }))
    }

    async fn rename_passkey(
        &self,
        request: Request<pb::RenamePasskeyRequest>,
    ) -> Result<Response<pb::RenamePasskeyResponse>, Status> {
        let account = account(&request)?;
        let pb::RenamePasskeyRequest { passkey_id, name } = request.into_inner();
        let passkey = self.passkeys.rename_passkey(&account, &passkey_id, &name).await;
        let passkey = Some(convert::passkey(passkey.map_err(status)?));
        Ok(Response::new(pb::RenamePasskeyResponse { passkey }))
    }

    async fn delete_passkey(
        &self,
        request: Request<pb::DeletePasskeyRequest>,
    ) -> Result<Response<pb::DeletePasskeyResponse>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::DeletePasskeyRequest { passkey_id, password, second_factor, request_id } =
            request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let request = DeletePasskeyRequest { passkey_id, confirmation };
        self.passkeys.delete_passkey(&context, &account, request).await.map_err(status)?;
        Ok(Response::new(pb::DeletePasskeyResponse {}))
    }

    type ExportMeStream = BoxStream<'static, Result<pb::ExportMeResponse, Status>>;

    async fn export_me(
        &self,
        request: Request<pb::ExportMeRequest>,
    ) -> Result<Response<Self::ExportMeStream>, Status> {
        let (context, account) = (context(&request), account(&request)?);
        let pb::ExportMeRequest { password, second_factor } = request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, String::new());
        let parts = self.accounts.export_me(&context, &account, confirmation).await;
        let current = account.session().id;
        let messages = parts.map_err(status)?.map(move |part| {
            part.map(|part| personal_data::message(part, current)).map_err(status)
        });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn delete_me(
        &self,
        request: Request<pb::DeleteMeRequest>,
    ) -> Result<Response<pb::DeleteMeResponse>, Status> {
        let (context, caller) = (context(&request), caller(&request)?);
        let pb::DeleteMeRequest { password, second_factor, request_id } = request.into_inner();
        let confirmation = convert::confirmation(password, second_factor, request_id);
        let due_at = self.accounts.delete_me(&context, &caller, confirmation).await;
        let delete_time = due_at.map_err(status)?.map(convert::timestamp);
        Ok(Response::new(pb::DeleteMeResponse { delete_time }))
    }
}
