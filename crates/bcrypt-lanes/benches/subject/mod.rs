//! What the benchmarks compare: the bcrypt crate, one hash after another, and every kernel at every lane count.

use std::{fmt, hint::black_box};

use bcrypt_lanes::{Cost, Kernel, LaneCount, Lanes};

const PASSWORD: &[u8] = b"correct horse battery staple";
const KEY: &[u8] = b"correct horse battery staple\0";
const SALT: [u8; 16] = *b"sixteen are salt";

/// A way to hash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// The bcrypt crate.
    Crate,
    /// This one.
    Lanes(Kernel, LaneCount),
}

impl Subject {
    /// Every subject that runs on this machine, the bcrypt crate first.
    pub(crate) fn all() -> Vec<Self> {
        let lanes = Kernel::available()
            .flat_map(|kernel| LaneCount::all().map(move |count| Self::Lanes(kernel, count)));
        std::iter::once(Self::Crate).chain(lanes).collect()
    }

    /// How many hashes one run makes.
    pub(crate) fn hashes(self) -> usize {
        match self {
            Self::Crate => 1,
            Self::Lanes(_, count) => count.get(),
        }
    }

    /// Hashes, as many at once as the subject can.
    pub(crate) fn run(self, cost: Cost) {
        match self {
            Self::Crate => {
                black_box(bcrypt::bcrypt(cost.get(), black_box(SALT), black_box(KEY)));
            }
            Self::Lanes(kernel, count) => {
                let mut lanes = Lanes::new(kernel, count);
                while lanes.join(black_box(PASSWORD), black_box(&SALT), cost, ()).is_ok() {}
                while !lanes.is_empty() {
                    black_box(lanes.step().count());
                }
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crate => f.write_str("bcrypt crate"),
            Self::Lanes(kernel, count) => write!(f, "{kernel}, lanes: {}", count.get()),
        }
    }
}
