//! The safe kernel: any target, and the reference that every other kernel is compared with.
//!
//! Owns the key expansion, built of `state`'s encryption.

use crate::state::{BLOCKS, State, encrypt};

/// Runs a key expansion on every state, as many as are given.
pub(crate) fn expand(states: &mut [State]) {
    match states.len() {
        0 => {}
        1 => expand_chunks::<1>(states),
        2 => expand_chunks::<2>(states),
        3 => expand_chunks::<3>(states),
        4 => expand_chunks::<4>(states),
        5 => expand_chunks::<5>(states),
        _ => expand_chunks::<6>(states),
    }
}

fn expand_chunks<const N: usize>(states: &mut [State]) {
    let (chunks, rest) = states.as_chunks_mut::<N>();
    for chunk in chunks {
        expand_together(chunk);
    }
    expand(rest);
}

/// Replaces all of the states' words by encryptions, each of the result of the one before. The number of lanes is a
/// constant, so that the compiler can keep the halves in registers.
fn expand_together<const N: usize>(states: &mut [State; N]) {
    let mut halves = ([0; N], [0; N]);
    for block in 0..BLOCKS {
        halves = encrypt(states, halves);
        for (lane, state) in states.iter_mut().enumerate() {
            state.store(block, halves.0[lane], halves.1[lane]);
        }
    }
}
