//! FinishPasskeyRegistration: adds the passkey that the browser made.

use uuid::Uuid;

use super::PasskeyKeeper;
use crate::{
    delivery::Notice,
    domain::{Context, InvalidField, MOST_PASSKEYS, Passkey, name, request_id, size},
    passkey::{NewCredential, Registration, UserVerification},
    service::{
        Error, PasskeyError,
        ceremonies::Purpose,
        fields::{Fields, check_sizes},
        retries::Retry,
        sessions::Account,
    },
    store::{FactorChange, NewAssertion, NewPasskey, PasskeyAdded},
};

/// The request.
#[derive(Debug)]
pub struct FinishPasskeyRegistrationRequest {
    /// What the browser answered: JSON.
    pub credential_json: String,
    /// What the user calls the passkey.
    pub name: String,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

/// The request, parsed and valid.
struct Valid {
    registration: Registration,
    name: String,
    request_id: Option<Uuid>,
}

impl FinishPasskeyRegistrationRequest {
    fn parse(&self) -> Result<Valid, Error> {
        check_sizes([
            (size::CREDENTIAL_JSON, &self.credential_json),
            (size::NAME, &self.name),
            (size::REQUEST_ID, &self.request_id),
        ])?;
        let mut fields = Fields::default();
        let read = Registration::read(&self.credential_json);
        let read = read.map_err(|bad| InvalidField::new("credential_json", bad.to_string()));
        let registration = fields.check(read);
        let name = fields.check(name(&self.name));
        let request_id = fields.check(request_id(&self.request_id));
        let values = registration.zip(name).zip(request_id);
        fields.all(values.map(|((registration, name), request_id)| Valid {
            registration,
            name,
            request_id,
        }))
    }
}

impl PasskeyKeeper {
    /// Adds the passkey. Its registration was begun with the password, and with a fresh proof where the second factor is on, minutes ago.
    ///
    /// # Errors
    /// Bad fields; there are no passkeys; a session that has not used a second factor that is on; an answer that is not right, or to a
    /// challenge that is not this session's, has ended, or was used; a passkey that is registered already; too many; the store's.
    pub async fn finish_passkey_registration(
        &self,
        context: &Context,
        account: &Account,
        request: FinishPasskeyRegistrationRequest,
    ) -> Result<Passkey, Error> {
        let Valid { registration, name, request_id } = request.parse()?;
        let session = account.session().id;
        let parts = [session.as_bytes(), request.credential_json.as_bytes(), name.as_bytes()];
        let retry = self.retries.of(request_id, "FinishPasskeyRegistration", &parts);
        let first = self.register(context, account, (&registration, &name), &retry);
        let again = async |id: zeroize::Zeroizing<Vec<u8>>| {
            let id = Uuid::from_slice(&id).map_err(|error| Error::Internal(error.into()))?;
            self.own(account, id).await
        };
        self.retries.once(&retry, first, again).await
    }

    async fn register(
        &self,
        context: &Context,
        account: &Account,
        (registration, name): (&Registration, &str),
        retry: &Retry,
    ) -> Result<Passkey, Error> {
        let relying_party = self.ceremonies.relying_party()?;
        account.must_have_used_second_factor()?;
        let challenge = registration.challenge().ok_or(Error::ChallengeInvalid)?;
        let used = self.ceremonies.use_of(&challenge, Purpose::of_registration(account))?;
        let verdict = registration.verify(relying_party, &challenge, UserVerification::Required);
        let credential = verdict.map_err(|refused| {
            tracing::info!(%refused, "a registration of a passkey was refused");
            Error::ChallengeInvalid
        })?;
        let passkey = self.passkey(account, credential, name);
        self.add(context, account, passkey, used, retry).await
    }

    fn passkey(&self, account: &Account, credential: NewCredential, name: &str) -> Passkey {
        Passkey {
            id: Uuid::now_v7(),
            user_id: account.user().id,
            // The store has it.
            user_handle: [0; 64],
            credential_id: credential.id,
            public_key: credential.public_key,
            sign_count: credential.sign_count,
            backup_eligible: credential.backup_eligible,
            backed_up: credential.backed_up,
            transports: credential.transports,
            aaguid: Uuid::from_bytes(credential.aaguid),
            name: name.to_owned(),
            created_at: self.clock.now(),
            last_used_at: None,
        }
    }

    async fn add(
        &self,
        context: &Context,
        account: &Account,
        passkey: Passkey,
        used: NewAssertion,
        retry: &Retry,
    ) -> Result<Passkey, Error> {
        let carried_out = self.retries.carried_out(retry, passkey.id.as_bytes())?;
        let change = FactorChange { carried_out, ..self.factors.factor_change(context, account) };
        let new = NewPasskey { passkey: passkey.clone(), change, used, most: MOST_PASSKEYS };
        let notice = self.outbox.notice(context, account.user(), Notice::PasskeyAdded)?;
        match self.store.passkey_add(new, notice).await? {
            PasskeyAdded::Done => {
                self.outbox.wake();
                Ok(passkey)
            }
            // Also a race: the password was changed, or the session ended.
            PasskeyAdded::Refused => Err(Error::ChallengeInvalid),
            PasskeyAdded::Taken => Err(PasskeyError::Taken.into()),
            PasskeyAdded::TooMany => Err(PasskeyError::TooMany.into()),
        }
    }
}
