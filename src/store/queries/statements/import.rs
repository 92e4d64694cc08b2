//! Imports of users, many rows a statement.

use std::collections::{HashMap, HashSet};

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Connection, events, user_roles};
use crate::{
    domain::{Event, EventKind},
    store::{Credentials, Imported, ImportedUser, Result, Revoking},
};

type Statement = QueryBuilder<<Connection as sqlx::Connection>::Database>;

/// Rows per statement: fifteen values each, of the 32,766 parameters that SQLite allows.
const ROWS: usize = 1000;

pub(in crate::store) async fn add(
    connection: &mut Connection,
    batch: &[ImportedUser],
    at: &Revoking,
) -> Result<Vec<Imported>> {
    let mut added = HashSet::new();
    for rows in batch.chunks(ROWS) {
        added.extend(insert(connection, rows).await?);
    }
    let is_added = |row: &&ImportedUser| added.contains(&row.user.id);
    let of_added: Vec<_> = batch.iter().filter(is_added).collect();
    user_roles::put(connection, of_added.iter().map(|row| &row.user)).await?;
    insert_apps(connection, &of_added).await?;
    if !of_added.is_empty() {
        let (actor, address) = (at.actor.clone(), at.address);
        let event = Event::of(EventKind::UsersImported, None, None, actor, address, at.now);
        events::put(connection, &[event]).await?;
    }
    let rest: Vec<_> = batch.iter().filter(|row| !is_added(row)).collect();
    let taken = Taken::by(connection, &rest).await?;
    let outcome = |row: &ImportedUser| {
        if added.contains(&row.user.id) { Imported::Created } else { taken.outcome(row) }
    };
    Ok(batch.iter().map(outcome).collect())
}

pub(in crate::store) async fn check(
    connection: &mut Connection,
    batch: &[ImportedUser],
) -> Result<Vec<Imported>> {
    let rows: Vec<_> = batch.iter().collect();
    let taken = Taken::by(connection, &rows).await?;
    Ok(rows.into_iter().map(|row| taken.outcome(row)).collect())
}

/// Adds the rows whose keys are free, and returns their ids. Of two imports at once, one adds a row, and the other finds it.
async fn insert(connection: &mut Connection, rows: &[ImportedUser]) -> Result<Vec<Uuid>> {
    let mut statement = Statement::new(
        "INSERT INTO users (id, username, username_key, email, email_key, email_verified, password_hash, \
         credential_version, is_2fa_enabled, roles, disabled_at, created_at, metadata, claims) ",
    );
    statement.push_values(rows, |mut values, row| {
        let text =
            |object: &crate::domain::JsonObject| (!object.is_empty()).then(|| object.to_text());
        values
            .push_bind(row.user.id)
            .push_bind(&row.user.username)
            .push_bind(&row.username_key)
            .push_bind(&row.user.email)
            .push_bind(&row.email_key)
            .push_bind(row.user.email_verified)
            .push_bind(&row.password_hash)
            .push_bind(Credentials::FIRST_VERSION)
            .push_bind(row.user.is_2fa_enabled)
            .push_bind(row.user.roles.join(" "))
            .push_bind(row.user.disabled_at)
            .push_bind(row.user.created_at)
            .push_bind(text(&row.metadata))
            .push_bind(text(&row.user.claims));
    });
    statement.push(" ON CONFLICT DO NOTHING RETURNING id");
    Ok(statement.build_query_scalar().fetch_all(connection).await?)
}

/// Adds confirmed apps.
async fn insert_apps(connection: &mut Connection, rows: &[&ImportedUser]) -> Result<()> {
    let with_app = rows
        .iter()
        .filter_map(|row| row.totp.as_ref().map(|app| (row.user.id, row.user.created_at, app)));
    let apps: Vec<_> = with_app.collect();
    for apps in apps.chunks(ROWS) {
        let mut statement = Statement::new(
            "INSERT INTO totp_factors (id, user_id, credential_version, sealed_secret, last_step, attempts, created_at, \
             expires_at, confirmed_at) ",
        );
        statement.push_values(apps, |mut values, (user_id, at, (sealed, spent_step))| {
            values
                .push_bind(sealed.id)
                .push_bind(*user_id)
                .push_bind(Credentials::FIRST_VERSION)
                .push_bind(&sealed.sealed_secret)
                .push_bind(*spent_step)
                .push_bind(0)
                .push_bind(*at)
                .push_bind(*at)
                .push_bind(*at);
        });
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Accounts that have names or addresses of a batch.
#[derive(Default)]
struct Taken {
    by_username: HashMap<String, (Uuid, String)>,
    by_email: HashMap<String, Uuid>,
}

impl Taken {
    async fn by(connection: &mut Connection, rows: &[&ImportedUser]) -> Result<Self> {
        let mut taken = Self::default();
        for rows in rows.chunks(ROWS) {
            let mut statement = Statement::new(
                "SELECT id, username_key, email_key FROM users WHERE username_key IN (",
            );
            list(&mut statement, rows.iter().map(|row| &row.username_key));
            statement.push(") OR email_key IN (");
            list(&mut statement, rows.iter().map(|row| &row.email_key));
            statement.push(")");
            let found: Vec<(Uuid, String, String)> =
                statement.build_query_as().fetch_all(&mut *connection).await?;
            for (id, username_key, email_key) in found {
                taken.by_email.insert(email_key.clone(), id);
                taken.by_username.insert(username_key, (id, email_key));
            }
        }
        Ok(taken)
    }

    /// A user exists if name and address are one account's; without a name of its own, if the address is.
    fn outcome(&self, row: &ImportedUser) -> Imported {
        match (self.by_username.get(&row.username_key), self.by_email.get(&row.email_key)) {
            (Some((id, email_key)), _) if *email_key == row.email_key => Imported::Exists(*id),
            (_, Some(id)) if !row.is_named => Imported::Exists(*id),
            (Some(_), _) => Imported::UsernameTaken,
            (None, Some(_)) => Imported::EmailTaken,
            (None, None) => Imported::Created,
        }
    }
}

fn list<'a>(statement: &mut Statement, keys: impl Iterator<Item = &'a String>) {
    let mut separated = statement.separated(", ");
    for key in keys {
        separated.push_bind(key.clone());
    }
}
