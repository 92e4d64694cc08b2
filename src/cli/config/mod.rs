//! `countersign config`: the settings, checked and shown.

mod check;
mod show;

use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Read all settings and files as serve does, and say what is wrong or what it would be
    Check(check::Arguments),
    /// Show every setting, its value and where that comes from. No secret is shown
    Show(show::Arguments),
}

pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.action {
        Action::Check(given) => Box::pin(check::run(settings, given)).await,
        Action::Show(given) => show::run(settings, given),
    }
}
