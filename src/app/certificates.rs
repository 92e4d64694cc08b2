//! Certificates that are renewed while the server runs: their files are looked at again and again, and at once when the
//! operator asks (SIGHUP).

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use crate::listen::tls::Tls;

/// Asks a running server to read its certificates at once. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Reload(Arc<Notify>);

impl Reload {
    /// Reads the files now, also those that are being written.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Never ends: looks at the files of all listeners.
pub(super) async fn follow(of: Vec<Arc<Tls>>, reload: Reload, every: Duration) -> Infallible {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let at_once = tokio::select! {
            () = reload.0.notified() => true,
            _ = ticks.tick(), if !of.is_empty() => false,
        };
        if of.is_empty() {
            tracing::info!("asked to read the certificates again: no listener has one");
        }
        let all = of.clone();
        let looks = move || all.iter().for_each(|tls| tls.look(at_once));
        // A panic is in the log already; the next look may do better.
        let _looked = tokio::task::spawn_blocking(looks).await;
    }
}
