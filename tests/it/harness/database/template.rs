//! The schema, migrated once for all tests of this run: each would take longer for it than for its own work.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
};

use tokio::sync::OnceCell;

use super::{Backend, Database, postgres};

/// Copies a migrated file to where `database` will be.
pub(super) async fn sqlite(database: &Database) {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let bytes = FILE
        .get_or_init(async || {
            let template = Database::empty(Backend::Sqlite).await;
            let store = template.store().await;
            store.close().await;
            fs::read(path(&template)).unwrap()
        })
        .await;
    let mut options = OpenOptions::new();
    // As the server makes it: nobody else may read it.
    let mut file = options.write(true).create_new(true).mode(0o600).open(path(database)).unwrap();
    file.write_all(bytes).unwrap();
}

fn path(database: &Database) -> &str {
    database.url.strip_prefix("sqlite://").unwrap()
}

/// What `CREATE DATABASE` takes to copy a migrated database.
pub(super) async fn postgres() -> &'static str {
    static OPTIONS: OnceCell<String> = OnceCell::const_new();
    // A cluster that outlives this run would keep the template.
    if !postgres::is_ours() {
        return "";
    }
    OPTIONS
        .get_or_init(async || {
            // Never dropped: it goes with the cluster. Its folder is empty.
            let template = Box::leak(Box::new(Database::empty(Backend::Postgres).await));
            fs::remove_dir(template.folder()).unwrap();
            template.store().await.close().await;
            // Postgres copies only what nobody is connected to.
            template.set_away(true).await;
            format!(r#"TEMPLATE "{}""#, template.name())
        })
        .await
}
