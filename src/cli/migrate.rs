//! `countersign migrate`.

use crate::{config::Database, store};

pub(super) async fn run(database: &Database) -> anyhow::Result<()> {
    let store = store::connect(&database.url, database.max_connections).await?;
    store.migrate().await?;
    store.check().await?;
    tracing::info!("the schema is up to date");
    store.close().await;
    Ok(())
}
