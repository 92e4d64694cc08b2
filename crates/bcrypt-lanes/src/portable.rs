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

/// Encrypts the two halves of a block in each lane. The rounds are written out, so that where a round key lies is a
/// constant as well.
#[inline(always)]
pub(crate) fn encrypt<const N: usize>(
    states: &[State; N],
    (mut left, mut right): ([u32; N], [u32; N]),
) -> ([u32; N], [u32; N]) {
    mix(0, states, &mut left);
    round(1, states, &left, &mut right);
    round(2, states, &right, &mut left);
    round(3, states, &left, &mut right);
    round(4, states, &right, &mut left);
    round(5, states, &left, &mut right);
    round(6, states, &right, &mut left);
    round(7, states, &left, &mut right);
    round(8, states, &right, &mut left);
    round(9, states, &left, &mut right);
    round(10, states, &right, &mut left);
    round(11, states, &left, &mut right);
    round(12, states, &right, &mut left);
    round(13, states, &left, &mut right);
    round(14, states, &right, &mut left);
    round(15, states, &left, &mut right);
    round(16, states, &right, &mut left);
    mix(17, states, &mut right);
    (right, left)
}

/// One round in every lane, one lane after another: nothing in one waits for another, so the processor overlaps them.
#[inline(always)]
fn round<const N: usize>(key: usize, states: &[State; N], half: &[u32; N], other: &mut [u32; N]) {
    for lane in 0..N {
        other[lane] ^= states[lane].p[key] ^ mangle(&states[lane].s, half[lane]);
    }
}

#[inline(always)]
fn mix<const N: usize>(key: usize, states: &[State; N], half: &mut [u32; N]) {
    for lane in 0..N {
        half[lane] ^= states[lane].p[key];
    }
}

/// Blowfish's round function.
#[inline(always)]
fn mangle(s: &[[u32; 256]; 4], half: u32) -> u32 {
    // Little-endian, because the other order costs most processors an instruction.
    let [d, c, b, a] = half.to_le_bytes();
    let sum = s[0][usize::from(a)].wrapping_add(s[1][usize::from(b)]);
    (sum ^ s[2][usize::from(c)]).wrapping_add(s[3][usize::from(d)])
}
