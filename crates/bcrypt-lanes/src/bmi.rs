//! The x86-64 kernel: the same expansion as `portable`, in assembly that uses BMI1.
//!
//! Owns all of the crate's `unsafe`. The instructions are in `bmi/expand.s`, to be read beside `portable`; this file
//! ties them to the layout of `State` and says why they may run.
//!
//! Assembly, because a compiler takes six operations to split a word into bytes where four will do, and runs out of
//! registers at three lanes: five lanes have ten halves, and with two temporaries, two control words for the byte
//! extraction, the base and the stack pointer that makes sixteen.

use core::{
    arch::naked_asm,
    mem::{offset_of, size_of},
};

use crate::state::State;

/// Proof that this processor has BMI1: the only way to get one is to ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bmi(());

impl Bmi {
    /// Asks the processor.
    #[must_use]
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("bmi1").then_some(Self(()))
    }

    /// Runs a key expansion on every state, as many as are given.
    pub(crate) fn expand(self, states: &mut [State]) {
        match states.len() {
            0 => {}
            1 => self.expand_chunks::<1>(states),
            2 => self.expand_chunks::<2>(states),
            3 => self.expand_chunks::<3>(states),
            4 => self.expand_chunks::<4>(states),
            5 => self.expand_chunks::<5>(states),
            _ => self.expand_chunks::<6>(states),
        }
    }

    fn expand_chunks<const LANES: usize>(self, states: &mut [State]) {
        let (chunks, rest) = states.as_chunks_mut::<LANES>();
        for chunk in chunks {
            // SAFETY: `self` exists, so the processor has BMI1. `LANES` is 1 to 6, see `expand`.
            unsafe { expand_together::<LANES>(chunk) };
        }
        self.expand(rest);
    }
}

/// Runs a key expansion on `LANES` states at once.
///
/// # Safety
///
/// The processor must have BMI1, and `LANES` must be 1 to 6. Beyond that the reference says all: every address that the
/// assembly forms lies within one of the states. It reads `p` at constants below 18, reads the tables of `s` at a
/// byte's value, and writes `p` and `s` from the first word to the last, which `State`'s layout makes consecutive. It
/// keeps to the System V ABI: restores the registers that belong to the caller, leaves the direction flag alone, and
/// uses no stack below the stack pointer.
#[unsafe(naked)]
unsafe extern "sysv64" fn expand_together<const LANES: usize>(states: &mut [State; LANES]) {
    naked_asm!(
        include_str!("bmi/expand.s"),
        lanes = const LANES,
        stride = const size_of::<State>(),
        p = const offset_of!(State, p),
        s = const offset_of!(State, s),
        end = const END,
    )
}

/// The end of the tables, which is the end of an expansion.
const END: usize = offset_of!(State, s) + 4 * 256 * size_of::<u32>();

// The assembly's assumptions about the layout.
const _: () = assert!(offset_of!(State, p) == 0 && offset_of!(State, s) == 18 * size_of::<u32>());
