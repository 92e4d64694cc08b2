//! How passwords are hashed, and which list new ones must not be on.

use std::{
    path::{Path, PathBuf},
    thread,
};

use super::{
    Profile, password_settings,
    reader::{Reader, whole_number},
};
use crate::password::{self, LaneCount, breached::Breached, engine::KernelChoice};

/// A mebibyte.
const MIB: u64 = 1 << 20;

impl Reader<'_> {
    pub(super) fn password(&mut self, profile: Profile) -> password::Settings {
        let cost = self.number(password_settings::BCRYPT_COST, 4..=16);
        if profile == Profile::Production && cost < 10 {
            self.problems.add(password_settings::BCRYPT_COST, "must be at least 10 with Postgres");
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads =
            self.given(password_settings::HASH_THREADS, whole_number(1..=1024)).unwrap_or(cores);
        let queue = self.given(password_settings::HASH_QUEUE, whole_number(1..=100_000));
        let queue = queue.unwrap_or(password_settings::QUEUED_PER_THREAD * threads);
        let kernel = self.read(password_settings::HASH_KERNEL, |text| match text {
            "auto" => Ok(KernelChoice::Auto),
            "bmi" => Ok(KernelChoice::Bmi),
            "portable" => Ok(KernelChoice::Portable),
            "crate" => Ok(KernelChoice::Crate),
            _ => Err("must be auto, bmi, portable or crate".into()),
        });
        let lanes = self.read(password_settings::HASH_LANES, |text| {
            let number =
                text.parse().ok().and_then(|number: usize| LaneCount::try_from(number).ok());
            match (text, number) {
                ("auto", _) => Ok(None),
                (_, Some(number)) => Ok(Some(number)),
                (_, None) => Err("must be auto or a whole number from 1 to 6".into()),
            }
        });
        let memory = self.read(password_settings::HASH_MEMORY, memory);
        password::Settings { cost, threads, queue, kernel, lanes, memory }
    }

    pub(super) fn breached_passwords(&mut self) -> Option<PathBuf> {
        self.given(password_settings::BREACHED_PASSWORDS, |path| Ok(PathBuf::from(path)))
    }

    /// Looks at the list of breached passwords.
    pub(super) fn breached_passwords_file(&mut self, path: &Path) {
        if let Err(problem) = Breached::open(path) {
            let setting = password_settings::BREACHED_PASSWORDS;
            self.problems.add_of_value(setting, problem.to_string());
        }
    }
}

/// An amount of memory, in bytes.
fn memory(text: &str) -> Result<u64, String> {
    let units = [("MiB", MIB), ("GiB", 1024 * MIB)];
    let read = |(unit, bytes): (&str, u64)| {
        text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(bytes)
    };
    let bytes = units.into_iter().find_map(read);
    let bytes = bytes.filter(|bytes| (16 * MIB..=64 * 1024 * MIB).contains(bytes));
    bytes.ok_or_else(|| "must be an amount such as 256MiB or 1GiB, from 16MiB to 64GiB".into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, values::tests::settings},
        *,
    };
    use crate::{domain::Timestamp, password::breached::Builder};

    #[test]
    fn a_list_of_breached_passwords_is_looked_at_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached");
        let given = [(password_settings::BREACHED_PASSWORDS.name, path.to_str().unwrap())];
        let given = settings(&[], &given);
        let told = || Config::parse_to_serve(&given).unwrap_err().to_string();
        assert!(told().contains("BREACHED_PASSWORDS  cannot be read"), "{}", told());
        std::fs::write(&path, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3730471\n").unwrap();
        assert!(told().contains("is no list of breached passwords"), "{}", told());
        assert!(!told().contains("breached/"), "the path may be a secret");
        let made = Builder::create(&path, 0).unwrap().finish(Timestamp::from_unix_micros(0), 1);
        assert_eq!(made.unwrap().entries, 0);
        let config = Config::parse_to_serve(&given).unwrap();
        assert_eq!(config.breached_passwords, Some(path.clone()));
    }

    #[test]
    fn memory_has_a_unit_and_bounds() {
        assert_eq!((memory("16MiB"), memory("64GiB")), (Ok(1 << 24), Ok(1 << 36)));
        for bad in [
            "15MiB",
            "65GiB",
            "256",
            "256MB",
            "-1GiB",
            "1.5GiB",
            "MiB",
            "99999999999999999999GiB",
            "",
        ] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
