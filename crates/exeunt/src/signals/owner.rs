//! Which system has the signals of this process, and the flags behind which each has its default
//! effect.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::SignalError;
use super::arrivals::{Arrivals, Handle, arrivals_of_none, raise, register_end};
use super::error::Cause;
use crate::report::Signal;
use crate::system::SystemHandle;

/// The owner of the signals in this process, and the flags of all signals that ever were taken.
pub(super) static OWNER: Mutex<Owner> =
    Mutex::new(Owner { handle: None, tenancy: 0, flags: BTreeMap::new() });

pub(super) struct Owner {
    pub(super) handle: Option<SystemHandle>,
    /// Counts the owners there were, so that a forwarder knows whether it still speaks for the last.
    pub(super) tenancy: u64,
    pub(super) flags: BTreeMap<i32, Arc<AtomicBool>>,
}

impl Owner {
    /// An error if some system has the signals, that one included.
    pub(super) fn check_free_for(&self, system: &SystemHandle) -> Result<(), SignalError> {
        // A system that has ended owns nothing, even if its guard is still somewhere. But a system that a signal has
        // ended before it was run is not to begin anew with the signals: it has had its first one, and an echo of that
        // would be taken for one that finds nobody to drain.
        let has_them = |owner: &&SystemHandle| *owner == system || !owner.has_ended();
        match self.handle.as_ref().filter(has_them) {
            Some(owner) => Err(SignalError(Cause::Owned(owner.clone()))),
            None => Ok(()),
        }
    }

    /// Makes that system the owner, with the flags of these signals down. Gives the number of its
    /// tenancy.
    pub(super) fn hand_over_to<'a>(
        &mut self,
        system: &SystemHandle,
        numbers: impl Iterator<Item = &'a i32>,
    ) -> u64 {
        self.tenancy += 1; // an earlier owner that waits out its window raises no flag any more
        self.handle = Some(system.clone());
        self.lower_only(numbers);
        self.tenancy
    }

    /// Listens for the signals that begin the drain, and, apart, for the one that prints the snapshot.
    pub(super) fn listen_for_both(
        &mut self,
        numbers: &[i32],
        snapshot: Option<i32>,
    ) -> Result<(Arrivals, Option<Arrivals>), SignalError> {
        let arrivals = self.listen_for(numbers)?;
        match snapshot.map(|signal| self.listen_for(&[signal])).transpose() {
            Ok(requests) => Ok((arrivals, requests)),
            Err(error) => {
                self.give_back(arrivals);
                Err(error)
            }
        }
    }
    /// Listens for these signals; all of them, or none.
    ///
    /// From its first registration on a signal is caught, and has lost its default effect. So the
    /// listener is registered first, and is asked later, and the flag is down from the start: a
    /// signal that comes in between waits to be forwarded. (A signal that comes while signal-hook
    /// itself is between catching it and knowing for whom, nobody hears; that takes a few
    /// instructions.)
    fn listen_for(&mut self, numbers: &[i32]) -> Result<Arrivals, SignalError> {
        let arrivals = arrivals_of_none().map_err(|e| SignalError(Cause::System(e)))?;
        let handle = arrivals.handle();
        match numbers.iter().try_for_each(|&signal| self.listen(&handle, signal)) {
            Ok(()) => Ok(arrivals),
            Err(error) => {
                self.give_back(arrivals);
                Err(error)
            }
        }
    }

    fn listen(&mut self, arrivals: &Handle, signal: i32) -> Result<(), SignalError> {
        let named = |error| SignalError(Cause::Signal(Signal(signal), error));
        if !SIGNALS.contains(&signal) {
            return Err(named(io::ErrorKind::InvalidInput.into())); // signal-hook would panic
        }
        arrivals.add_signal(signal).map_err(named)?;
        if let Entry::Vacant(new) = self.flags.entry(signal) {
            let flag = Arc::new(AtomicBool::new(false));
            register_end(signal, Arc::clone(&flag)).map_err(named)?;
            new.insert(flag);
        }
        Ok(())
    }

    /// Nobody listens after all: signals that have come have their default effect, and so have
    /// those to come.
    fn give_back(&self, mut arrivals: Arrivals) {
        self.lower_only([].iter());
        // All that have come first: one that does not end the process comes back to us.
        arrivals.pending().collect::<Vec<i32>>().into_iter().for_each(raise);
    }

    /// Lowers the flags of these, and raises all others; none of them is moved and moved back.
    fn lower_only<'a>(&self, numbers: impl Iterator<Item = &'a i32>) {
        let lowered: Vec<i32> = numbers.copied().collect();
        for (signal, flag) in &self.flags {
            flag.store(!lowered.contains(signal), Ordering::SeqCst);
        }
    }

    pub(super) fn flags_of(&self, numbers: &[i32]) -> Flags {
        Flags(numbers.iter().filter_map(|signal| self.flags.get(signal).cloned()).collect())
    }
}

/// The numbers that signal-hook knows.
const SIGNALS: std::ops::Range<i32> = 1..128;

/// While they are up, a signal has its default effect.
pub(super) struct Flags(Vec<Arc<AtomicBool>>);

impl Flags {
    pub(super) fn raise(&self) {
        self.0.iter().for_each(|flag| flag.store(true, Ordering::SeqCst));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use signal_hook::consts::SIGWINCH;

    use super::*;

    #[test]
    fn s5_a_signal_that_came_before_another_was_refused_has_its_default_effect() {
        let mut owner = Owner { handle: None, tenancy: 0, flags: BTreeMap::new() };
        let refused = owner.listen_for(&[SIGWINCH]).unwrap();
        let mut witness = owner.listen_for(&[SIGWINCH]).unwrap();
        raise(SIGWINCH);
        assert_eq!(witness.pending().count(), 1);
        assert_eq!(witness.pending().count(), 0);
        // Its default effect is none, but that it comes once more.
        owner.give_back(refused);
        assert_eq!(witness.pending().count(), 1);
    }
}
