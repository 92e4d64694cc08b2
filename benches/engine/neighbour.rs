//! A neighbour on each core that keeps the whole first-level cache busy.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use rustix::thread::{CpuSet, sched_setaffinity};

/// What most first-level caches hold.
const CACHE: usize = 32 * 1024;

/// A cache line.
const LINE: usize = 64;

/// Neighbours, until this is dropped.
pub(crate) struct Neighbours {
    gone: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Neighbours {
    /// One on each of the first cores, at this thread's priority.
    pub(crate) fn on_each(cores: usize) -> anyhow::Result<Self> {
        let mut neighbours = Self { gone: Arc::default(), threads: Vec::new() };
        for core in 0..cores {
            let gone = Arc::clone(&neighbours.gone);
            let walks = thread::Builder::new().spawn(move || walk(core, &gone))?;
            neighbours.threads.push(walks);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}

fn walk(core: usize, gone: &AtomicBool) {
    let mut only = CpuSet::new();
    only.set(core);
    // Where there is no such core for this process, anywhere will do.
    let _anywhere = sched_setaffinity(None, &only);
    let mut memory = vec![0_u8; CACHE];
    while !gone.load(Ordering::Relaxed) {
        for line in memory.chunks_mut(LINE) {
            line[0] = black_box(line[0].wrapping_add(1));
        }
    }
}
