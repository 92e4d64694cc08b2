//! Session settings that the service needs, whatever the role, the database, the server or a pooler sets.
//!
//! Two ways, and neither is a SET of the session, which would stay on a pooler's connection for its other clients.
//! [`BEGIN`] begins every transaction, and with it every write, with settings that end with it: that always works. Single
//! reads get theirs as startup options (`options`), which belong to our connection alone; a pooler refuses or drops them,
//! and [`first_look`] finds out which. (PostgreSQL's manual, 20.11 and "SET"; ADR 27.)

use std::{io, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    pins::{pinned, unpinned},
    pooler,
    url::{ConnectionString, host_of},
};
use crate::store::{Error, PATIENCE, Result};

/// Begins a transaction in READ COMMITTED: the statements rely on row locks, and a higher isolation level would make rivals
/// fail that wait here. A role may be read-only by default, have a time limit that is too short for a wait behind a rival, or
/// give up the safety of commits (`synchronous_commit`; whatever waits for more than the disk here is left as it is).
/// `transaction_timeout` came with Postgres 17, and an unknown setting would be an error.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = '30s'; \
     SELECT CASE WHEN current_setting('transaction_timeout', true) <> '0' \
                 THEN set_config('transaction_timeout', '0', true) END, \
            CASE WHEN current_setting('synchronous_commit') = 'off' \
                 THEN set_config('synchronous_commit', 'on', true) END";

/// The same where the session has all the other settings (`pins`).
pub(super) const BEGIN_PINNED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Delay before retrying a server that may be starting.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Queries settings. A simple query: a pooler may not support prepared statements.
const LOOK: &str = "SELECT current_setting('countersign.session', true) AS mark, \
     current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync, \
     current_setting('full_page_writes') AS full_page_writes";

/// Prepares the options for all hosts of `string`: checks the first server that answers, once.
///
/// # Errors
/// No server answers, with the reason of each; an unsuitable server or pooler; and one whose `fsync` or `full_page_writes`
/// is off, unless its host is one of `fsync_off_at`.
pub(super) async fn first_look(
    string: ConnectionString,
    fsync_off_at: &[String],
) -> Result<ConnectionString> {
    let until = Instant::now() + PATIENCE;
    loop {
        match look_at_each(&string, fsync_off_at).await {
            Ok(pinned) => return Ok(prepared(string, pinned)),
            // A starting server is often started together with this service.
            Err(error) if is_starting(&error) && Instant::now() < until => sleep(AGAIN_AFTER).await,
            Err(error) => return Err(error),
        }
    }
}

/// Whether startup options reach the first server that answers.
async fn look_at_each(string: &ConnectionString, fsync_off_at: &[String]) -> Result<bool> {
    let mut failures = Vec::new();
    for host in &string.hosts {
        match timeout(patience(string), look(host)).await {
            Ok(Ok((row, pinned))) => {
                check(&row, host, fsync_off_at)?;
                if !pinned {
                    behind_a_pooler(string, host).await?;
                }
                return Ok(pinned);
            }
            Ok(Err(error)) if pooler::refuses_options(&error) => return Err(dropped(string)),
            Ok(Err(error)) => failures.push((host_of(host), Error::from(error))),
            Err(_elapsed) => {
                failures.push((host_of(host), Error::Unavailable("it does not answer".into())));
            }
        }
    }
    Err(none_of_use(failures))
}

