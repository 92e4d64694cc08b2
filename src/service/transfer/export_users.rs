//! ExportUsers: all users, page by page in the order of their ids.

use std::{collections::HashMap, iter, sync::Arc};

use futures_util::{Stream, TryStreamExt as _, stream};
use serde_json::{Map, Value};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Transfers, row::TransferredUser};
use crate::{
    domain::{Context, Event, EventKind, JsonObject, TotpSecret},
    password::HashParameters,
    service::Error,
    store::{self, ExportedUser, SealedTotp, Store},
    token::Place,
};

/// Users of a page: with the largest metadata and claims it has 18 MB. Each page costs the same beside its rows.
const PAGE: u32 = 1000;

/// Pages that are read at a time, while the one before is written or sent.
const AT_A_TIME: usize = 3;

/// Pages whose ends are looked up at a time. The next page waits for that, so that it must be rare.
const ENDS: u32 = 8;

/// Users that are parsed at a time, and sent in a message: with the largest metadata and claims they are within the 4 MiB that gRPC
/// clients take.
const PORTION: usize = 100;

/// Authenticator apps by their users' ids.
type Apps = HashMap<Uuid, SealedTotp>;

/// What is read at a time.
struct Page {
    users: Vec<ExportedUser>,
    /// Where secrets are asked for: the apps.
    secrets: Option<Apps>,
}

impl Page {
    async fn read(
        store: Arc<dyn Store>,
        (after, until): (Uuid, Uuid),
        with_secrets: bool,
    ) -> Result<Self, Error> {
        // The apps first: a user who is deleted in between is not exported, rather than without the app.
        let secrets = match with_secrets {
            true => Some(store.users_export_apps(after, until).await?),
            false => None,
        };
        let users = store.users_export(after, until).await?;
        Ok(Self { users, secrets })
    }
}

impl Transfers {
    /// Records that an export begins. Who may have the secrets is for the caller to ask.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_export(&self, context: &Context, with_secrets: bool) -> Result<(), Error> {
        let kind = if with_secrets { EventKind::SecretsExported } else { EventKind::UsersExported };
        let (actor, address) = (context.actor.clone(), context.address);
        let event = Event::of(kind, None, None, actor, address, self.clock.now());
        Ok(self.store.event_append(event, None).await?)
    }

    /// All users after that one, portion by portion in the order of their ids. Hashes and secrets are left out unless they are asked for.
    ///
    /// # Errors
    /// The store's; an object that is none; a secret that does not decrypt.
    pub fn export_users(
        &self,
        after: Uuid,
        with_secrets: bool,
    ) -> impl Stream<Item = Result<Vec<TransferredUser>, Error>> + Send + use<> {
        let store = Arc::clone(&self.store);
        let pages = self.ranges(after).map_ok(move |range| {
            let page = tokio::spawn(Page::read(Arc::clone(&store), range, with_secrets));
            async { page.await.map_err(|panicked| Error::Internal(panicked.into()))? }
        });
        let transfers = self.clone();
        let portions = pages
            .try_buffered(AT_A_TIME)
            .map_ok(move |page| stream::iter(transfers.clone().portions(page)));
        portions.try_flatten()
    }

    /// From which id to which a page goes. That is known before it is read, so that the next ones can be read meanwhile.
    fn ranges(
        &self,
        after: Uuid,
    ) -> impl Stream<Item = Result<(Uuid, Uuid), Error>> + Send + use<> {
        let store = Arc::clone(&self.store);
        let ranges = stream::try_unfold(Some(after), move |after| {
            let store = Arc::clone(&store);
            async move {
                let Some(after) = after else { return Ok::<_, Error>(None) };
                let mut ends = store.users_export_ends(after, PAGE, ENDS).await?;
                let next = ends.last().copied().filter(|_| ends.len() == ENDS as usize);
                if next.is_none() {
                    ends.push(Uuid::max());
                }
                let starts = iter::once(after).chain(ends.clone());
                Ok(Some((stream::iter(starts.zip(ends).map(Ok)), next)))
            }
        });
        ranges.try_flatten()
    }

    fn portions(
        self,
        page: Page,
    ) -> impl Iterator<Item = Result<Vec<TransferredUser>, Error>> + Send {
        let Page { users, secrets } = page;
        let mut users = users.into_iter();
        iter::from_fn(move || {
            let portion = users.by_ref().take(PORTION);
            let portion: Result<Vec<_>, _> =
                portion.map(|found| self.exported(found, secrets.as_ref())).collect();
            portion.map(|users| (!users.is_empty()).then_some(users)).transpose()
        })
    }

    fn exported(
        &self,
        found: ExportedUser,
        secrets: Option<&Apps>,
    ) -> Result<TransferredUser, Error> {
        let user = found.user;
        let app = secrets.and_then(|apps| apps.get(&user.id));
        let totp_secret = app.map(|app| self.open(user.id, app)).transpose()?;
        let password_hash = if secrets.is_some() { found.password_hash } else { String::new() };
        Ok(TransferredUser {
            id: Some(user.id),
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            password_hash: Zeroizing::new(password_hash),
            hash_parameters: HashParameters::default(),
            roles: user.roles,
            metadata: members(found.metadata, "users.metadata")?,
            claims: members(found.claims, "users.claims")?,
            totp_secret: totp_secret.unwrap_or_default(),
            two_factor_enabled: user.is_2fa_enabled,
            is_disabled: user.disabled_at.is_some(),
            created_at: Some(user.created_at),
        })
    }

    fn open(&self, user_id: Uuid, app: &SealedTotp) -> Result<Zeroizing<String>, Error> {
        let place = Place::TotpSecret { id: app.id, user_id };
        let secret = self.master_key.open(&place, &app.sealed_secret);
        let secret = secret.map_err(|error| Error::Internal(error.into()))?;
        let corrupt = || Error::Internal("a TOTP secret is not of its length".into());
        Ok(TotpSecret::from_bytes(&secret).ok_or_else(corrupt)?.base32())
    }
}

fn members(text: Option<String>, column: &'static str) -> Result<Map<String, Value>, Error> {
    let object = text.map(|text| JsonObject::from_text(&text).ok_or(store::Error::Corrupt(column)));
    Ok(object.transpose()?.unwrap_or_default().into_members())
}
