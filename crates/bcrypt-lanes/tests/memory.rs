//! What the lanes do with memory, watched by an allocator: the reason for a test binary, and for `unsafe`, of its own.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    slice,
};

use bcrypt_lanes::{Cost, Error, Kernel, LaneCount, Lanes};

/// Every test here uses as many lanes as there are.
const LANES: usize = LaneCount::MAX.get();
/// The round keys, the tables, the key and the salt of a state.
const WORDS: usize = 18 + 1024 + 18 + 4;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Words that were not zero, of the freed blocks that look like states.
    static LEFT_BEHIND: Cell<usize> = const { Cell::new(0) };
    /// Freed blocks that look like states: as aligned, and as large.
    static STATES_FREED: Cell<usize> = const { Cell::new(0) };
}

struct Watch;

#[global_allocator]
static WATCH: Watch = Watch;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() == 64 && layout.size() >= LANES * WORDS * size_of::<u32>() {
            let left: usize = (0..LANES)
                .map(|lane| {
                    // SAFETY: the block is allocated until the call below, holds as many states, and each begins with
                    // so many words, all of them initialised; what follows is padding.
                    let words = unsafe {
                        let state = block.add(lane * (layout.size() / LANES));
                        slice::from_raw_parts(state.cast::<u32>(), WORDS)
                    };
                    words.iter().filter(|word| **word != 0).count()
                })
                .sum();
            LEFT_BEHIND.with(|count| count.set(count.get() + left));
            STATES_FREED.with(|count| count.set(count.get() + 1));
        }
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
#[cfg_attr(miri, ignore = "whole hashes, and only their allocations are of interest")]
fn joining_stepping_leaving_and_cancelling_allocate_nothing() -> Result<(), Error> {
    for kernel in Kernel::available() {
        let mut lanes = Lanes::new(kernel, LaneCount::MAX);
        let before = ALLOCATIONS.get();
        for ticket in 0..6 {
            lanes.join(b"secret", &[9; 16], Cost::MIN, ticket).map_err(|refused| refused.error)?;
        }
        let cancelled = lanes.cancel(|ticket| *ticket == 1).count();
        let finished: usize = (0..16).map(|_| lanes.step().count()).sum();
        assert_eq!((cancelled, finished, ALLOCATIONS.get()), (1, 5, before));
    }
    Ok(())
}

#[test]
fn states_are_zero_when_their_memory_is_freed() -> Result<(), Error> {
    for kernel in Kernel::available() {
        let before = STATES_FREED.get();
        let mut lanes = Lanes::new(kernel, LaneCount::MAX);
        for ticket in 0..6 {
            lanes.join(b"secret", &[9; 16], Cost::MIN, ticket).map_err(|refused| refused.error)?;
        }
        drop(lanes);
        assert_eq!((STATES_FREED.get() - before, LEFT_BEHIND.get()), (1, 0));
    }
    Ok(())
}
