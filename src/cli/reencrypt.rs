//! `countersign keys reencrypt`.

use std::io::Write as _;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use super::table::aligned;
use crate::{
    app,
    config::Config,
    service::{Clock, Reencrypted},
};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let reencryption = app::reencryption(config, &Clock::system()).await?;
    // A progress bar shows itself only on a terminal.
    let bar = ProgressBar::new(reencryption.count().await?).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} values  {elapsed} of {duration}")?,
    );
    let done = reencryption.run(&|values| bar.inc(values)).await;
    bar.finish_and_clear();
    reencryption.store.close().await;
    let done = done?;
    std::io::stdout().write_all(text(&done).as_bytes())?;
    let unreadable = unreadable(&done);
    if unreadable.is_empty() {
        return Ok(());
    }
    bail!("neither master key opens these values, which stay as they are:{}", unreadable.concat())
}

fn text(done: &[Reencrypted]) -> String {
    let heading = ["column", "moved", "current before", "not opened"].map(str::to_owned);
    let row = |column: &Reencrypted| {
        [
            format!("{}.{}", column.table, column.column),
            column.moved.to_string(),
            column.current.to_string(),
            column.unreadable.len().to_string(),
        ]
    };
    let rows: Vec<_> = [heading].into_iter().chain(done.iter().map(row)).collect();
    let mut text = aligned(&rows, &[0]);
    if unreadable(done).is_empty() {
        text += "Everything is under the current master key: no server needs COUNTERSIGN_MASTER_KEY_OLD any more.\n";
    }
    text
}

/// A line for each row that no key decrypts.
fn unreadable(done: &[Reencrypted]) -> Vec<String> {
    let lines = |column: &Reencrypted| {
        let line = |id: &String| format!("\n  {} {id}", column.table);
        column.unreadable.iter().map(line).collect::<Vec<_>>()
    };
    done.iter().flat_map(lines).collect()
}
