//! A way aside, to a part of the pipeline that is built before the stage that feeds it.

use std::sync::{Arc, Mutex, PoisonError};

use exeunt::Error;

use crate::chunk::{Inlet, Outlet};
use crate::ledger::Counts;
use crate::op::{Thread, guard};
use crate::wiring::Wire;

/// Where the way leads, once that is known.
#[derive(Debug)]
pub(crate) struct Door<T: Send + 'static>(Arc<Mutex<Option<Inlet<T>>>>);

impl<T: Send + 'static> Clone for Door<T> {
    fn clone(&self) -> Door<T> {
        Door(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Door<T> {
    pub(crate) fn new() -> Door<T> {
        Door(Arc::default())
    }

    pub(crate) fn open(&self, inlet: Inlet<T>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(inlet);
    }

    fn inlet(&self) -> Option<Inlet<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One thread's way through a [`Door`].
#[derive(Debug)]
pub(crate) struct Side<T: Send + 'static> {
    door: Option<Door<T>>,
    outlet: Option<Outlet<T>>,
    /// Who counts what comes when nobody takes it any more.
    receiver: Option<Arc<Counts>>,
}

impl<T: Send + 'static> Clone for Side<T> {
    fn clone(&self) -> Side<T> {
        Side { door: self.door.clone(), outlet: None, receiver: self.receiver.clone() }
    }
}

impl<T: Send + 'static> Side<T> {
    pub(crate) fn new(door: Door<T>) -> Side<T> {
        Side { door: Some(door), outlet: None, receiver: None }
    }

    /// Goes through the door, which is open by now.
    pub(crate) fn begin(&mut self, thread: &Thread) {
        let inlet = self.door.take().and_then(|door| door.inlet());
        self.receiver = inlet.as_ref().map(|inlet| Arc::clone(&inlet.receiver));
        self.outlet = inlet.map(|inlet| inlet.outlet_on(thread));
    }

    /// Declares who is behind the door.
    pub(crate) fn wire<W: Wire>(&self, wire: W) -> W {
        match self.door.as_ref().and_then(Door::inlet) {
            Some(inlet) => inlet.wire(wire),
            None => wire,
        }
    }

    /// Whether nobody takes anything there any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.outlet.is_none()
    }

    pub(crate) fn flush(&mut self) {
        if let Some(Err(_)) = self.outlet.as_mut().map(Outlet::flush) {
            self.outlet = None;
        }
    }

    pub(crate) fn mark(&mut self, upto: u64) {
        if let Some(outlet) = &mut self.outlet {
            outlet.mark(upto);
        }
    }

    /// Puts an item aside. That nobody takes it there any more is no matter of the main way's.
    pub(crate) fn put(&mut self, item: T) {
        match self.outlet.as_mut().map(|outlet| outlet.put(item)) {
            Some(Ok(())) => {}
            Some(Err(_)) => self.outlet = None,
            None => self.lose_one(),
        }
    }

    /// The same, of an item that has yet to be copied; which is code of the user's.
    pub(crate) fn put_copy(&mut self, item: &T) -> Result<(), Error>
    where
        T: Clone,
    {
        match guard(|| Ok(item.clone())) {
            Ok(copy) => {
                self.put(copy);
                Ok(())
            }
            Err(error) => {
                self.lose_one();
                Err(error)
            }
        }
    }

    fn lose_one(&self) {
        self.receiver.iter().for_each(|receiver| receiver.return_unseen(1));
    }
}

#[cfg(test)]
mod tests {
    use exeunt::Event;

    use super::*;
    use crate::link::Link;
    use crate::pace::Pace;

    /// The way to a reader that has gone, of chunks of one item, if there is a pace.
    fn to_nobody(pace: Option<Arc<Pace>>) -> (Link<u32>, Side<u32>) {
        let (mut link, door) = (Link::new(), Door::new());
        door.open(Inlet { pace, ..link.inlet() });
        let mut side = Side::new(door);
        side.begin(&Thread { drain: Event::new(), is_source: false });
        link.close();
        (link, side)
    }

    #[test]
    fn a_way_to_nobody_is_closed_with_the_first_that_is_refused_and_each_is_counted() {
        let (link, mut side) = to_nobody(Some(Arc::new(Pace::new(1))));
        side.put(1);
        assert!(side.is_closed());
        side.put(2);
        assert_eq!(link.counted.read().returned, 2);

        let (link, mut side) = to_nobody(None);
        side.put(1);
        assert!(!side.is_closed(), "nobody knows yet");
        side.flush();
        assert!(side.is_closed());
        assert_eq!(link.counted.read().returned, 1);
    }
}
