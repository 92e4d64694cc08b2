//! Files that are renewed while the server runs, certificates and rules: they are looked at again and again, and at once when
//! the operator asks (SIGHUP).

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

/// Looks at files, and takes new ones; at once or when they have settled.
pub(super) type Look = Box<dyn Fn(bool) + Send + Sync>;

/// Asks a running server to read its files at once. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Reload(Arc<Notify>);

impl Reload {
    /// Reads the files now, also those that are being written.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Never ends: looks at all files.
pub(super) async fn follow(looks: Vec<Look>, reload: Reload, every: Duration) -> Infallible {
    let looks = Arc::new(looks);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let at_once = tokio::select! {
            () = reload.0.notified() => true,
            _ = ticks.tick(), if !looks.is_empty() => false,
        };
        if looks.is_empty() {
            tracing::info!("asked to read files again: there are no certificates and no rules");
        }
        let all = Arc::clone(&looks);
        let look = move || all.iter().for_each(|look| look(at_once));
        // A panic is in the log already; the next look may do better.
        let _looked = tokio::task::spawn_blocking(look).await;
    }
}
