//! How codes reach people.

use super::{Profile, reader::Reader, settings as name};
use crate::delivery::Delivery;

impl Reader<'_> {
    pub(super) fn delivery(&mut self, profile: Profile) -> Delivery {
        if profile == Profile::Production {
            self.require(
                name::DELIVERY,
                "must be set with Postgres: log writes the codes to the log",
            );
        }
        self.read(name::DELIVERY, Delivery::Log, |text| match text {
            "log" => Ok(Delivery::Log),
            _ => Err("must be log, the only delivery of this release".into()),
        })
    }
}
