//! `countersign breached`: the list of breached passwords that new ones are compared with. It needs no settings, and no network.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context as _, bail};
use indicatif::HumanBytes;

use super::{bytes, date, unseen};
use crate::{
    domain::Password,
    password::breached::{Breached, Facts, Request, Source, build},
    service::Clock,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the file that COUNTERSIGN_BREACHED_PASSWORDS names, of a list such as Pwned Passwords
    Build(BuildArguments),
    /// Show what is in such a file, and try whether a password is
    Show(ShowArguments),
    /// Read a whole file, and say whether it is what was written
    Check(Named),
}

#[derive(Debug, clap::Args)]
struct BuildArguments {
    /// The file to make, or to replace
    out: PathBuf,
    /// The list, ordered by SHA-1: one file, or a folder with a file for each range
    list: PathBuf,
    /// Leave out what was seen in breaches less often
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    at_least: u64,
    /// Take a folder although files of ranges are missing
    #[arg(long)]
    partial: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArguments {
    #[command(flatten)]
    named: Named,
    /// Say whether a password is among them: typed unseen at a terminal, or one line of standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// A file that `breached build` has made
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let said = match &arguments.action {
        Action::Build(given) => made(given)?,
        Action::Show(given) => shown(given)?,
        Action::Check(given) => checked(given)?,
    };
    Ok(std::io::stdout().write_all(said.as_bytes())?)
}

fn made(given: &BuildArguments) -> anyhow::Result<String> {
    let source = Source::find(&given.list, given.partial)?;
    let (out, at_least, now) = (given.out.as_path(), given.at_least, Clock::system().now());
    let (bar, total) = (bytes::bar()?, source.bytes());
    let mut done = 0;
    let mut progress = |read| {
        done += read;
        // Nobody knows how much comes through a pipe.
        bytes::show(&bar, done, total.unwrap_or(done));
    };
    let facts = build(&Request { out, source: &source, at_least, now }, &mut progress)?;
    bar.finish_and_clear();
    Ok(format!("{}: {}\n", out.display(), described(&facts)))
}

fn shown(given: &ShowArguments) -> anyhow::Result<String> {
    let list = given.named.open()?;
    let facts = list.facts();
    let mut text = format!(
        "{}\nmade {}\nof {} passwords that are not among them, one is refused as if it were\n",
        described(&facts),
        date::seconds(facts.made_at),
        facts.one_wrong_in(),
    );
    if given.password_stdin {
        let has = list.contains(&Password::parse(&unseen::line()?)?)?;
        text +=
            if has { "the password is among them\n" } else { "the password is not among them\n" };
    }
    Ok(text)
}

fn checked(given: &Named) -> anyhow::Result<String> {
    let list = given.open()?;
    let (bar, total) = (bytes::bar()?, list.facts().bytes());
    let mut done = 0;
    let is_whole = list.check(&mut |read| {
        done += read;
        bytes::show(&bar, done, total);
    })?;
    bar.finish_and_clear();
    if !is_whole {
        bail!("{} is not what was written: copy it anew, or make it anew", given.file.display());
    }
    Ok(format!("{}: {}, as they were written\n", given.file.display(), described(&list.facts())))
}

impl Named {
    fn open(&self) -> anyhow::Result<Breached> {
        Breached::open(&self.file).with_context(|| self.file.display().to_string())
    }
}

fn described(facts: &Facts) -> String {
    let Facts { entries, at_least, .. } = facts;
    let often =
        if *at_least > 1 { format!(", seen {at_least} times or more") } else { String::new() };
    format!("{entries} passwords{often}, {}", HumanBytes(facts.bytes()))
}
