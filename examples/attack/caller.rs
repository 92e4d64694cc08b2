//! Somebody at an address who calls the service.

use std::{net::IpAddr, time::Duration};

use countersign::pb::{
    BeginTotpEnrollmentRequest, ChangePasswordRequest, ConfirmTotpEnrollmentRequest,
    IntrospectTokenRequest, ListSessionsRequest, LoginRequest, RegisterRequest,
    RequestPasswordResetRequest, ResetPasswordRequest, Tokens, Verify2FaRequest,
    account_service_client::AccountServiceClient, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome, token_service_client::TokenServiceClient,
    verify2_fa_request::Proof,
};
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery";

const DEADLINE: Duration = Duration::from_secs(25);

/// A user who has registered.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) email: String,
}

/// Whoever calls from an address.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    channel: Channel,
    address: IpAddr,
}

impl Caller {
    /// A caller whom a trusted proxy forwards.
    pub(crate) fn new(channel: &Channel, address: IpAddr) -> Self {
        Self { channel: channel.clone(), address }
    }

    fn request<T>(&self, message: T) -> anyhow::Result<Request<T>, Status> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        request.metadata_mut().insert("x-forwarded-for", value(&self.address.to_string())?);
        Ok(request)
    }

    fn with_token<T>(&self, tokens: &Tokens, message: T) -> Result<Request<T>, Status> {
        let mut request = self.request(message)?;
        let bearer = value(&format!("Bearer {}", tokens.access_token))?;
        request.metadata_mut().insert("authorization", bearer);
        Ok(request)
    }

    fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.channel.clone())
    }

    fn account(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn register(&self, person: &Person, mailed: bool) -> Result<(), Status> {
        let request = RegisterRequest {
            username: person.username.clone(),
            email: person.email.clone(),
            password: PASSWORD.to_owned(),
            two_factor: mailed,
            ..RegisterRequest::default()
        };
        self.auth().register(self.request(request)?).await.map(drop)
    }

    /// Logs in; `device` is the device's token, or empty.
    pub(crate) async fn login(
        &self,
        username: &str,
        password: &str,
        device: &str,
    ) -> Result<Outcome, Status> {
        let request = LoginRequest {
            username: username.to_owned(),
            password: password.to_owned(),
            device_token: device.to_owned(),
            ..LoginRequest::default()
        };
        let response = self.auth().login(self.request(request)?).await?.into_inner();
        response.result.ok_or_else(|| Status::internal("a login without a result"))
    }

    pub(crate) async fn verify(&self, challenge: &str, proof: Proof) -> Result<Tokens, Status> {
        let challenge_id = challenge.to_owned();
        let request = Verify2FaRequest { challenge_id, proof: Some(proof), ..Default::default() };
        let response = self.auth().verify2_fa(self.request(request)?).await?.into_inner();
        response.tokens.ok_or_else(|| Status::internal("no tokens"))
    }

    /// Asks for a reset; gives its id.
    pub(crate) async fn ask_reset(&self, email: &str, device: &str) -> Result<String, Status> {
        let (email, device_token) = (email.to_owned(), device.to_owned());
        let request = RequestPasswordResetRequest { email, device_token };
        let response = self.auth().request_password_reset(self.request(request)?).await?;
        Ok(response.into_inner().reset_id)
    }

    /// Sets a new password.
    pub(crate) async fn reset(
        &self,
        id: &str,
        code: &str,
        new_password: &str,
    ) -> Result<(), Status> {
        let request = ResetPasswordRequest {
            reset_id: id.to_owned(),
            code: code.to_owned(),
            new_password: new_password.to_owned(),
            ..ResetPasswordRequest::default()
        };
        self.auth().reset_password(self.request(request)?).await.map(drop)
    }

    /// Enrols an authenticator app; gives it.
    pub(crate) async fn enroll(&self, tokens: &Tokens, now: u64) -> anyhow::Result<totp_rs::Totp> {
        let password = PASSWORD.to_owned();
        let begin = BeginTotpEnrollmentRequest { password, ..Default::default() };
        let begin = self.with_token(tokens, begin)?;
        let begun = self.account().begin_totp_enrollment(begin).await?.into_inner();
        let app = totp_rs::Totp::from_url(&begun.otpauth_uri)?;
        let (enrollment_id, totp_code) = (begun.enrollment_id, app.generate(now).to_string());
        let confirm =
            ConfirmTotpEnrollmentRequest { enrollment_id, totp_code, ..Default::default() };
        self.account().confirm_totp_enrollment(self.with_token(tokens, confirm)?).await?;
        Ok(app)
    }

    /// How many sessions are listed.
    pub(crate) async fn list_sessions(&self, tokens: &Tokens) -> Result<usize, Status> {
        let request = self.with_token(tokens, ListSessionsRequest::default())?;
        Ok(self.account().list_sessions(request).await?.into_inner().sessions.len())
    }

    pub(crate) async fn change_password(
        &self,
        tokens: &Tokens,
        new_password: &str,
    ) -> Result<(), Status> {
        let (current_password, new_password) = (PASSWORD.to_owned(), new_password.to_owned());
        let request =
            ChangePasswordRequest { current_password, new_password, ..Default::default() };
        self.account().change_password(self.with_token(tokens, request)?).await.map(drop)
    }

    /// Whether a token counts.
    pub(crate) async fn is_active(&self, tokens: &Tokens) -> Result<bool, Status> {
        let request = IntrospectTokenRequest { token: tokens.access_token.clone() };
        let mut client = TokenServiceClient::new(self.channel.clone());
        Ok(client.introspect_token(self.request(request)?).await?.into_inner().active)
    }
}

fn value(text: &str) -> Result<AsciiMetadataValue, Status> {
    text.parse().map_err(|_not_ascii| Status::internal("metadata that is not ASCII"))
}

/// A refusal's reason, or its code where it has none.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone())
}
