//! `countersign migrate`.

use crate::config::Database;

pub(super) async fn run(database: &Database) -> anyhow::Result<()> {
    let store = database.connect_to_migrate().await?;
    store.migrate().await?;
    store.check().await?;
    tracing::info!("the schema is up to date");
    store.close().await;
    Ok(())
}
