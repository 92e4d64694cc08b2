//! The priority of the hashing threads.

/// Their nice value (`setpriority(2)`): token checks and health go first, and hashing uses what is left.
const NICE: i32 = 10;

/// Lowers the priority of this thread.
pub(super) fn lower() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "cannot lower the priority of the hashing threads");
    }
}
