//! `countersign migrate`.

use crate::{config::Config, store};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let store = store::connect(&config.database.url, config.database.max_connections).await?;
    store.migrate().await?;
    store.check().await?;
    tracing::info!("the schema is up to date");
    store.close().await;
    Ok(())
}
