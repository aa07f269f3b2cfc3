//! The stages that look at one item at a time: a closure, with what is to be done when it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use exeunt::{Backoff, Error};

use super::kinds::Sealed;
use super::{Emit, Halt, Op, Thread};
use crate::ledger::Counts;
use crate::side::Side;
use crate::wiring::Wire;

/// One closure of the user's. What implements it is made by the methods of [`Flow`](crate::Flow) alone.
pub trait Kind: Sealed + Send + 'static {
    /// What it is given.
    type In: Send + 'static;
    /// What it makes.
    type Out: Send + 'static;
    #[doc(hidden)]
    type Yield: Iterator<Item = Self::Out>;

    #[doc(hidden)]
    fn call(&mut self, item: Self::In) -> Result<Self::Yield, Error>;
}

/// A stage that is one closure.
#[derive(Debug)]
pub struct Each<K: Kind> {
    pub(crate) kind: K,
    pub(crate) base: Base,
    pub(crate) policy: Policy<K::In>,
}

/// What every stage has.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) name: Arc<str>,
    pub(crate) counts: Arc<Counts>,
}

/// What is done about an item of which a closure makes an error or a panic.
#[derive(Debug)]
pub(crate) struct Policy<T: Send + 'static> {
    pub(crate) retry: Option<Retry<T>>,
    pub(crate) at_last: AtLast<T>,
}

#[derive(Debug)]
pub(crate) struct Retry<T> {
    pub(crate) times: u32,
    pub(crate) backoff: Backoff,
    pub(crate) copy: fn(&T) -> T,
}

#[derive(Debug)]
pub(crate) enum AtLast<T: Send + 'static> {
    Stop,
    Skip,
    Divert { copy: fn(&T) -> T, to: Box<Side<Diverted<T>>> },
}

impl<T: Send + 'static> Clone for Policy<T> {
    fn clone(&self) -> Policy<T> {
        let retry = self.retry.as_ref().map(|&Retry { times, backoff, copy }| Retry {
            times,
            backoff,
            copy,
        });
        let at_last = match &self.at_last {
            AtLast::Stop => AtLast::Stop,
            AtLast::Skip => AtLast::Skip,
            AtLast::Divert { copy, to } => AtLast::Divert { copy: *copy, to: to.clone() },
        };
        Policy { retry, at_last }
    }
}

impl<T: Send + 'static> Default for Policy<T> {
    fn default() -> Policy<T> {
        Policy { retry: None, at_last: AtLast::Stop }
    }
}

/// An item that failed, on its way to the [sink of its own](crate::Flow::divert).
#[derive(Debug)]
#[non_exhaustive]
pub struct Diverted<T> {
    /// The item, as it came to the stage.
    pub item: T,
    /// The stage.
    pub stage: Arc<str>,
    /// What the stage made of it: an error, or a panic.
    pub error: Error,
}

impl<T: Send + 'static> Policy<T> {
    /// Declares whom it feeds.
    pub(crate) fn wire<W: Wire>(&self, wire: W) -> W {
        match &self.at_last {
            AtLast::Divert { to, .. } => to.wire(wire),
            _ => wire,
        }
    }

    /// How to keep what is needed if it fails.
    #[inline]
    fn copy(&self) -> Option<fn(&T) -> T> {
        match (&self.retry, &self.at_last) {
            (Some(Retry { copy, .. }), _) | (None, AtLast::Divert { copy, .. }) => Some(*copy),
            (None, _) => None,
        }
    }
}

impl<T: Send + 'static> AtLast<T> {
    /// What was diverted goes on its way.
    fn send(&mut self) {
        if let AtLast::Divert { to, .. } = self {
            to.flush();
        }
    }
}

/// Runs code of the user's, so that a panic is an error like another.
#[inline(always)]
pub(crate) fn guard<R>(code: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => result,
        Err(payload) => Err(panicked(&*payload)),
    }
}

#[cold]
fn panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Error::msg(format_args!("it panicked: {}", text.unwrap_or("a panic")))
}

impl Base {
    #[cold]
    pub(crate) fn halt(&self, error: Error) -> Halt {
        self.counts.broke_off();
        Halt::failed(&self.name, error)
    }
}

/// What can go wrong while an item is handed on.
enum Trouble {
    /// Downstream.
    Halt(Halt),
    /// Before all was handed on.
    CutOff(Halt),
    /// In the closure, or in the iterator that it made.
    Item(Error),
}

