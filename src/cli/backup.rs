//! `countersign backup`.

use std::{io::Write as _, path::PathBuf};

use anyhow::ensure;
use tokio::signal::ctrl_c;

use super::{bytes, restore::describe};
use crate::{
    config::Database,
    store::{Kind, sqlite},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to make. It must not be there yet
    file: PathBuf,
}

pub(super) async fn run(database: &Database, arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        database.kind() == Some(Kind::Sqlite),
        "this is a Postgres: back it up with `pg_dump --format=custom`, or with the means of whoever hosts it"
    );
    let bar = bytes::bar()?;
    let progress = |done, total| bytes::show(&bar, done, total);
    let made = tokio::select! {
        made = sqlite::back_up(&database.url, &arguments.file, &progress) => made,
        _ = ctrl_c() => anyhow::bail!("stopped: there is no back-up"),
    };
    bar.finish_and_clear();
    let said = format!(
        "Backed up: {}.\n\
         The master key is not in it, and without that key of today nobody can use it: keep the two apart.\n",
        describe(&made?)
    );
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(())
}
