//! [`Unread`]: what of the logs could not be read.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many are told once more at the end.
const MOST_TOLD: usize = 5;

/// What could not be read, each said when it is met, and all of it once more at the end. A clone is the same list.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    first: Vec<String>,
    count: usize,
}

impl Unread {
    pub(crate) fn note(&self, error: &dyn fmt::Display) {
        log::error!("{error}");
        let mut list = self.list();
        list.count += 1;
        if list.count <= MOST_TOLD {
            list.first.push(error.to_string());
        }
    }

    /// That all was read, or what was not.
    pub(crate) fn nothing(&self) -> Result<(), String> {
        let List { first, count } = &*self.list();
        let told = first.join("; ");
        match count - first.len() {
            _ if *count == 0 => Ok(()),
            0 => Err(format!("not all could be read: {told}")),
            more => Err(format!("not all could be read: {told}; and {more} more, named above")),
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_the_others_counted() {
        let unread = Unread::default();
        assert_eq!(unread.nothing(), Ok(()));
        unread.note(&"a.log: cut off");
        assert_eq!(unread.clone().nothing().unwrap_err(), "not all could be read: a.log: cut off");
        (1..=6).for_each(|n| unread.note(&n));
        let told = "not all could be read: a.log: cut off; 1; 2; 3; 4; and 2 more, named above";
        assert_eq!(unread.nothing().unwrap_err(), told);
    }
}
