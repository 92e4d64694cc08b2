//! Interleaved hashes: joining, stepping, leaving.

use core::{array, fmt, iter};

use crate::{
    Cost, Digest, Error, Kernel, LaneCount, MAX_PASSWORD_BYTES, Refused, SALT_BYTES, state::State,
};

/// Up to six hashes in progress, which [`step`](Self::step) advances together.
///
/// A job joins between any two steps, whatever the others' costs and progress, and leaves with its digest after
/// [`Cost::iterations`] steps (or more, if it is [padded](Self::join_padded)). `T` is the caller's ticket: it goes in with a job and comes out with the digest.
pub struct Lanes<T> {
    kernel: Kernel,
    /// One for each lane. The first `seats.len()` are in use, the others hold zeros.
    states: Box<[State]>,
    /// One for each state in use, in the same order. Never grows beyond its first allocation.
    seats: Vec<Seat<T>>,
}

struct Seat<T> {
    ticket: T,
    steps_left: u32,
    /// Of these, the steps after the hash's own last one.
    padding: u32,
    /// Computed at the hash's own last step.
    digest: Digest,
}

impl<T> Lanes<T> {
    /// Empty lanes; the only allocation they make.
    #[must_use]
    pub fn new(kernel: Kernel, capacity: LaneCount) -> Self {
        let capacity = capacity.get();
        let states = (0..capacity).map(|_| State::EMPTY).collect();
        Self { kernel, states, seats: Vec::with_capacity(capacity) }
    }

    /// Starts a hash: `$2b$`, of a password of 0 to 72 bytes, which may contain any byte.
    ///
    /// bcrypt's key is the password with a NUL byte at its end, repeated to 72 bytes: so passwords that differ only in
    /// how often they repeat themselves around a NUL (`a` and `a\0a`) have the same hash. The start costs the time of
    /// half a step of one lane. The password is not kept, its key is, until the hash leaves.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::PasswordTooLong`], with the ticket handed back.
    pub fn join(
        &mut self,
        password: &[u8],
        salt: &[u8; SALT_BYTES],
        cost: Cost,
        ticket: T,
    ) -> Result<(), Refused<T>> {
        self.join_padded(password, salt, cost, cost, ticket)
    }

    /// Starts a hash that leaves no sooner than one of cost `padded_to` would, so that its time does not reveal the cost
    /// (timing attack). The digest is the same.
    ///
    /// # Errors
    ///
    /// Those of [`Lanes::join`].
    pub fn join_padded(
        &mut self,
        password: &[u8],
        salt: &[u8; SALT_BYTES],
        cost: Cost,
        padded_to: Cost,
        ticket: T,
    ) -> Result<(), Refused<T>> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(Refused {
                ticket,
                error: Error::PasswordTooLong { length: password.len() },
            });
        }
        let Some(state) = self.states.get_mut(self.seats.len()) else {
            return Err(Refused { ticket, error: Error::Full });
        };
        state.start(password, salt);
        let steps_left = cost.max(padded_to).iterations();
        let padding = steps_left - cost.iterations();
        self.seats.push(Seat { ticket, steps_left, padding, digest: Digest::default() });
        Ok(())
    }

    /// Runs one iteration of every hash: an expansion with the password, then one with the salt. Returns the finished
    /// hashes, which have left. Does nothing if there are none. Allocates nothing.
    pub fn step(&mut self) -> Departed<(T, Digest)> {
        self.step_first(self.len())
    }

    /// The same for no more than the first `most` hashes; the others wait. One that waits moves on as soon as one of the
    /// first has left, since the last lane fills the gap. So lanes can be fewer for a while without losing work.
    pub fn step_first(&mut self, most: usize) -> Departed<(T, Digest)> {
        let stepped = self.len().min(most);
        let states = &mut self.states[..stepped];
        states.iter_mut().for_each(State::mix_key);
        self.kernel.expand(states);
        states.iter_mut().for_each(State::mix_salt);
        self.kernel.expand(states);
        for (seat, state) in self.seats.iter_mut().zip(states) {
            seat.steps_left -= 1;
            if seat.steps_left == seat.padding {
                seat.digest = state.digest();
            }
        }
        self.leave(|seat| seat.steps_left == 0, |seat| (seat.ticket, seat.digest))
    }

    /// Cancels the hashes whose tickets are `unwanted`, and returns the tickets.
    pub fn cancel(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> Departed<T> {
        self.leave(|seat| unwanted(&seat.ticket), |seat| seat.ticket)
    }

    /// The tickets of the hashes in progress, each with its remaining steps. In no order.
    pub fn in_progress(&self) -> impl ExactSizeIterator<Item = (&T, u32)> {
        self.seats.iter().map(|seat| (&seat.ticket, seat.steps_left))
    }

    /// The number of hashes in progress.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether no hash is in progress.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether every lane is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// The number of lanes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.states.len()
    }

    /// The kernel that was chosen.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Chooses another kernel, from the next step on: hashes in progress go on where they are.
    pub fn set_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Removes every seat that `goes`, from the last lane to the first: a seat that is moved to a freed lane has been asked
    /// already.
    fn leave<R>(
        &mut self,
        mut goes: impl FnMut(&Seat<T>) -> bool,
        parting: impl Fn(Seat<T>) -> R,
    ) -> Departed<R> {
        let mut departed = [const { None }; LaneCount::MAX.get()];
        for (lane, slot) in (0..self.len()).rev().zip(&mut departed) {
            if goes(&self.seats[lane]) {
                let seat = self.seats.swap_remove(lane);
                *slot = Some(parting(seat));
                self.vacate(lane);
            }
        }
        Departed(departed.into_iter().flatten())
    }

    /// Moves the last state to the lane of its seat, and wipes the one that it leaves.
    fn vacate(&mut self, lane: usize) {
        let (in_use, rest) = self.states.split_at_mut(self.seats.len());
        if let (Some(hole), [last, ..]) = (in_use.get_mut(lane), &*rest) {
            hole.copy_from(last);
        }
        if let [last, ..] = rest {
            last.wipe();
        }
    }
}

