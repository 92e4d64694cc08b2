//! `countersign serve`.

use std::io::Write as _;

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{App, Environment},
    config::{Config, Profile},
};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let app = App::bind(config, Environment::default()).await?;
    // Before the banner: whoever has read it may already send a signal.
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    std::io::stdout().write_all(banner(config, &app).as_bytes())?;
    app.serve(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await?;
    Ok(())
}

/// Where it listens, where its data is, and what to try next.
fn banner(config: &Config, app: &App) -> String {
    let (grpc, http) = (app.grpc_addr(), app.http_addr());
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("Countersign {version}\n\n  gRPC   {grpc}\n  HTTP   http://{http}\n");
    // The URL of a Postgres may hold a password.
    if config.profile == Profile::Development {
        text += &format!("  Data   {}\n  Codes  in this log\n", config.database.url);
    }
    if config.listen.reflection {
        let user = r#"{"username": "alice", "email": "alice@example.com", "password": "correct horse battery", "is_2fa_enabled": true}"#;
        text += &format!(
            "\nTry:\n\n  grpcurl -plaintext -d '{user}' {grpc} auth.v1.AuthService/Register\n"
        );
    }
    text + "\n"
}
