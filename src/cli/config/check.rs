//! `countersign config check`.

use std::io::Write as _;

use anyhow::bail;

use crate::{
    app::{self, Finding},
    config::{Config, Profile, Settings},
    listen::Address,
    telemetry,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Connect to the database and to the mail server or webhook, too. Changes nothing, and sends nothing
    #[arg(long)]
    connect: bool,
}

pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::parse_to_serve(settings)?;
    telemetry::start(&config.log);
    let mut text = format!("{}\n", summary(&config));
    for warning in config.warnings() {
        text += &format!("warning: {warning}\n");
    }
    let findings = if arguments.connect { app::reach(&config).await } else { Vec::new() };
    let mut failures = 0;
    for Finding { of, found } in findings {
        failures += usize::from(found.is_err());
        text += &match found {
            Ok(found) => format!("{of}: {found}\n"),
            Err(problem) => format!("{of}: FAILED: {problem}\n"),
        };
    }
    std::io::stdout().write_all(text.as_bytes())?;
    match failures {
        0 => Ok(()),
        _ => bail!("the settings are valid, and not all that they name works"),
    }
}

/// What a start would be, in one line.
fn summary(config: &Config) -> String {
    let profile = match config.profile {
        Profile::Development => "development",
        Profile::Production => "production",
    };
    let listen = &config.listen;
    let at = |name: &str, address: &Address, has_tls: bool| {
        format!("{name} at {address}{}", if has_tls { " (TLS)" } else { "" })
    };
    let mut parts = vec![
        format!("the settings are valid: {profile}"),
        config.database.place(),
        at("gRPC", &listen.grpc, listen.grpc_tls.is_some()),
        at("HTTP", &listen.http, listen.http_tls.is_some()),
    ];
    parts.extend(listen.admin.as_ref().map(|it| at("admin", it, listen.admin_tls.is_some())));
    parts.extend(listen.debug.as_ref().map(|it| at("debug", it, false)));
    parts.push(format!("codes {}", config.delivery));
    parts.join(", ")
}
