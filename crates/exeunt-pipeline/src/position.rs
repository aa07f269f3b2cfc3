//! Which position belongs to which item: kept beside the stream, so that items travel without it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The positions of the items that a sink has not committed yet.
#[derive(Debug)]
pub(crate) struct Book<P>(Arc<Mutex<Pages<P>>>);

#[derive(Debug)]
struct Pages<P> {
    /// The number of the first of those that follow.
    first: u64,
    positions: VecDeque<P>,
}

impl<P> Clone for Book<P> {
    fn clone(&self) -> Book<P> {
        Book(Arc::clone(&self.0))
    }
}

impl<P> Book<P> {
    pub(crate) fn new() -> Book<P> {
        Book(Arc::new(Mutex::new(Pages { first: 0, positions: VecDeque::new() })))
    }

    fn pages<R>(&self, look: impl FnOnce(&mut Pages<P>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, position: P) {
        self.pages(|pages| pages.positions.push_back(position));
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
    books: Arc<Mutex<Vec<Book<P>>>>,
}

impl<P> Clone for Books<P> {
    fn clone(&self) -> Books<P> {
        Books { books: Arc::clone(&self.books) }
    }
}

impl<P: Clone> Books<P> {
    pub(crate) fn new() -> Books<P> {
        Books { books: Arc::default() }
    }

    /// One more sink keeps positions.
    pub(crate) fn add(&self) -> Book<P> {
        let book = Book::new();
        self.books.lock().unwrap_or_else(PoisonError::into_inner).push(book.clone());
        book
    }

    /// Those there are, once all is built.
    pub(crate) fn all(&self) -> Vec<Book<P>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Enters a position in each of them.
pub(crate) fn enter<P: Clone>(books: &[Book<P>], position: P) {
    if let Some((last, others)) = books.split_last() {
        others.iter().for_each(|book| book.write(position.clone()));
        last.write(position);
    }
}
