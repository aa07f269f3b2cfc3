//! Which position belongs to which item: kept beside the stream, so that items travel without it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// After so many items of the source a position is committed, although fewer have come to the sink.
pub(crate) const COMMIT_POSITIONS: u64 = 1 << 16;

/// When twice as much waits as is committed together, no moment has come to do that, and none may come.
const OWED_POSITIONS: usize = 2 * COMMIT_POSITIONS as usize;

/// How many sinks have been to commit for long and could not, since what they have been given is not exactly what became of the source's items
/// up to any. Whoever puts items together looks, and closes a batch early, at a boundary of theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Debts(Arc<AtomicUsize>);

impl Debts {
    /// One load.
    pub(crate) fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// What was owed before is owed, or is not, from now on.
    fn change(&self, before: &mut bool, is_owed: bool) {
        match (std::mem::replace(before, is_owed), is_owed) {
            (false, true) => drop(self.0.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.0.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}

/// The positions of the items that a sink has not committed yet.
#[derive(Debug)]
pub(crate) struct Book<P>(Arc<Mutex<Pages<P>>>, Debts);

#[derive(Debug)]
struct Pages<P> {
    /// The number of the first of those that follow.
    first: u64,
    positions: VecDeque<P>,
    /// A commit is overdue.
    is_owed: bool,
    /// Nobody will ask for any.
    is_closed: bool,
}

impl<P> Clone for Book<P> {
    fn clone(&self) -> Book<P> {
        Book(Arc::clone(&self.0), self.1.clone())
    }
}

impl<P> Book<P> {
    fn new(debts: Debts) -> Book<P> {
        let positions = VecDeque::new();
        let pages = Pages { first: 0, positions, is_owed: false, is_closed: false };
        Book(Arc::new(Mutex::new(pages)), debts)
    }

    fn pages<R>(&self, look: impl FnOnce(&mut Pages<P>) -> R) -> R {
        look(&mut lock(&self.0))
    }

    fn write(&self, position: P) {
        self.pages(|pages| {
            if pages.is_closed {
                return;
            }
            pages.positions.push_back(position);
            if pages.positions.len() >= OWED_POSITIONS {
                self.1.change(&mut pages.is_owed, true);
            }
        });
    }

    /// A commit is overdue, for other reasons.
    pub(crate) fn owe(&self) {
        self.pages(|pages| self.1.change(&mut pages.is_owed, !pages.is_closed));
    }

    /// The sink has ended, while the source may go on for others.
    pub(crate) fn close(&self) {
        self.pages(|pages| {
            self.1.change(&mut pages.is_owed, false);
            pages.is_closed = true;
            pages.positions = VecDeque::new();
        });
    }

    /// The position of the item of that number; those before it are forgotten with it.
    pub(crate) fn take(&self, upto: u64) -> Option<P> {
        self.pages(|pages| {
            let count = usize::try_from(upto.checked_sub(pages.first)?).ok()? + 1;
            let position = pages.positions.drain(..count.min(pages.positions.len())).next_back();
            pages.first = upto + 1;
            self.1.change(&mut pages.is_owed, pages.positions.len() >= OWED_POSITIONS);
            position
        })
    }
}

/// The books of all sinks that keep positions.
#[derive(Debug)]
pub(crate) struct Books<P> {
    /// `None` where the positions have ended.
    books: Option<Arc<Mutex<Vec<Book<P>>>>>,
    debts: Debts,
}

impl<P> Clone for Books<P> {
    fn clone(&self) -> Books<P> {
        Books { books: self.books.clone(), debts: self.debts.clone() }
    }
}

impl<P: Clone> Books<P> {
    pub(crate) fn new() -> Books<P> {
        Books { books: Some(Arc::default()), debts: Debts::default() }
    }

    /// For what is downstream of where the order of the source is not kept.
    pub(crate) fn ended() -> Books<P> {
        Books { books: None, debts: Debts::default() }
    }

    /// One more sink keeps positions, if there are any here.
    pub(crate) fn add(&self) -> Option<Book<P>> {
        let book = Book::new(self.debts.clone());
        lock(self.books.as_ref()?).push(book.clone());
        Some(book)
    }

    /// Whether one of their sinks was to commit, and cannot.
    pub(crate) fn debts(&self) -> Debts {
        self.debts.clone()
    }

    /// Those there are, once all is built.
    pub(crate) fn all(&self) -> Vec<Book<P>> {
        self.books.as_ref().map(|books| lock(books).clone()).unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enters a position in each of them.
pub(crate) fn enter<P: Clone>(books: &[Book<P>], position: P) {
    if let Some((last, others)) = books.split_last() {
        others.iter().for_each(|book| book.write(position.clone()));
        last.write(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One sink, of which so many positions wait.
    fn waiting(positions: usize) -> (Books<Arc<()>>, Book<Arc<()>>, Arc<()>) {
        let (books, position) = (Books::new(), Arc::new(()));
        let book = books.add().unwrap();
        (0..positions).for_each(|_| enter(&books.all(), Arc::clone(&position)));
        (books, book, position)
    }

    #[test]
    fn too_many_that_wait_are_owed_until_they_are_taken() {
        let (books, book, _) = waiting(OWED_POSITIONS - 1);
        assert!(!books.debts().are_there());
        enter(&books.all(), Arc::default());
        assert!(books.debts().are_there());
        assert!(book.take(0).is_some() && !books.debts().are_there());
    }

    #[test]
    fn who_has_ended_is_told_nothing_and_owes_nothing() {
        let (books, book, position) = waiting(3);
        book.owe();
        assert!(books.debts().are_there());
        book.close();
        assert!(!books.debts().are_there(), "it is paid");
        assert_eq!(Arc::strong_count(&position), 1, "all are forgotten");
        enter(&books.all(), Arc::clone(&position));
        assert_eq!(Arc::strong_count(&position), 1, "no more are kept");
        book.owe();
        assert!(!books.debts().are_there());
    }
}
