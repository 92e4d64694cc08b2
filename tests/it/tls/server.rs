//! Servers with TLS.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use countersign::{
    app::{App, Environment},
    config::Config,
    listen::{
        Address,
        tls::{ClientAuth, Files, MinVersion},
    },
};
use tokio::sync::oneshot;

use super::authority::{Authority, Pair};
use crate::harness::{Backend, Database, logs, server::config};

/// A server, until this is dropped.
pub struct Served {
    pub grpc: Address,
    pub http: Address,
    _stop: oneshot::Sender<()>,
}

impl Served {
    pub fn grpc(&self) -> SocketAddr {
        self.grpc.tcp().unwrap()
    }

    pub fn http(&self) -> SocketAddr {
        self.http.tcp().unwrap()
    }
}

/// The files of a server, in a folder of their own.
pub struct Folder {
    pub folder: tempfile::TempDir,
    pub files: Files,
}

impl Folder {
    /// With a pair, and with authorities whose clients are asked for a certificate.
    pub fn new(pair: &Pair, clients: Option<(&Authority, ClientAuth)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let client_authorities: Option<PathBuf> = clients.map(|(authority, _)| {
            fs::write(path("ca.crt"), authority.pem()).unwrap();
            path("ca.crt")
        });
        let files = Files {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            client_authorities,
            client_auth: clients.map_or(ClientAuth::Off, |(_, auth)| auth),
            min_version: MinVersion::Tls12,
        };
        fs::write(&files.certificate, &pair.certificate).unwrap();
        fs::write(&files.key, &pair.key).unwrap();
        Self { folder, files }
    }

    /// Events about these files.
    pub fn logged(&self) -> Vec<serde_json::Value> {
        logs::events_with(self.folder.path().to_str().unwrap())
    }
}

/// A server whose gRPC has TLS with these files, and whose HTTP has none.
pub async fn serve(files: &Files) -> Served {
    serve_with(|config, _| config.listen.grpc_tls = Some(files.clone())).await
}

pub async fn serve_with(change: impl FnOnce(&mut Config, &mut Environment)) -> Served {
    logs::start();
    let database = Arc::new(Database::new(Backend::Sqlite).await);
    let (mut config, mut environment) = (config(&database), Environment::default());
    change(&mut config, &mut environment);
    let app = App::bind(&config, environment).await.unwrap();
    let (grpc, http) = (app.grpc_addr().clone(), app.http_addr().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _database = database;
        let _dropped = Box::pin(app.serve(async { drop(stopped.await) })).await;
    });
    Served { grpc, http, _stop: stop }
}
