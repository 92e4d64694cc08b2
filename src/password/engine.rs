//! Threads that run bcrypt, behind a bounded queue.
//!
//! Not tokio's blocking pool: that has hundreds of threads, no bound on its queue, and starts work whose caller is gone.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Overloaded;

/// What a caller is told to wait when the queue is full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One bcrypt to compute.
#[derive(Debug)]
pub(super) struct Job {
    /// 1 to 72 bytes.
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) salt: [u8; 16],
    /// 4 to 31.
    pub(super) cost: u32,
}

type Ticket = (Job, oneshot::Sender<[u8; 23]>);

/// The threads and the queue in front of them. The threads end when it is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    queue: SyncSender<Ticket>,
}

impl Engine {
    /// Starts `threads` threads that share a queue of `queue` jobs.
    pub(super) fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads {
            let receiver = Arc::clone(&receiver);
            let name = format!("password-{number}");
            thread::Builder::new().name(name).spawn(move || work(&receiver))?;
        }
        Ok(Self { queue: sender })
    }

    /// Computes one bcrypt. If the caller goes away before it has begun, it never begins.
    pub(super) async fn run(&self, job: Job) -> Result<[u8; 23], Overloaded> {
        let (answer, digest) = oneshot::channel();
        let overloaded = Overloaded { retry_after: RETRY_AFTER };
        self.queue.try_send((job, answer)).map_err(|_full| overloaded)?;
        digest.await.map_err(|_thread_ended| overloaded)
    }
}

fn work(queue: &Mutex<Receiver<Ticket>>) {
    while let Ok((job, answer)) = lock(queue).recv() {
        if answer.is_closed() {
            continue;
        }
        let mut digest = [0; 23];
        let full = bcrypt::bcrypt(job.cost, job.salt, &job.key);
        digest.copy_from_slice(&full[..23]);
        // The caller may have gone meanwhile; then nobody wants the answer.
        let _caller_gone = answer.send(digest);
    }
}

fn lock(queue: &Mutex<Receiver<Ticket>>) -> MutexGuard<'_, Receiver<Ticket>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use futures_util::poll;

    use super::*;

    fn job(cost: u32) -> Job {
        Job { key: Zeroizing::new(b"secret\0".to_vec()), salt: [7; 16], cost }
    }

    #[tokio::test]
    async fn gives_what_bcrypt_gives() {
        let engine = Engine::start(2, 4).unwrap();
        let expected = bcrypt::bcrypt(4, [7; 16], b"secret\0");
        assert_eq!(engine.run(job(4)).await.unwrap(), expected[..23]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_says_when_to_come_back() {
        // No threads: what is queued stays queued.
        let (queue, _receiver) = sync_channel(1);
        let engine = Engine { queue };
        let mut first = pin!(engine.run(job(4)));
        assert!(matches!(poll!(&mut first), Poll::Pending));
        assert_eq!(engine.run(job(4)).await, Err(Overloaded { retry_after: RETRY_AFTER }));
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_not_begun() {
        let (queue, receiver) = sync_channel(2);
        let engine = Engine { queue };
        {
            // Cost 31 would take days.
            let mut abandoned = pin!(engine.run(job(31)));
            assert!(matches!(poll!(&mut abandoned), Poll::Pending));
        }
        let mut wanted = pin!(engine.run(job(4)));
        assert!(matches!(poll!(&mut wanted), Poll::Pending));
        thread::spawn(move || work(&Mutex::new(receiver)));
        let answer = tokio::time::timeout(Duration::from_secs(30), wanted).await;
        assert!(answer.is_ok_and(|digest| digest.is_ok()), "the abandoned one is in the way");
    }
}
