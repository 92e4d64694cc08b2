//! One hash in progress: its Blowfish state, and the words its two key expansions mix in.
//!
//! Owns the layout that the kernels rely on, Blowfish's encryption with it, and the parts of bcrypt that run once a hash:
//! the start, the digest, the wiping. Knows nothing of lanes, costs or tickets.

use core::{array, iter};

use zeroize::Zeroize;

use crate::{Digest, MAX_PASSWORD_BYTES, SALT_BYTES, pi};

/// Words in a round-key array: one for each of 16 rounds, two for the end.
pub(crate) const P_WORDS: usize = 18;
/// Blowfish encrypts two words at a time, so an expansion that replaces `p` and `s` takes this many encryptions.
pub(crate) const BLOCKS: usize = (P_WORDS + 4 * 256) / 2;

/// The constant that bcrypt encrypts in the end: "OrpheanBeholderScryDoubt".
const MAGIC: [u32; 6] =
    [0x4f72_7068, 0x6561_6e42, 0x6568_6f6c, 0x6465_7253, 0x6372_7944, 0x6f75_6274];
const MAGIC_ENCRYPTIONS: usize = 64;

/// `s` follows `p` without a gap, so that an expansion's outputs go to consecutive addresses. The alignment is a cache
/// line's: neighbours share none, and the size, which is the stride between lanes, is a multiple of it.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
#[repr(C, align(64))]
pub(crate) struct State {
    pub(crate) p: [u32; P_WORDS],
    pub(crate) s: [[u32; 256]; 4],
    /// The password, repeated to the length of `p`: once here instead of at every expansion.
    key: [u32; P_WORDS],
    salt: [u32; SALT_BYTES / 4],
}

impl State {
    pub(crate) const EMPTY: Self =
        Self { p: [0; P_WORDS], s: [[0; 256]; 4], key: [0; P_WORDS], salt: [0; SALT_BYTES / 4] };

    /// Starts a hash in place, so that no copy of the password is left on the stack.
    pub(crate) fn start(&mut self, password: &[u8], salt: &[u8; SALT_BYTES]) {
        self.p = pi::P;
        self.s = pi::S;
        // The terminator is part of the key; at 72 bytes the cycle is full before it comes.
        let key = password.iter().chain(iter::once(&0)).copied().cycle().take(MAX_PASSWORD_BYTES);
        fill(&mut self.key, key);
        fill(&mut self.salt, salt.iter().copied());
        self.mix_key();
        self.expand_salted();
    }

    /// Prepares an expansion with the password.
    pub(crate) fn mix_key(&mut self) {
        for (round_key, word) in self.p.iter_mut().zip(&self.key) {
            *round_key ^= word;
        }
    }

    /// Prepares an expansion with the salt.
    pub(crate) fn mix_salt(&mut self) {
        for (round_key, word) in self.p.iter_mut().zip(self.salt.iter().cycle()) {
            *round_key ^= word;
        }
    }

    /// Puts the two outputs of an expansion's encryption number `block` where they belong: first `p` is filled, then `s`.
    #[inline(always)]
    pub(crate) fn store(&mut self, block: usize, left: u32, right: u32) {
        let pair = match (2 * block).checked_sub(P_WORDS) {
            None => &mut self.p[2 * block..][..2],
            Some(word) => &mut self.s[word / 256][word % 256..][..2],
        };
        pair[0] = left;
        pair[1] = right;
    }

    /// The digest of the state after all its iterations.
    pub(crate) fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for (bytes, words) in digest.chunks_exact_mut(8).zip(MAGIC.chunks_exact(2)) {
            let mut halves = ([words[0]], [words[1]]);
            for _ in 0..MAGIC_ENCRYPTIONS {
                halves = encrypt(array::from_ref(self), halves);
            }
            bytes[..4].copy_from_slice(&halves.0[0].to_be_bytes());
            bytes[4..].copy_from_slice(&halves.1[0].to_be_bytes());
        }
        digest
    }

    /// Copies field by field: an assignment of the whole could pass through a temporary that is never wiped.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.p.copy_from_slice(&other.p);
        self.s.copy_from_slice(&other.s);
        self.key.copy_from_slice(&other.key);
        self.salt.copy_from_slice(&other.salt);
    }

    pub(crate) fn wipe(&mut self) {
        self.p.zeroize();
        self.s.zeroize();
        self.key.zeroize();
        self.salt.zeroize();
    }

    /// The one expansion that also mixes the salt into what it encrypts, two words of it a block in turn.
    fn expand_salted(&mut self) {
        let mut halves = ([0], [0]);
        for block in 0..BLOCKS {
            let pair = 2 * (block % 2);
            halves.0[0] ^= self.salt[pair];
            halves.1[0] ^= self.salt[pair + 1];
            halves = encrypt(array::from_ref(self), halves);
            self.store(block, halves.0[0], halves.1[0]);
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn fill(words: &mut [u32], mut bytes: impl Iterator<Item = u8>) {
    for word in words {
        *word = u32::from_be_bytes([(); 4].map(|()| bytes.next().unwrap_or_default()));
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

/// Blowfish's round function. No bounds check remains, and none is needed: a byte can't point outside a table of 256.
#[inline(always)]
fn mangle(s: &[[u32; 256]; 4], half: u32) -> u32 {
    // Little-endian, because the other order costs most processors an instruction.
    let [d, c, b, a] = half.to_le_bytes();
    let sum = s[0][usize::from(a)].wrapping_add(s[1][usize::from(b)]);
    (sum ^ s[2][usize::from(c)]).wrapping_add(s[3][usize::from(d)])
}
