//! `countersign restore`.

use std::{io::Write as _, path::PathBuf};

use anyhow::ensure;
use indicatif::HumanBytes;
use tokio::signal::ctrl_c;

use super::{bytes, context, date};
use crate::{
    config::Database,
    service::{self, Clock},
    store::{
        Database as _, Kind,
        sqlite::{Content, Restore, Restored},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The back-up, as `countersign backup` has made it
    #[arg(required_unless_present = "already_restored")]
    file: Option<PathBuf>,
    /// The database was restored by other means (pg_restore, a snapshot): only end what an older state has revived
    #[arg(long, conflicts_with = "file")]
    already_restored: bool,
    /// Let recovery codes, and codes that undo a change of address, count as they did then. Only where certainly none was used since
    #[arg(long)]
    keep_recovery_codes: bool,
}

pub(super) async fn run(database: &Database, arguments: &Arguments) -> anyhow::Result<()> {
    let said = match &arguments.file {
        Some(file) => tokio::select! {
            restored = restore(database, file, arguments) => restored?,
            _ = ctrl_c() => anyhow::bail!("stopped: the database is what it was"),
        },
        None => {
            put_right(database, arguments).await?;
            String::new()
        }
    };
    let said = said + &ended(arguments.keep_recovery_codes);
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(())
}

async fn restore(
    database: &Database,
    file: &std::path::Path,
    arguments: &Arguments,
) -> anyhow::Result<String> {
    ensure!(
        database.kind() == Some(Kind::Sqlite),
        "this is a Postgres: stop the servers, restore what `pg_dump` has made with `pg_restore`, and then run \
         `countersign restore --already-restored`"
    );
    let bar = bytes::bar()?;
    let progress = |done, total| bytes::show(&bar, done, total);
    let clock = Clock::system();
    let restore = Restore::begin(&database.url, file, &progress).await;
    bar.finish_and_clear();
    let restore = restore?;
    let from = describe(&restore.content);
    let (store, keep) = (restore.store().await?, arguments.keep_recovery_codes);
    service::end_what_was_revived(&context::of_operator(), &store, &clock, keep).await?;
    store.close().await;
    drop(store);
    Ok(done(&from, &restore.finish(clock.now()).await?))
}

async fn put_right(database: &Database, arguments: &Arguments) -> anyhow::Result<()> {
    let store = database.connect_existing().await?;
    store.check().await?;
    let (clock, keep) = (Clock::system(), arguments.keep_recovery_codes);
    service::end_what_was_revived(&context::of_operator(), store.as_ref(), &clock, keep).await?;
    store.close().await;
    Ok(())
}

/// A summary of a database in one line.
pub(super) fn describe(content: &Content) -> String {
    let last = content.last_event.map_or_else(|| "never".to_owned(), date::seconds);
    format!(
        "{} ({} users, schema {}, last event {last}, {})",
        content.path.display(),
        content.users,
        content.schema,
        HumanBytes(content.bytes)
    )
}

fn done(from: &str, restored: &Restored) -> String {
    let path = restored.path.display();
    let Some(kept) = &restored.kept else {
        return format!("Restored to {path}, where there was no database: {from}.\n");
    };
    let replaced =
        restored.replaced.as_ref().map_or_else(|| "it can't be read".to_owned(), describe);
    format!(
        "Restored to {path}: {from}.\n\
         Replaced: {replaced}.\n\
         That one is kept as {}: delete it when nobody needs it any more.\n",
        kept.display()
    )
}

/// What the restore has ended, and the steps left for the operator.
fn ended(recovery_codes_kept: bool) -> String {
    let codes = if recovery_codes_kept {
        "Recovery codes count as they did then.\n"
    } else {
        "Recovery codes have ended: users make new ones once they have logged in.\n"
    };
    format!(
        "All sessions, challenges and mailed codes have ended: everybody logs in again.\n{codes}\
         All tokens of service accounts have ended: services get new ones by their keys.\n\
         All else is as it was then. See to what has been done since for a reason:\n\
         keys retired (`countersign keys list`), users disabled, passwords and addresses changed, accounts deleted,\n\
         and service accounts that were disabled, narrowed or deleted (`countersign service-account list`) or whose\n\
         keys were revoked (`countersign service-account key list NAME`): their keys count again.\n"
    )
}
