//! Which position belongs to which item: kept beside the stream, so that items travel without it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The positions of the items that a sink has not committed yet.
#[derive(Debug)]
pub(crate) struct Book<P>(Arc<Mutex<Pages<P>>>);

#[derive(Debug)]
struct Pages<P> {
    /// The number of the first of those that follow.
    first: u64,
    positions: VecDeque<P>,
    /// Nobody will ask for any.
    is_closed: bool,
}

impl<P> Clone for Book<P> {
    fn clone(&self) -> Book<P> {
        Book(Arc::clone(&self.0))
    }
}

impl<P> Book<P> {
    pub(crate) fn new() -> Book<P> {
        Book(Arc::new(Mutex::new(Pages { first: 0, positions: VecDeque::new(), is_closed: false })))
    }

    fn pages<R>(&self, look: impl FnOnce(&mut Pages<P>) -> R) -> R {
        look(&mut lock(&self.0))
    }

    fn write(&self, position: P) {
        self.pages(|pages| {
            if !pages.is_closed {
                pages.positions.push_back(position);
            }
        });
    }

    /// The sink has ended, while the source may go on for others.
    pub(crate) fn close(&self) {
        self.pages(|pages| {
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
            position
        })
    }
}

/// The books of all sinks that keep positions.
#[derive(Debug)]
pub(crate) struct Books<P> {
    /// `None` where the positions have ended.
    books: Option<Arc<Mutex<Vec<Book<P>>>>>,
}

impl<P> Clone for Books<P> {
    fn clone(&self) -> Books<P> {
        Books { books: self.books.clone() }
    }
}

impl<P: Clone> Books<P> {
    pub(crate) fn new() -> Books<P> {
        Books { books: Some(Arc::default()) }
    }

    /// For what is downstream of where the order of the source is not kept.
    pub(crate) fn ended() -> Books<P> {
        Books { books: None }
    }

    /// One more sink keeps positions, if there are any here.
    pub(crate) fn add(&self) -> Option<Book<P>> {
        let book = Book::new();
        lock(self.books.as_ref()?).push(book.clone());
        Some(book)
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