impl<K: Kind> Op for Each<K> {
    type In = K::In;
    type Out = K::Out;

    fn wire<W: Wire>(&self, wire: W) -> W {
        self.policy.wire(wire)
    }

    fn begin(&mut self, thread: &Thread) {
        if let AtLast::Divert { to, .. } = &mut self.policy.at_last {
            to.begin(thread);
        }
    }

    #[inline]
    fn push(&mut self, item: K::In, emit: &mut impl Emit<K::Out>) -> Result<(), Halt> {
        self.base.counts.entered();
        // To copy an item is code of the user's, too.
        let kept = match self.policy.copy().map(|copy| guard(|| Ok(copy(&item)))) {
            None => None,
            Some(Ok(kept)) => Some(kept),
            Some(Err(error)) => return self.give_up(error, Some(item)),
        };
        match guard(|| self.kind.call(item)) {
            Ok(made) => self.deliver(made, kept, emit),
            Err(error) => self.try_again(error, kept, emit),
        }
    }

    fn settle(&mut self) -> Result<(), Halt> {
        self.policy.at_last.send();
        Ok(())
    }
}

impl<K: Kind> Each<K> {
    #[inline]
    fn deliver(
        &mut self,
        made: K::Yield,
        kept: Option<K::In>,
        emit: &mut impl Emit<K::Out>,
    ) -> Result<(), Halt> {
        match self.hand_on(made, emit) {
            Ok(true) => self.base.counts.passed(),
            Ok(false) => self.base.counts.filtered(),
            Err(Trouble::Halt(halt)) => {
                self.base.counts.passed();
                return Err(halt);
            }
            Err(Trouble::CutOff(halt)) => {
                self.base.counts.return_entered(1);
                return Err(halt);
            }
            // Part of it is on its way already: to try again would double that.
            Err(Trouble::Item(error)) => return self.give_up(error, kept),
        }
        Ok(())
    }

    /// Says whether there was anything.
    #[inline]
    fn hand_on(
        &mut self,
        mut made: K::Yield,
        emit: &mut impl Emit<K::Out>,
    ) -> Result<bool, Trouble> {
        let mut any = false;
        while let Some(item) = guard(|| Ok(made.next())).map_err(Trouble::Item)? {
            // One may become as many as there are of others, and more.
            if std::mem::replace(&mut any, true) {
                emit.look().map_err(Trouble::CutOff)?;
            }
            self.base.counts.out();
            let at_last = &mut self.policy.at_last;
            emit.emit_beside(item, &mut || at_last.send()).map_err(Trouble::Halt)?;
        }
        Ok(any)
    }

    #[cold]
    fn try_again(
        &mut self,
        mut error: Error,
        kept: Option<K::In>,
        emit: &mut impl Emit<K::Out>,
    ) -> Result<(), Halt> {
        if let Some(Retry { times, backoff, copy }) = &self.policy.retry {
            let (times, copy, mut delays) = (*times, *copy, backoff.delays());
            self.settle()?;
            for _ in 0..times {
                let Some(kept_item) = &kept else { break };
                match emit.wait(delays.next().unwrap_or_default()) {
                    Ok(false) => {}
                    Ok(true) => break, // its deadline has passed
                    Err(halt) => {
                        self.base.counts.return_entered(1);
                        return Err(halt);
                    }
                }
                self.base.counts.retried();
                match guard(|| self.kind.call(copy(kept_item))) {
                    Ok(made) => return self.deliver(made, kept, emit),
                    Err(again) => error = again,
                }
            }
        }
        self.give_up(error, kept)
    }

    /// What is done at last about an item that failed.
    #[cold]
    fn give_up(&mut self, error: Error, kept: Option<K::In>) -> Result<(), Halt> {
        let Base { counts, name, .. } = &self.base;
        match (&mut self.policy.at_last, kept) {
            (AtLast::Divert { to, .. }, Some(item)) => {
                counts.diverted();
                to.put(Diverted { item, stage: Arc::clone(name), error });
                Ok(())
            }
            (AtLast::Skip, _) => {
                log::debug!("`{name}` skips an item: {error}");
                counts.failed();
                Ok(())
            }
            _ => {
                counts.failed();
                Err(self.base.halt(error))
            }
        }
    }
}
