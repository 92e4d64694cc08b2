//! DeletePasskey: a passkey that is lost, or not used any more. The password that this takes remains as a way in.

use uuid::Uuid;

use super::PasskeyKeeper;
use crate::{
    delivery::Notice,
    domain::{Context, Password, passkey_id, size},
    service::{
        Error, PasskeyError,
        factors::Confirmation,
        fields::{Fields, check_sizes},
        retries::Retry,
        sessions::Account,
    },
    store::{FactorChange, PasskeyDeleted},
};

/// The request.
#[derive(Debug)]
pub struct DeletePasskeyRequest {
    /// The passkey's id.
    pub passkey_id: String,
    /// The user's proof.
    pub confirmation: Confirmation,
}

/// The request, parsed and valid.
struct Valid {
    id: Uuid,
    password: Password,
    request_id: Option<Uuid>,
}

impl DeletePasskeyRequest {
    fn parse(&self) -> Result<Valid, Error> {
        let [password, proof, request_id] = self.confirmation.sizes();
        check_sizes([(size::PASSKEY_ID, &self.passkey_id), password, proof, request_id])?;
        let mut fields = Fields::default();
        let id = fields.check(passkey_id(&self.passkey_id));
        let values = id.zip(self.confirmation.check(&mut fields));
        fields.all(values.map(|(id, (password, request_id))| Valid { id, password, request_id }))
    }
}

impl PasskeyKeeper {
    /// Deletes one of the user's passkeys. Also where the service has none any more.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the user has no such passkey; the store's and the hasher's.
    pub async fn delete_passkey(
        &self,
        context: &Context,
        account: &Account,
        request: DeletePasskeyRequest,
    ) -> Result<(), Error> {
        let Valid { id, password, request_id } = request.parse()?;
        let session = account.session().id;
        let parts = [session.as_bytes().as_slice(), id.as_bytes()];
        let retry = self.retries.of(request_id, "DeletePasskey", &parts);
        let first = self.delete(context, account, id, (&password, &request.confirmation), &retry);
        let again = async |_empty| self.factors.confirm_again(context, account, &password).await;
        self.retries.once(&retry, first, again).await
    }

    async fn delete(
        &self,
        context: &Context,
        account: &Account,
        id: Uuid,
        (password, confirmation): (&Password, &Confirmation),
        retry: &Retry,
    ) -> Result<(), Error> {
        let second_factor = confirmation.second_factor.as_ref();
        self.factors.confirm(context, account, password, second_factor).await?;
        let carried_out = self.retries.carried_out(retry, &[])?;
        let change = FactorChange { carried_out, ..self.factors.factor_change(context, account) };
        let notice = self.outbox.notice(context, account.user(), Notice::PasskeyDeleted)?;
        match self.store.passkey_delete(change, id, notice).await? {
            PasskeyDeleted::Done => {
                self.outbox.wake();
                Ok(())
            }
            // A race: the password was changed, or the session ended.
            PasskeyDeleted::Refused => Err(Error::InvalidCredentials),
            PasskeyDeleted::NotFound => Err(PasskeyError::NotFound.into()),
        }
    }
}
