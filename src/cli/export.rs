//! `countersign export`: all users, as rows that can be imported again.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    pin::pin,
};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use futures_util::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use super::{
    context,
    import::{ImportRow, Shape, Writer, create},
};
use crate::{
    app,
    config::Config,
    service::{Clock, Transfers},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to write, for its owner's eyes alone; standard output unless it is given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// JSON lines, or CSV
    #[arg(long, default_value = "jsonl", value_parser = PossibleValuesParser::new(["jsonl", "csv"]).map(|name| shape(&name)))]
    format: Shape,
    /// With password hashes and secrets of authenticator apps
    #[arg(long)]
    hashes: bool,
}

fn shape(name: &str) -> Shape {
    if name == "csv" { Shape::Csv } else { Shape::JsonLines }
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let transfers = app::transfers(config, &Clock::system()).await?;
    let written = match &arguments.output {
        Some(path) => {
            let file = create(path).with_context(|| path.display().to_string())?;
            let file = write(&transfers, file, arguments).await?;
            file.sync_all()?;
            format!("to {}", path.display())
        }
        None => {
            write(&transfers, std::io::stdout(), arguments).await?;
            "to standard output".to_owned()
        }
    };
    tracing::info!("exported {written}");
    transfers.store.close().await;
    Ok(())
}

async fn write<W: Write>(
    transfers: &Transfers,
    output: W,
    arguments: &Arguments,
) -> anyhow::Result<W> {
    transfers.begin_export(&context::of_operator(), arguments.hashes).await?;
    let bar = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{pos} users, {per_sec}, {elapsed}")?);
    let mut writer = Writer::new(BufWriter::new(output), arguments.format)?;
    let mut portions = pin!(transfers.export_users(Uuid::nil(), arguments.hashes));
    while let Some(users) = portions.try_next().await? {
        bar.inc(users.len() as u64);
        for user in users {
            writer.write(&ImportRow::of_user(user))?;
        }
    }
    bar.finish_and_clear();
    Ok(writer.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}
