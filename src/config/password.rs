//! How passwords are hashed.

use std::thread;

use super::{
    Profile,
    reader::{Reader, whole_number},
    settings,
};
use crate::password::{self, LaneCount, engine::KernelChoice};

impl Reader<'_> {
    pub(super) fn password(&mut self, profile: Profile) -> password::Settings {
        let cost = self.number(settings::BCRYPT_COST, 4..=16);
        if profile == Profile::Production && cost < 10 {
            self.problems.add(settings::BCRYPT_COST, "must be at least 10 with Postgres");
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = self.given(settings::HASH_THREADS, whole_number(1..=1024)).unwrap_or(cores);
        let queue = self.given(settings::HASH_QUEUE, whole_number(1..=100_000));
        let queue = queue.unwrap_or(settings::QUEUED_PER_THREAD * threads);
        let kernel = self.read(settings::HASH_KERNEL, |text| match text {
            "auto" => Ok(KernelChoice::Auto),
            "bmi" => Ok(KernelChoice::Bmi),
            "portable" => Ok(KernelChoice::Portable),
            "crate" => Ok(KernelChoice::Crate),
            _ => Err("must be auto, bmi, portable or crate".into()),
        });
        let lanes = self.read(settings::HASH_LANES, |text| {
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
