//! How passwords are hashed.

use std::thread;

use super::{Profile, reader::Reader, settings as name};
use crate::password::{self, LaneCount, engine::KernelChoice};

impl Reader<'_> {
    pub(super) fn password(&mut self, profile: Profile) -> password::Settings {
        let cost = self.number(name::BCRYPT_COST, 12, 4..=16);
        if profile == Profile::Production && cost < 10 {
            self.problems.add(name::BCRYPT_COST, "must be at least 10 with Postgres");
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = self.number(name::HASH_THREADS, cores, 1..=1024);
        let queue = self.number(name::HASH_QUEUE, 32 * threads, 1..=100_000);
        let kernel = self.read(name::HASH_KERNEL, KernelChoice::Auto, |text| match text {
            "auto" => Ok(KernelChoice::Auto),
            "bmi" => Ok(KernelChoice::Bmi),
            "portable" => Ok(KernelChoice::Portable),
            "crate" => Ok(KernelChoice::Crate),
            _ => Err("must be auto, bmi, portable or crate".into()),
        });
        let lanes = self.read(name::HASH_LANES, None, |text| {
            let number =
                text.parse().ok().and_then(|number: usize| LaneCount::try_from(number).ok());
            match (text, number) {
                ("auto", _) => Ok(None),
                (_, Some(number)) => Ok(Some(number)),
                (_, None) => Err("must be auto or a whole number from 1 to 6".into()),
            }
        });
        password::Settings { cost, threads, queue, kernel, lanes }
    }
}
