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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_is_cut_off_two_seconds_after_the_shutdown_began_and_not_before() {
        let (stop, begun) = (CancellationToken::new(), Instant::now());
        let later = stop.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(60)).await;
            later.cancel();
        });
        let an_hour = Duration::from_secs(3600);
        assert_eq!(timeout(an_hour, within(&stop, pending::<()>())).await, Ok(None));
        assert_eq!(begun.elapsed().as_secs(), 62);
        // The last step has its time, too.
        let slow = async { sleep(Duration::from_secs(1)).await };
        assert_eq!(within(&stop, slow).await, Some(()));
        assert_eq!(within(&stop, ready(7)).await, Some(7));
    }
}