impl<T> fmt::Debug for Lanes<T> {
    /// Omits the states, which are secret, and the tickets, which need not be printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("kernel", &self.kernel)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// The hashes that have left the lanes, in no order. Dropped unread, they are lost.
#[derive(Debug)]
#[must_use = "the hashes have left the lanes, and only this holds what is left of them"]
pub struct Departed<R>(iter::Flatten<array::IntoIter<Option<R>, { LaneCount::MAX.get() }>>);

impl<R> Iterator for Departed<R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use core::slice;

    use super::*;
    use crate::portable;

    /// A hash of its own for each ticket, at cost 4 and up.
    fn join(lanes: &mut Lanes<u8>, ticket: u8) -> Result<(), Error> {
        let cost = Cost::try_from(4 + u32::from(ticket))?;
        lanes.join(&[ticket; 9], &[ticket; 16], cost, ticket).map_err(|refused| refused.error)
    }

    fn three_lanes() -> Result<Lanes<u8>, Error> {
        let mut lanes = Lanes::new(Kernel::Portable, LaneCount::try_from(3)?);
        (0..3).try_for_each(|ticket| join(&mut lanes, ticket))?;
        Ok(lanes)
    }

    #[test]
    fn the_last_lane_moves_to_the_place_that_came_free_and_leaves_zeros() -> Result<(), Error> {
        let mut lanes = three_lanes()?;
        let last = lanes.states[2].clone();
        assert_eq!(lanes.cancel(|ticket| *ticket == 0).collect::<Vec<_>>(), [0]);
        assert_eq!(lanes.states[0], last);
        assert_eq!(lanes.states[2], State::EMPTY);
        assert_eq!(lanes.in_progress().collect::<Vec<_>>(), [(&2, 64), (&1, 32)]);
        Ok(())
    }

    /// The result of one step, written out for one hash.
    fn stepped(mut state: State) -> State {
        for mix in [State::mix_key, State::mix_salt] {
            mix(&mut state);
            portable::expand(slice::from_mut(&mut state));
        }
        state
    }

    /// The whole life of a lane, in few steps, so that Miri can follow.
    #[test]
    fn hashes_that_join_midway_and_leave_change_no_other() -> Result<(), Error> {
        for kernel in Kernel::available() {
            let mut lanes = Lanes::new(kernel, LaneCount::try_from(3)?);
            join(&mut lanes, 0)?;
            let first = lanes.states[0].clone();
            join(&mut lanes, 1)?;
            let (last_of_0, next_of_1) = (stepped(first.clone()), stepped(lanes.states[1].clone()));
            lanes.seats[0].steps_left = 1;
            assert_eq!(lanes.step().collect::<Vec<_>>(), [(0, last_of_0.digest())]);
            assert!(lanes.states[..] == [next_of_1.clone(), State::EMPTY, State::EMPTY]);
            join(&mut lanes, 0)?;
            assert!(lanes.states[..] == [next_of_1, first.clone(), State::EMPTY]);
            assert_eq!(lanes.cancel(|ticket| *ticket == 1).collect::<Vec<_>>(), [1]);
            assert!(lanes.states[..] == [first, State::EMPTY, State::EMPTY]);
        }
        Ok(())
    }

    #[test]
    #[cfg_attr(miri, ignore = "sixteen steps; the test above has one, and the same parting")]
    fn a_hash_that_is_done_leaves_zeros() -> Result<(), Error> {
        let mut lanes = three_lanes()?;
        let left = (0..16).flat_map(|_| lanes.step()).count();
        assert_eq!((left, lanes.len()), (1, 2));
        assert_eq!(lanes.states[2], State::EMPTY);
        Ok(())
    }

    #[test]
    fn a_lane_that_waits_keeps_its_state_and_moves_on_when_one_of_the_first_has_left()
    -> Result<(), Error> {
        let mut lanes = three_lanes()?;
        let last = lanes.states[2].clone();
        lanes.seats[0].steps_left = 1;
        assert_eq!(lanes.step_first(2).count(), 1);
        assert_eq!(lanes.states[0], last);
        assert_eq!(lanes.in_progress().collect::<Vec<_>>(), [(&2, 64), (&1, 31)]);
        assert_eq!(lanes.step_first(1).count(), 0);
        assert_eq!(lanes.states[0], stepped(last));
        Ok(())
    }

    #[test]
    fn everybody_may_leave_at_once() -> Result<(), Error> {
        let mut lanes = three_lanes()?;
        assert_eq!(lanes.cancel(|_| true).count(), 3);
        assert!(lanes.states.iter().all(|state| *state == State::EMPTY));
        Ok(())
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads no state, and takes three hashes to begin")]
    fn what_is_printed_holds_no_secret() -> Result<(), Error> {
        let printed = format!("{:?}", three_lanes()?);
        assert_eq!(printed, "Lanes { kernel: Portable, len: 3, capacity: 3, .. }");
        Ok(())
    }
}
