//! The choice between the kernels.

use core::fmt;

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
use crate::bmi::Bmi;
use crate::{portable, state::State};

/// An implementation of a step. All give the same results, at different speeds.
///
/// The fastest one depends on the processor: measure [`available`](Self::available), or take
/// [`preferred`](Self::preferred).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Safe Rust, for any target.
    Portable,
    /// x86-64 assembly for processors that have the BMI1 instruction set, which [`Bmi`] is the proof of.
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
    Bmi(Bmi),
}

impl Kernel {
    /// The kernels that this processor runs, the portable one first. Never empty.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
        let assembly = Bmi::detect().map(Self::Bmi);
        #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64", unix)))]
        let assembly = None;
        core::iter::once(Self::Portable).chain(assembly)
    }

    /// The assembly where it runs, otherwise the portable kernel. The faster one on AMD's Zen 4; where `bextr` takes two
    /// operations, as on Intel's processors, it is worth measuring.
    #[must_use]
    pub fn preferred() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// A short name for settings, tables and logs: `portable` or `bmi`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
            Self::Bmi(_) => "bmi",
        }
    }

    /// Runs a key expansion on each of the states.
    pub(crate) fn expand(self, states: &mut [State]) {
        match self {
            Self::Portable => portable::expand(states),
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", unix))]
            Self::Bmi(bmi) => bmi.expand(states),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LaneCount;

    /// States full of words that look random, and one more beside them.
    fn states(count: usize) -> Vec<State> {
        let mut word = 0x9e37_79b9_u32;
        let mut next = || {
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            word
        };
        let mut states = vec![State::EMPTY; count];
        for state in &mut states {
            state.p.fill_with(&mut next);
            state.s.as_flattened_mut().fill_with(&mut next);
        }
        states
    }

    #[test]
    fn kernels_agree_word_for_word_and_keep_to_their_states() {
        // Beyond the capacity of a kernel, too, which then works in chunks. Miri checks single chunks only.
        let most = if cfg!(miri) { LaneCount::MAX.get() } else { 13 };
        let before = states(most + 1);
        let mut alone = before.clone();
        alone.chunks_mut(1).for_each(portable::expand);
        for count in 0..=most {
            for kernel in Kernel::available() {
                let mut states = before.clone();
                kernel.expand(&mut states[..count]);
                assert!(states[..count] == alone[..count], "{kernel}, {count} states");
                assert!(states[count..] == before[count..], "{kernel}, beyond {count} states");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the test above runs the same code")]
    fn an_expansion_chains_encryptions_through_all_its_words() {
        let mut state = states(1).remove(0);
        let mut expected = state.clone();
        let mut halves = ([0], [0]);
        for at in 0..1042 / 2 {
            halves = crate::state::encrypt(core::array::from_ref(&expected), halves);
            let pair = [halves.0[0], halves.1[0]];
            match at {
                0..9 => expected.p[2 * at..][..2].copy_from_slice(&pair),
                _ => expected.s.as_flattened_mut()[2 * at - 18..][..2].copy_from_slice(&pair),
            }
        }
        portable::expand(core::slice::from_mut(&mut state));
        assert!(state == expected);
    }

    /// Run by `scripts/check-kernels`, so that the assembly is not left out in silence where it should be checked.
    #[test]
    #[ignore = "asks for a processor with BMI1"]
    fn every_kernel_of_this_target_runs_here() {
        let names: Vec<_> = Kernel::available().map(Kernel::name).collect();
        assert_eq!(names, ["portable", "bmi"]);
    }
}
