//! The id of a service account, which no user's id can be taken for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use uuid::{Uuid, fmt::Simple};

/// The id of a service account: 32 lower-case hexadecimal digits. A user's id is written with dashes and does not parse.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAccountId(Uuid);

/// A text that is no id of a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a service account has 32 lower-case hexadecimal digits and no dashes")]
pub struct NotAServiceAccountId;

impl FromStr for ServiceAccountId {
    type Err = NotAServiceAccountId;

    fn from_str(text: &str) -> Result<Self, NotAServiceAccountId> {
        let id = Simple::from_str(text).map_err(|_other| NotAServiceAccountId)?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_lower { Ok(Self(id.into_uuid())) } else { Err(NotAServiceAccountId) }
    }
}

impl fmt::Display for ServiceAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl fmt::Debug for ServiceAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for ServiceAccountId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_lower_case_digits_are_an_id_and_come_out_as_they_went_in() {
        let id = "01a20c4a04297775a845ad388fc19430";
        assert_eq!(id.parse::<ServiceAccountId>().unwrap().to_string(), id);
        for other in [
            "",
            "01a20c4a-0429-7775-a845-ad388fc19430",
            "01A20C4A04297775A845AD388FC19430",
            "{01a20c4a04297775a845ad388fc19430}",
            "urn:uuid:01a20c4a04297775a845ad388fc19430",
            "01a20c4a04297775a845ad388fc1943",
            "01a20c4a04297775a845ad388fc194300",
            " 01a20c4a04297775a845ad388fc19430",
            "g1a20c4a04297775a845ad388fc19430",
        ] {
            assert_eq!(other.parse::<ServiceAccountId>(), Err(NotAServiceAccountId), "{other}");
        }
    }
}
