//! The two numbers that callers choose, checked once where they come in.

use crate::Error;

/// The work of a hash: `2^cost` iterations, each a step of [`Lanes`](crate::Lanes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(u32);

impl Cost {
    /// The least that bcrypt allows: 4.
    pub const MIN: Self = Self(4);
    /// The most that bcrypt allows: 31.
    pub const MAX: Self = Self(31);

    /// The exponent, as it stands in a bcrypt string.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number of steps that a hash of this cost takes.
    #[must_use]
    pub const fn iterations(self) -> u32 {
        1 << self.0
    }
}

impl TryFrom<u32> for Cost {
    type Error = Error;

    /// # Errors
    ///
    /// [`Error::CostOutOfRange`] outside 4 to 31.
    fn try_from(cost: u32) -> Result<Self, Error> {
        let within = (Self::MIN.0..=Self::MAX.0).contains(&cost);
        within.then_some(Self(cost)).ok_or(Error::CostOutOfRange { cost })
    }
}

/// The capacity of one [`Lanes`](crate::Lanes) in hashes: 1 to 6.
///
/// Five or six are usually the best: a state is 4 KiB, so they fit a first-level cache of 32 KiB, and their look-ups keep
/// a processor busy. A hash takes longer the more neighbours it has, and more hashes are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneCount(usize);

impl LaneCount {
    /// One hash at a time.
    pub const MIN: Self = Self(1);
    /// Six, the most that any kernel interleaves.
    pub const MAX: Self = Self(6);

    /// Every lane count, ascending: to measure which one is the best on this machine.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::MIN.0..=Self::MAX.0).map(Self)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<usize> for LaneCount {
    type Error = Error;

    /// # Errors
    ///
    /// [`Error::LaneCountOutOfRange`] outside 1 to 6.
    fn try_from(lanes: usize) -> Result<Self, Error> {
        let within = (Self::MIN.0..=Self::MAX.0).contains(&lanes);
        within.then_some(Self(lanes)).ok_or(Error::LaneCountOutOfRange { lanes })
    }
}
