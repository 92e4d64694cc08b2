//! A row of the measurements.

use crate::password::engine::Measurement;

/// Speed of a kernel with so many lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Measured on one core, while the calibration leaves the others idle.
    pub one_core: Measurement,
    /// The same on each core with all of them at work.
    pub all_cores: Measurement,
}
