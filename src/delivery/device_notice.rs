//! Notices about a device: they say what its user calls it.

use serde::{Deserialize, Serialize};

use super::notice::{Template, templates};

/// What a notice says of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceNotice {
    /// A login was completed on a device that the account did not know.
    NewDeviceLogin,
    /// Logins on the device need no second factor for a while.
    DeviceTrusted,
}

impl DeviceNotice {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NewDeviceLogin, Self::DeviceTrusted];

    pub(super) const TEMPLATES: &'static [Template] =
        templates!("new_device_login", "device_trusted");

    /// The name, as templates and webhooks have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewDeviceLogin => "new_device_login",
            Self::DeviceTrusted => "device_trusted",
        }
    }
}

/// A device, and what is told of it. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutDevice {
    /// What is told.
    pub what: DeviceNotice,
    /// What whoever logged in calls the device; may be empty.
    pub device_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_kept_by_its_word_and_has_templates() {
        let words = DeviceNotice::TEMPLATES.iter().map(|(kind, ..)| *kind);
        let words: std::collections::HashSet<_> = words.collect();
        assert_eq!(words, DeviceNotice::ALL.map(DeviceNotice::as_str).into());
        for notice in DeviceNotice::ALL {
            assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
        }
    }
}
