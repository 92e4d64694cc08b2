//! ImportUsers: adds users with the hashes that another system has made.
//!
//! A batch commits as a whole, so that a row with a result is there for good. A user who exists is left as they are: the same batch can be
//! sent again (idempotent).

use std::borrow::Cow;

use uuid::Uuid;

use super::{
    Transfers,
    derived_name::{derived_name, distinct_name},
    row::TransferredUser,
};
use crate::{
    domain::{
        CLOCK_SKEW, Context, Email, InvalidField, JsonObject, Timestamp, TotpSecret, User,
        Username, last_step_at, roles,
    },
    password::Passwords,
    service::Error,
    store::{Imported, ImportedUser, Revoking, SealedTotp},
    token::Place,
};

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The user was created, or would be.
    Created(Uuid),
    /// There is this user.
    Exists(Uuid),
    /// The row can't be imported.
    Invalid(Vec<RowProblem>),
}

/// What is wrong with a field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The field.
    pub field: Cow<'static, str>,
    /// What is wrong with it. It never repeats the value.
    pub problem: String,
}

impl Transfers {
    /// Imports a batch of users, or tells what an import would do.
    ///
    /// # Errors
    /// The store's. Then none of the batch is imported.
    pub async fn import_users(
        &self,
        context: &Context,
        rows: Vec<TransferredUser>,
        validate_only: bool,
    ) -> Result<Vec<ImportOutcome>, Error> {
        let now = self.clock.now();
        let parsed: Vec<_> = rows.iter().map(|row| self.parse(row, now)).collect();
        let valid: Vec<_> = parsed.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
        let (actor, address) = (context.actor.clone(), context.address);
        let at = Revoking { now, tokens_expire_at: now, actor, address, carried_out: None };
        let stored = self.store_all(valid, &at, validate_only).await?;
        let mut stored = stored.into_iter();
        let outcome = |row: Result<ImportedUser, Vec<RowProblem>>| match row {
            Ok(row) => stored.next().map(|became| outcome(row.user.id, became)),
            Err(problems) => Some(ImportOutcome::Invalid(problems)),
        };
        let outcomes: Option<Vec<_>> = parsed.into_iter().map(outcome).collect();
        outcomes.ok_or_else(|| Error::Internal("the store answered fewer rows than it got".into()))
    }