fn is_starting(error: &Error) -> bool {
    match error.of_sqlx() {
        Some(sqlx::Error::Io(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
        Some(error) => error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_transient_in_connect_phase),
        None => false,
    }
}

/// The timeout of one server.
fn patience(string: &ConnectionString) -> Duration {
    string.connect_timeout.map_or(PATIENCE, |limit| limit.min(PATIENCE))
}

/// Queries a server, and whether startup options took effect.
async fn look(host: &PgConnectOptions) -> sqlx::Result<(PgRow, bool)> {
    let mut connection = match pinned(host.clone()).connect().await {
        Err(error) if pooler::refuses_options(&error) => unpinned(host.clone()).connect().await?,
        other => other?,
    };
    let row = sqlx::raw_sql(LOOK).fetch_one(&mut connection).await?;
    // The answer is complete; closing is only polite.
    let _closed = connection.close().await;
    let pinned = row.try_get::<Option<String>, _>("mark")?.is_some();
    Ok((row, pinned))
}

fn prepared(mut string: ConnectionString, pins: bool) -> ConnectionString {
    let prepare = if pins { pinned } else { unpinned };
    string.hosts = string.hosts.into_iter().map(prepare).collect();
    string
}

/// Dropped options are an error where the URL asks for them; and a pooler in transaction mode must support prepared
/// statements.
async fn behind_a_pooler(string: &ConnectionString, host: &PgConnectOptions) -> Result<()> {
    if !string.session_settings.is_empty() {
        return Err(dropped(string));
    }
    let sharing = pooler::sharing(&unpinned(host.clone())).await?;
    tracing::info!(
        transaction_mode = sharing == pooler::Sharing::Transactions,
        "a pooler is before the database: see docs/guides/pgbouncer.md"
    );
    Ok(())
}

fn dropped(string: &ConnectionString) -> Error {
    Error::Unfit(format!(
        "the pooler before the database drops {}: set it for the role (ALTER ROLE … SET search_path = …) and leave it out of \
         the URL",
        string.session_settings.join(" and ")
    ))
}

fn check(row: &PgRow, host: &PgConnectOptions, fsync_off_at: &[String]) -> Result<()> {
    let setting = |name: &str| row.try_get::<String, _>(name);
    let encoding = setting("encoding")?;
    if encoding != "UTF8" {
        return Err(Error::Unfit(format!(
            "the database's encoding is {encoding}, in which not every name can be stored: make one with \
             CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )));
    }
    let mut off = Vec::new();
    for name in ["fsync", "full_page_writes"] {
        if setting(name)? == "off" {
            off.push(name);
        }
    }
    let name = match host.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => host.get_host().to_owned(),
    };
    if off.is_empty() {
        Ok(())
    } else if fsync_off_at.iter().any(|accepted| accepted.eq_ignore_ascii_case(&name)) {
        tracing::warn!(
            host = name,
            off = off.join(", "),
            "COUNTERSIGN_FSYNC_OFF_AT accepts this server: if its storage does not keep what was written when the power fails, \
             accounts, sessions and revocations that were acknowledged are lost"
        );
        Ok(())
    } else {
        Err(Error::NotDurable(off.join(", ")))
    }
}

/// One server's error as it is, or the first permanent one; where several are unavailable, the reasons of all in one line.
fn none_of_use(mut failures: Vec<(String, Error)>) -> Error {
    if failures.iter().any(|(_, error)| !matches!(error, Error::Unavailable(_)))
        || failures.len() == 1
    {
        let worst = failures.iter().position(|(_, error)| !matches!(error, Error::Unavailable(_)));
        let (_, error) = failures.swap_remove(worst.unwrap_or(0));
        return error;
    }
    let reasons: Vec<_> = failures
        .iter()
        .map(|(host, error)| {
            let reason = std::error::Error::source(error).map(ToString::to_string);
            format!("{host}: {}", reason.unwrap_or_default())
        })
        .collect();
    Error::Unavailable(reasons.join("; ").into())
}

/// A connection for migrations, without time limits.
///
/// # Errors
/// An unreachable server, and a pooler in transaction mode: the advisory lock that serialises migrations belongs to a
/// session, which such a pooler shares between clients.
pub(super) async fn for_migrations(options: &PgConnectOptions) -> Result<PgConnection> {
    if pooler::sharing(options).await? == pooler::Sharing::Transactions {
        return Err(Error::Unfit(
            "migrations can't go through a pooler in transaction mode: set COUNTERSIGN_MIGRATE_URL to the URL of the database \
             itself"
                .into(),
        ));
    }
    let mut connection = options.connect().await?;
    // On a connection of its own, which is closed afterwards.
    let limits = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                  SET default_transaction_read_only = off; \
                  SELECT set_config('transaction_timeout', '0', false) \
                  WHERE current_setting('transaction_timeout', true) IS NOT NULL";
    sqlx::raw_sql(limits).execute(&mut connection).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_reasons_are_in_one_line_and_a_worse_one_comes_first() {
        let away = |host: &str| (host.to_owned(), Error::Unavailable("it does not answer".into()));
        let error = none_of_use(vec![away("h1:1"), away("h2:2")]);
        let reasons = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(reasons.as_deref(), Some("h1:1: it does not answer; h2:2: it does not answer"));
        let unfit = ("h2:2".to_owned(), Error::Unfit("no".into()));
        assert!(matches!(none_of_use(vec![away("h1:1"), unfit]), Error::Unfit(_)));
    }
}
