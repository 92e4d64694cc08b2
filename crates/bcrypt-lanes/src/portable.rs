//! The safe kernel: any target, and the reference that every other kernel is compared with.
//!
//! Owns Blowfish's round and the key expansion built of it. No bounds check remains, and none is needed: a byte can't
//! point outside a table of 256.

use crate::state::{BLOCKS, State};

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

/// Encrypts the two halves of a block in each lane. Lanes go one after another within a round: nothing in one waits for
/// another, so the processor overlaps them.
#[inline(always)]
pub(crate) fn encrypt<const N: usize>(
    states: &[State; N],
    (mut left, mut right): ([u32; N], [u32; N]),
) -> ([u32; N], [u32; N]) {
    for lane in 0..N {
        left[lane] ^= states[lane].p[0];
    }
    for i in (0..16).step_by(2) {
        for lane in 0..N {
            right[lane] ^= states[lane].p[i + 1] ^ mangle(&states[lane].s, left[lane]);
        }
        for lane in 0..N {
            left[lane] ^= states[lane].p[i + 2] ^ mangle(&states[lane].s, right[lane]);
        }
    }
    for lane in 0..N {
        right[lane] ^= states[lane].p[17];
    }
    (right, left)
}

/// Blowfish's round function.
#[inline(always)]
fn mangle(s: &[[u32; 256]; 4], half: u32) -> u32 {
    let [a, b, c, d] = half.to_be_bytes().map(usize::from);
    (s[0][a].wrapping_add(s[1][b]) ^ s[2][c]).wrapping_add(s[3][d])
}
