//! The usher: the thread on which the listeners run, which they may hold up.

use crossbeam_channel::{Receiver, Sender};

use crate::notice::{self, Notice};
use crate::unwind;

pub(crate) type Listener = Box<dyn FnMut(&Notice) + Send>;

/// What the usher is told.
pub(crate) enum Chore {
    Tell(Notice),
    Listen(Listener),
    /// A burial for which there was no thread.
    Run(Box<dyn FnOnce() + Send>),
    /// The sender goes when all before this is done and the listeners are dropped.
    GoHome(Sender<()>),
}

/// The usher's work: everything on this thread may be held up by the user's code, and holds up
/// nobody else.
pub(super) fn ush(system: &str, chores: &Receiver<Chore>) {
    let mut listeners: Vec<Listener> = vec![Box::new(notice::logger(system))];
    for chore in chores {
        match chore {
            Chore::Tell(notice) => tell(&mut listeners, &notice),
            Chore::Listen(listener) => listeners.push(listener),
            Chore::Run(work) => {
                let _ = unwind::catch(work);
            }
            Chore::GoHome(done) => {
                for listener in listeners {
                    let _ = unwind::drop_caught(listener);
                }
                drop(done);
                return;
            }
        }
    }
}

/// A listener that panics has heard enough.
pub(crate) fn tell(listeners: &mut Vec<Listener>, notice: &Notice) {
    let mut index = 0;
    while let Some(listener) = listeners.get_mut(index) {
        match unwind::catch(|| listener(notice)) {
            Ok(()) => index += 1,
            Err(_) => {
                let _ = unwind::drop_caught(listeners.remove(index));
            }
        }
    }
}
