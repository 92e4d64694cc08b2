//! One line of what was measured.

use crate::password::engine::Measurement;

/// How fast a kernel is with so many lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// On one core, while the calibration leaves the others idle.
    pub one_core: Measurement,
    /// The same on each core with all of them at work; only for the best lane count of each kernel.
    pub all_cores: Option<Measurement>,
}
