//! The queue: bounded, and fair between callers' addresses.
//!
//! Each source has a line of its own, and the lines take turns. When there is no room left, the source with the longest
//! line makes room for one with a shorter line: a flood displaces only itself (load shedding). The bound
//! keeps waiting work from piling up in memory (backpressure).

use std::collections::{HashMap, VecDeque};

use crate::domain::Source;

/// The queue has no room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A queue of jobs.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: HashMap<Source, VecDeque<Entry<T>>>,
    /// The sources that have a line, in the order of their turns.
    turns: VecDeque<Source>,
    capacity: usize,
    length: usize,
    steps: u64,
    next_id: u64,
}

#[derive(Debug)]
struct Entry<T> {
    id: u64,
    steps: u64,
    item: T,
}

impl<T> Queue<T> {
    /// A queue that holds `capacity` jobs.
    pub(super) fn new(capacity: usize) -> Self {
        let (lines, turns) = (HashMap::new(), VecDeque::new());
        Self { lines, turns, capacity, length: 0, steps: 0, next_id: 0 }
    }

    /// Number of jobs in the queue.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The jobs that it holds at the most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The steps that will be begun before a new job of `source`: its own line, and as many turns of every other.
    pub(super) fn ahead_of(&self, source: Source) -> u64 {
        let own = self.lines.get(&source).map_or(0, VecDeque::len);
        let others = self.lines.iter().filter(|(other, _)| **other != source);
        let jobs = own + others.map(|(_, line)| line.len().min(own + 1)).sum::<usize>();
        match self.length {
            0 => 0,
            length => self.steps * jobs as u64 / length as u64,
        }
    }

    /// Whether a job of `source` would get in after `others`, perhaps by displacing another.
    pub(super) fn has_room_for(&self, source: Source, others: usize) -> bool {
        let own = self.lines.get(&source).map_or(0, VecDeque::len);
        let longest = self.lines.values().map(VecDeque::len).max();
        self.length + others < self.capacity || longest.is_some_and(|longest| longest > own + 1)
    }

    /// Adds a job; returns its id, and the job that it displaced, if any.
    pub(super) fn push(
        &mut self,
        source: Source,
        steps: u64,
        item: T,
    ) -> Result<(u64, Option<T>), Full> {
        if !self.has_room_for(source, 0) {
            return Err(Full);
        }
        let evicted = if self.length < self.capacity {
            None
        } else {
            let longest = self.lines.iter().max_by_key(|(_, line)| line.len());
            let longest = longest.map(|(source, _)| *source).ok_or(Full)?;
            self.take(longest, VecDeque::pop_back)
        };
        let id = self.next_id;
        self.next_id += 1;
        let line = self.lines.entry(source).or_default();
        if line.is_empty() {
            self.turns.push_back(source);
        }
        line.push_back(Entry { id, steps, item });
        self.length += 1;
        self.steps += steps;
        Ok((id, evicted))
    }

    /// Takes the next job: round robin over the sources.
    pub(super) fn pop(&mut self) -> Option<T> {
        let source = *self.turns.front()?;
        self.turns.rotate_left(1);
        self.take(source, VecDeque::pop_front)
    }

    /// Removes the job with that id, if it is still there.
    pub(super) fn remove(&mut self, source: Source, id: u64) -> Option<T> {
        let place = self.lines.get(&source)?.iter().position(|entry| entry.id == id)?;
        self.take(source, |line| line.remove(place))
    }

    fn take(
        &mut self,
        source: Source,
        which: impl FnOnce(&mut VecDeque<Entry<T>>) -> Option<Entry<T>>,
    ) -> Option<T> {
        let line = self.lines.get_mut(&source)?;
        let entry = which(line)?;
        if line.is_empty() {
            self.lines.remove(&source);
            self.turns.retain(|other| *other != source);
        }
        self.length -= 1;
        self.steps -= entry.steps;
        Some(entry.item)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(number: u8) -> Source {
        Some(IpAddr::from([10, 0, 0, number])).into()
    }

    fn queue(capacity: usize, lines: &[(u8, u32)]) -> Queue<(u8, u32)> {
        let mut queue = Queue::new(capacity);
        for (number, jobs) in lines {
            for job in 0..*jobs {
                queue.push(source(*number), 10, (*number, job)).unwrap();
            }
        }
        queue
    }

    #[test]
    fn sources_take_turns_and_each_line_keeps_its_order() {
        let mut queue = queue(10, &[(1, 3), (2, 1), (3, 2)]);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2)]);
        assert_eq!((queue.len(), queue.steps, queue.turns.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_ahead_is_the_own_line_and_as_many_turns_of_the_others() {
        let queue = queue(100, &[(1, 50), (2, 3)]);
        assert_eq!(queue.ahead_of(source(1)), 530);
        assert_eq!(queue.ahead_of(source(2)), (3 + 4) * 10);
        assert_eq!(queue.ahead_of(source(3)), 2 * 10);
    }

    #[test]
    fn the_longest_line_makes_room_for_a_shorter_one_and_for_no_other() {
        let mut queue = queue(4, &[(1, 3), (2, 1)]);
        assert_eq!(queue.push(source(1), 10, (1, 3)), Err(Full));
        let (_, evicted) = queue.push(source(3), 10, (3, 0)).unwrap();
        assert_eq!(evicted, Some((1, 2)), "the newest of the longest line");
        assert_eq!(queue.push(source(3), 10, (3, 1)), Err(Full), "two and one are as good as even");
        assert_eq!(queue.len(), 4);
        assert_eq!(Queue::new(0).push(source(1), 10, ()), Err(Full));
    }

    #[test]
    fn a_job_that_is_removed_leaves_nothing_behind() {
        let mut queue = queue(4, &[(1, 1)]);
        let (id, _) = queue.push(source(2), 10, (2, 0)).unwrap();
        assert_eq!(queue.remove(source(1), id), None);
        assert_eq!(queue.remove(source(2), id), Some((2, 0)));
        assert_eq!(queue.remove(source(2), id), None);
        assert_eq!((queue.len(), queue.steps, queue.turns.len()), (1, 10, 1));
        assert_eq!(queue.pop(), Some((1, 0)));
    }
}