    /// Stores the rows, or tells what would become of them. A row without a name of its own whose first one is taken gets another one.
    async fn store_all(
        &self,
        rows: Vec<ImportedUser>,
        at: &Revoking,
        validate_only: bool,
    ) -> Result<Vec<Imported>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if validate_only {
            let stored = self.store.users_import_check(rows.clone()).await?;
            let finds_a_name = |(row, stored): (&ImportedUser, Imported)| {
                let is_renamed = !row.is_named && stored == Imported::UsernameTaken;
                if is_renamed { Imported::Created } else { stored }
            };
            return Ok(rows.iter().zip(stored).map(finds_a_name).collect());
        }
        let mut stored = self.store.users_import(rows.clone(), at.clone()).await?;
        let is_left =
            |row: &ImportedUser, stored| !row.is_named && stored == Imported::UsernameTaken;
        let left: Vec<_> =
            (0..rows.len()).filter(|&place| is_left(&rows[place], stored[place])).collect();
        let renamed = left.iter().filter_map(|&place| rename(&rows[place])).collect::<Vec<_>>();
        if renamed.len() == left.len() && !renamed.is_empty() {
            let again = self.store.users_import(renamed, at.clone()).await?;
            for (place, again) in left.into_iter().zip(again) {
                stored[place] = again;
            }
        }
        Ok(stored)
    }

    /// Checks all fields of a row, so that its sender sees every problem at once.
    fn parse(
        &self,
        row: &TransferredUser,
        now: Timestamp,
    ) -> Result<ImportedUser, Vec<RowProblem>> {
        let mut problems = Problems::default();
        let email = problems.check(Email::parse(&row.email));
        // Some systems have the address for a name.
        let is_named = !row.username.is_empty() && row.username != row.email;
        let username = match &email {
            Some(email) if !is_named => problems.check(derived_name(email)),
            None if !is_named => None,
            _ => problems.check(Username::parse(&row.username)),
        };
        let password_hash = problems.check(hash(row));
        let roles = problems.check(roles(&row.roles));
        let metadata = problems.check(JsonObject::parse_metadata(row.metadata.clone()));
        let claims = problems.check(JsonObject::parse_claims(row.claims.clone()));
        let secret = (!row.totp_secret.is_empty()).then(|| TotpSecret::parse(&row.totp_secret));
        let secret = problems.check(secret.transpose());
        let created_at = problems.check(created_at(row, now));
        let fields = (|| {
            Some((
                email?,
                username?,
                password_hash?,
                roles?,
                metadata?,
                claims?,
                secret?,
                created_at?,
            ))
        })();
        let Some((email, username, password_hash, roles, metadata, claims, secret, created_at)) =
            fields.filter(|_| problems.0.is_empty())
        else {
            return Err(problems.0);
        };
        let id = Uuid::now_v7();
        let totp = secret.map(|secret| self.seal(id, &secret, now)).transpose()?;
        let user = User {
            is_2fa_enabled: row.two_factor_enabled || totp.is_some(),
            email_verified: row.email_verified,
            roles,
            claims,
            disabled_at: row.is_disabled.then_some(now),
            ..User::new(id, username.as_str().to_owned(), email.as_str().to_owned(), created_at)
        };
        let (username_key, email_key) = (username.key().to_owned(), email.key().to_owned());
        Ok(ImportedUser { user, username_key, email_key, metadata, password_hash, totp, is_named })
    }

    /// Encrypts the secret of an app. A code that the other system may have taken is refused here (replay).
    fn seal(
        &self,
        user_id: Uuid,
        secret: &TotpSecret,
        now: Timestamp,
    ) -> Result<(SealedTotp, i64), Vec<RowProblem>> {
        let id = Uuid::now_v7();
        let sealed = self.master_key.seal(&Place::TotpSecret { id, user_id }, secret.expose());
        let problem = |_| {
            vec![RowProblem { field: "totp_secret".into(), problem: "can't be encrypted".into() }]
        };
        Ok((SealedTotp { id, sealed_secret: sealed.map_err(problem)? }, last_step_at(now)))
    }
}

/// The row with a name that its address alone has.
fn rename(row: &ImportedUser) -> Option<ImportedUser> {
    let name = distinct_name(&Email::parse(&row.user.email).ok()?).ok()?;
    let username_key = name.key().to_owned();
    let user = User { username: name.as_str().to_owned(), ..row.user.clone() };
    Some(ImportedUser { user, username_key, ..row.clone() })
}

/// The hash in the text that is stored.
fn hash(row: &TransferredUser) -> Result<String, InvalidField> {
    if row.password_hash.is_empty() {
        return Ok(String::new());
    }
    Passwords::accept(&row.password_hash, &row.hash_parameters)
}

fn created_at(row: &TransferredUser, now: Timestamp) -> Result<Timestamp, InvalidField> {
    let created_at = row.created_at.unwrap_or(now);
    if created_at > now.plus(CLOCK_SKEW) || created_at.unix_seconds() < 0 {
        return Err(InvalidField::new("create_time", "must be between 1970 and now"));
    }
    Ok(created_at)
}

/// The problems of a row.
#[derive(Debug, Default)]
struct Problems(Vec<RowProblem>);

impl Problems {
    fn check<T>(&mut self, parsed: Result<T, InvalidField>) -> Option<T> {
        parsed
            .map_err(|InvalidField { field, problem, .. }| {
                self.0.push(RowProblem { field, problem })
            })
            .ok()
    }
}

fn outcome(id: Uuid, became: Imported) -> ImportOutcome {
    let taken = |field: &'static str, problem: &str| {
        ImportOutcome::Invalid(vec![RowProblem {
            field: field.into(),
            problem: problem.to_owned(),
        }])
    };
    match became {
        Imported::Created => ImportOutcome::Created(id),
        Imported::Exists(id) => ImportOutcome::Exists(id),
        Imported::UsernameTaken => taken("username", "is taken by a user with another address"),
        Imported::EmailTaken => taken("email", "is taken by a user with another name"),
    }
}
