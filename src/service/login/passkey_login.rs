//! BeginPasskeyLogin and FinishPasskeyLogin: a passkey in place of a username, a password and the second factor.

use super::{Logins, passkey_refusal::PasskeyRefusal};
use crate::{
    domain::{AuthMethod, Context, EventKind, device_name, size},
    passkey::Assertion,
    service::{
        Error,
        ceremonies::{Answered, CeremonyOptions, Proof, assertion},
        fields::{Fields, check_sizes},
        sessions::{Destination, Tokens},
    },
    store::{Credentials, PasskeyProof, PasskeyProved},
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct FinishPasskeyLoginRequest {
    /// What the browser answered: JSON.
    pub credential_json: String,
    /// The audience of the tokens; may be empty.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The device token of an earlier login; may be empty.
    pub device_token: OpaqueToken,
}

/// The request, parsed and valid.
struct Valid {
    assertion: Assertion,
    audience: String,
    device_name: String,
}

impl Logins {
    /// What a browser is asked for a login. It says nothing about accounts, and nothing is stored.
    ///
    /// # Errors
    /// Too many calls from an address; there are no passkeys.
    pub fn begin_passkey_login(&self, context: &Context) -> Result<CeremonyOptions, Error> {
        self.limits.admit(context)?;
        self.ceremonies.ask_for_login()
    }

    /// Logs in with a passkey. There is nothing to guess, so that no failure counts against an account.
    ///
    /// # Errors
    /// There are no passkeys; bad fields; too many calls; a challenge that is not ours, ended or was used; a passkey that is nobody's, not
    /// right, or of a disabled account, with one answer for all of those; the store's.
    pub async fn finish_passkey_login(
        &self,
        context: &Context,
        request: FinishPasskeyLoginRequest,
    ) -> Result<Tokens, Error> {
        check_sizes([
            (size::CREDENTIAL_JSON, &request.credential_json),
            (size::AUDIENCE, &request.audience),
            (size::DEVICE_NAME, &request.device_name),
        ])?;
        self.limits.admit(context)?;
        self.ceremonies.relying_party()?;
        let valid = self.parse_passkey_login(&request)?;
        let answered = self.ceremonies.answered(&valid.assertion)?;
        let found = self.store.passkey_find(valid.assertion.credential_id().to_vec()).await?;
        let Some((passkey, credentials)) = found else {
            return self.refuse_passkey(context, &answered, refused_login(None, false)).await;
        };
        let refused = |is_copy| refused_login(Some(&credentials), is_copy);
        match self.ceremonies.prove(&valid.assertion, &answered, &passkey).await? {
            Proof::Right(proof) if credentials.user.disabled_at.is_none() => {
                let device_id = self.sessions.known_device(&credentials, &request.device_token);
                let destination = Destination {
                    session_id: None,
                    device_id,
                    audience: valid.audience,
                    device_name: valid.device_name,
                    address: context.address,
                };
                self.begin_by_passkey(context, &credentials, &destination, (proof, &answered)).await
            }
            Proof::Right(_) | Proof::Wrong => {
                self.refuse_passkey(context, &answered, refused(false)).await
            }
            Proof::Copied => self.refuse_passkey(context, &answered, refused(true)).await,
        }
    }

    fn parse_passkey_login(&self, request: &FinishPasskeyLoginRequest) -> Result<Valid, Error> {
        let mut fields = Fields::default();
        let assertion = fields.check(assertion(size::CREDENTIAL_JSON, &request.credential_json));
        let device_name = fields.check(device_name(&request.device_name));
        let audience = self.policy.audience(&request.audience);
        fields.require(audience.is_some(), "audience", "is not one of the configured audiences");
        fields.all((|| {
            let (audience, device_name) = (audience?.to_owned(), device_name?);
            Some(Valid { assertion: assertion?, audience, device_name })
        })())
    }

    async fn begin_by_passkey(
        &self,
        context: &Context,
        credentials: &Credentials,
        destination: &Destination,
        (proof, answered): (PasskeyProof, &Answered),
    ) -> Result<Tokens, Error> {
        let methods = AuthMethod::OF_A_PASSKEY;
        let session = self.sessions.new_session(credentials, destination, methods);
        let (version, limit) =
            (credentials.credential_version, self.sessions.session_limit(session.created_at));
        let device_id = self.sessions.device_to_be(&session, destination);
        let device = self.sessions.device_of_login(context, &credentials.user, destination)?;
        let refused = |is_copy| refused_login(Some(credentials), is_copy);
        match self.store.session_by_passkey(session, version, proof, limit, device).await? {
            PasskeyProved::Session(session) => {
                self.sessions.issue_at_login(credentials, &session, device_id, false)
            }
            PasskeyProved::Used => Err(Error::ChallengeInvalid),
            // Of the authenticator and its copy, the other one was faster.
            PasskeyProved::CounterNotHigher => {
                self.refuse_passkey(context, answered, refused(true)).await
            }
            // A race: the passkey was deleted, or the account disabled.
            PasskeyProved::Refused => self.refuse_passkey(context, answered, refused(false)).await,
        }
    }
}

fn refused_login(found: Option<&Credentials>, is_copy: bool) -> PasskeyRefusal {
    let user_id = found.map(|found| found.user.id);
    PasskeyRefusal { kind: EventKind::LoginFailed, user_id, session_id: None, is_copy }
}
