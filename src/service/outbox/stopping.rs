//! The end of work at a shutdown.

use std::{future::Future, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a step may go on once the shutdown has begun: longer than a healthy database takes, and a database that is away must
/// not use up the time of the shutdown. What a step that is cut off had claimed is taken up again when its lease is over.
const LAST_STEP: Duration = Duration::from_secs(2);

/// Does a step; `None` if it was cut off.
pub(in crate::service) async fn within<T>(
    stop: &CancellationToken,
    step: impl Future<Output = T>,
) -> Option<T> {
    let cut_off = async {
        stop.cancelled().await;
        sleep(LAST_STEP).await;
    };
    tokio::select! {
        biased;
        done = step => Some(done),
        () = cut_off => None,
    }
}
