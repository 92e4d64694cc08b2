//! Online back-up beside running servers: a copy of one moment, complete or absent (ADR 25).

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::{
    content::{self, Content},
    draft::{Draft, Progress},
    file,
    files::{self, Absent},
};
use crate::store::{Error, Result};

/// Copies the database of `url` to the file `to`, which must not exist. Servers go on meanwhile: the copy is a snapshot of
/// all that was committed before it began.
///
/// # Errors
/// A bad URL, a database that is missing or not ours; a file that exists already or can't be written.
pub async fn back_up(url: &str, to: &Path, progress: Progress<'_>) -> Result<Content> {
    let path = files::prepare(&file(url)?, Absent::Refuse)?;
    let _in_use = files::lock_for_use(&path)?;
    if to.exists() {
        return Err(Error::File(format!(
            "{} is there already: nothing is overwritten",
            to.display()
        )));
    }
    let mut connection = content::open(&path).await?;
    Content::of(&mut connection, &path).await?;
    let draft = Draft::beside(to)?;
    let total = used_bytes(&mut connection).await?;
    draft.grows(copy(&mut connection, &draft), total, progress).await?;
    connection.close().await?;
    let whole = Content::at_rest(draft.path()).await;
    draft.name(to)?;
    let whole = whole.ok_or_else(|| Error::File("the copy cannot be read".into()))?;
    Ok(Content { path: to.to_owned(), ..whole })
}

/// VACUUM INTO reads in one transaction, which with a write-ahead log blocks no writers, and reads every row: a damaged
/// table is an error here, and no copy.
async fn copy(connection: &mut SqliteConnection, draft: &Draft) -> Result<()> {
    let to = draft.path().to_str();
    let to = to.ok_or_else(|| Error::File("the path of the back-up must be UTF-8".into()))?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(connection).await?;
    Ok(())
}

/// The approximate size of the copy: it has no free pages.
async fn used_bytes(connection: &mut SqliteConnection) -> Result<u64> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT (page_count - freelist_count) * page_size \
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
