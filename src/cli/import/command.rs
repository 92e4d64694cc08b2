//! The command itself: rows in batches to the use case, a progress bar, and a summary.

use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, Format, Problem, Reader, Rejects, Row, RowError, Sources};
use crate::{
    app,
    cli::{context, table::aligned},
    config::Config,
    service::{Clock, ImportOutcome, Transfers},
};

/// Batches under way at a time: one is parsed while another one is written.
const AHEAD: usize = 2;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The file: JSON lines or CSV in our names, or an export of another system
    file: PathBuf,
    /// What the file is; found out unless it is given
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.map(|(_, name)| name))
        .try_map(|name| Format::parse(&name).ok_or("no such format")))]
    format: Option<Format>,
    /// Firebase: the file with the project's hash parameters, as the console shows them
    #[arg(long, value_name = "FILE")]
    hash_parameters: Option<PathBuf>,
    /// Auth0: the file with the password hashes, as support sends it
    #[arg(long, value_name = "FILE")]
    password_hashes: Option<PathBuf>,
    /// Take all addresses as verified, or none; otherwise as the file says
    #[arg(long, value_parser = PossibleValuesParser::new(["yes", "no"]).map(|text| text == "yes"))]
    verified: Option<bool>,
    /// Let roles of the other system named "admin" or "admin.viewer" make administrators of this one
    #[arg(long)]
    admins: bool,
    /// Change nothing: say what an import would do
    #[arg(long)]
    dry_run: bool,
    /// Rows in one transaction
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// Where rejected rows go, with the reason; FILE.rejected.jsonl unless it is given
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

pub(in crate::cli) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let sources = Sources {
        file: arguments.file.clone(),
        format: arguments.format,
        hash_parameters: arguments.hash_parameters.clone(),
        password_hashes: arguments.password_hashes.clone(),
        verified: arguments.verified,
        admins: arguments.admins,
    };
    let mut reader = Reader::open(&sources)?;
    let transfers = app::transfers(config, &Clock::system()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}: {}", arguments.file.display(), reader.what())?;
    let rejects = arguments.rejected.clone().unwrap_or_else(|| Rejects::beside(&arguments.file));
    let mut import = Import { counts: Counts::default(), rejects: Rejects::new(rejects) };
    let begun = Instant::now();
    let ended = import.all(&transfers, &mut reader, arguments).await;
    let Import { counts, rejects } = import;
    let rejected = rejects.finish().context("the rejected rows can't be written")?;
    out.write_all(counts.table(begun.elapsed(), arguments.dry_run).as_bytes())?;
    for (what, users) in reader.left_behind() {
        writeln!(out, "Not taken along: {what} ({users} users)")?;
    }
    transfers.store.close().await;
    // What went in is told before what went wrong.
    ended?;
    match rejected {
        Some((rows, path)) => bail!(
            "rejected: {rows}. {} has each row with the reason: mend it and import it",
            path.display()
        ),
        None => Ok(()),
    }
}

/// A batch: its rows, and those of its lines that are none.
#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    errors: Vec<RowError>,
    /// Why nothing follows, where the file is broken.
    broken: Option<anyhow::Error>,
}

/// A running import.
struct Import {
    counts: Counts,
    rejects: Rejects,
}

impl Import {
    /// Imports all rows. Where the file is broken, everything before is imported.
    async fn all(
        &mut self,
        transfers: &Transfers,
        reader: &mut Reader,
        arguments: &Arguments,
    ) -> anyhow::Result<()> {
        let (_, size) = reader.progress();
        // A progress bar shows itself only on a terminal.
        let bar = ProgressBar::new(size).with_style(ProgressStyle::with_template(
            "{bar:40} {percent:>3} %  {msg}  {elapsed} of {duration}, {eta} to go",
        )?);
        let begun = Instant::now();
        let batches = stream::iter(std::iter::from_fn(|| {
            let batch = Batch::read(reader, usize::from(arguments.batch));
            bar.set_position(reader.progress().0);
            batch
        }));
        let dry_run = arguments.dry_run;
        let imported = batches.map(|batch| async move {
            let rows = batch.rows.iter().map(|row| row.row.to_user()).collect();
            let context = context::of_operator();
            let outcomes = transfers.import_users(&context, rows, dry_run).await;
            (batch, outcomes)
        });
        let mut imported = std::pin::pin!(imported.buffered(AHEAD));
        while let Some((batch, outcomes)) = imported.next().await {
            self.count(&batch.rows, outcomes?)?;
            for error in &batch.errors {
                self.reject(error)?;
            }
            let rate = self.counts.rate(begun.elapsed());
            bar.set_message(format!("{} users, {rate:.0} a second", self.counts.all()));
            if let Some(broken) = batch.broken {
                bar.finish_and_clear();
                return Err(broken);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn count(&mut self, rows: &[Row], outcomes: Vec<ImportOutcome>) -> anyhow::Result<()> {
        for (row, outcome) in rows.iter().zip(outcomes) {
            match outcome {
                ImportOutcome::Created(_) => self.counts.created += 1,
                ImportOutcome::Exists(_) => self.counts.existing += 1,
                ImportOutcome::Invalid(problems) => {
                    let said = problems.iter().map(|of| format!("{}: {}", of.field, of.problem));
                    let said: Vec<_> = said.collect();
                    let problem = match &problems[..] {
                        [one] => Problem::new(one.field.clone(), &one.problem),
                        _ => Problem::new("", said.join("; ")),
                    };
                    self.reject(&row.refuse(problem))?;
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, error: &RowError) -> anyhow::Result<()> {
        self.counts.rejected += 1;
        self.rejects.write(error).context("the rejected rows can't be written")
    }
}

impl Batch {
    /// The next rows; `None` at the end of the file.
    fn read(reader: &mut Reader, most: usize) -> Option<Self> {
        let mut batch = Self::default();
        for row in reader.take(most) {
            match row {
                Ok(row) => batch.rows.push(row),
                Err(Failure::Row(error)) => batch.errors.push(error),
                Err(Failure::File(error)) => batch.broken = Some(error.into()),
            }
        }
        let is_empty = batch.rows.is_empty() && batch.errors.is_empty() && batch.broken.is_none();
        (!is_empty).then_some(batch)
    }
}

/// What became of the rows.
#[derive(Debug, Default)]
struct Counts {
    created: u64,
    existing: u64,
    rejected: u64,
}

impl Counts {
    fn all(&self) -> u64 {
        self.created + self.existing + self.rejected
    }

    fn rate(&self, took: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no file has that many rows")]
        let all = self.all() as f64;
        all / took.as_secs_f64().max(0.001)
    }

    fn table(&self, took: Duration, dry_run: bool) -> String {
        let created = if dry_run { "would be created" } else { "created" };
        let row = |what: &str, rows: u64| [what.to_owned(), rows.to_string()];
        let rows = [
            row(created, self.created),
            row("exist already", self.existing),
            row("rejected", self.rejected),
            row("in all", self.all()),
        ];
        let took_seconds = took.as_secs_f64();
        let rate = self.rate(took);
        format!("{}in {took_seconds:.1} s, {rate:.0} a second\n", aligned(&rows, &[0]))
    }
}
