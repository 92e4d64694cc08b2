//! BeginEmailLogin: a code for a login without a password (ADR 55).

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Logins;
use crate::{
    domain::{Context, Email, device_name, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        mailbox::{ANSWERED_AFTER, PendingMailboxCode},
    },
    store::CodeDestination,
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct BeginEmailLoginRequest {
    /// The user's e-mail address.
    pub email: String,
    /// The audience of the tokens; may be empty.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The device token of an earlier login; may be empty.
    pub device_token: OpaqueToken,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    email: Email,
    destination: CodeDestination,
    request_id: Option<Uuid>,
}

impl Logins {
    /// Sends a code, if an account has verified the address. The answer is the same without one (user enumeration).
    ///
    /// # Errors
    /// Logins by a mailed code are off; bad fields; the cool-down; too many calls or mails; the store's.
    pub async fn begin_email_login(
        &self,
        context: &Context,
        request: BeginEmailLoginRequest,
    ) -> Result<PendingMailboxCode, Error> {
        self.email_login_is_on()?;
        let begun = Instant::now();
        check_sizes([
            (size::EMAIL, &request.email),
            (size::AUDIENCE, &request.audience),
            (size::DEVICE_NAME, &request.device_name),
            (size::REQUEST_ID, &request.request_id),
        ])?;
        self.limits.admit(context)?;
        let valid = self.parse_email_login(&request)?;
        let pending = self.send_login_code(context, valid, &request.device_token).await;
        sleep_until(begun + ANSWERED_AFTER).await;
        pending
    }

    fn parse_email_login(&self, request: &BeginEmailLoginRequest) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let email = fields.check(Email::parse(request.email.trim()));
        let device_name = fields.check(device_name(&request.device_name));
        let request_id = fields.check(request_id(&request.request_id));
        let audience = self.policy.audience(&request.audience);
        fields.require(audience.is_some(), "audience", "is not one of the configured audiences");
        fields.all((|| {
            let (audience, device_name) = (audience?.to_owned(), device_name?);
            let destination = CodeDestination { audience, device_name, device_id: None };
            Some(Valid { email: email?, destination, request_id: request_id? })
        })())
    }

    async fn send_login_code(
        &self,
        context: &Context,
        valid: Valid,
        device_token: &OpaqueToken,
    ) -> Result<PendingMailboxCode, Error> {
        let Valid { email, destination, request_id } = valid;
        let CodeDestination { audience, device_name, .. } = &destination;
        let parts = [email.as_str(), audience, device_name].map(str::as_bytes);
        let retry = self.retries.of(request_id, "BeginEmailLogin", &parts);
        let to = (&email, device_token);
        let first = self.mailbox.send_login_code(context, to, destination, (&self.retries, &retry));
        let again = async |answer: zeroize::Zeroizing<Vec<u8>>| {
            let pending = PendingMailboxCode::of_bytes(&answer);
            pending.ok_or_else(|| Error::Internal("an answer is no code".into()))
        };
        self.retries.once(&retry, first, again).await
    }

    /// # Errors
    /// Logins by a mailed code are off.
    pub(super) fn email_login_is_on(&self) -> Result<(), Error> {
        if self.policy.email_login { Ok(()) } else { Err(Error::EmailLoginOff) }
    }
}
