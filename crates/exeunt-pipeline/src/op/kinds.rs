//! What a closure can be: a map, a filter, and so on.

use std::marker::PhantomData;
use std::option;

use exeunt::Error;

use super::Kind;

/// What nobody else can be, so that more may be asked of those that are.
pub trait Sealed {}

/// One for one.
#[derive(Debug)]
pub struct Map<F, T, U>(pub(crate) F, pub(crate) PhantomData<fn(T) -> U>);

impl<F, T, U> Sealed for Map<F, T, U> {}

impl<F, T, U> Kind for Map<F, T, U>
where
    F: FnMut(T) -> U + Send + 'static,
    T: Send + 'static,
    U: Send + 'static,
{
    type In = T;
    type Out = U;
    type Yield = option::IntoIter<U>;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        Ok(Some((self.0)(item)).into_iter())
    }
}

/// One for one, or an error.
#[derive(Debug)]
pub struct TryMap<F, T, U>(pub(crate) F, pub(crate) PhantomData<fn(T) -> U>);

impl<F, T, U> Sealed for TryMap<F, T, U> {}

impl<F, T, U, E> Kind for TryMap<F, T, U>
where
    F: FnMut(T) -> Result<U, E> + Send + 'static,
    T: Send + 'static,
    U: Send + 'static,
    E: Into<Error>,
{
    type In = T;
    type Out = U;
    type Yield = option::IntoIter<U>;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        (self.0)(item).map(|made| Some(made).into_iter()).map_err(Into::into)
    }
}

/// Some of them.
#[derive(Debug)]
pub struct Filter<F, T>(pub(crate) F, pub(crate) PhantomData<fn(T)>);

impl<F, T> Sealed for Filter<F, T> {}

impl<F, T> Kind for Filter<F, T>
where
    F: FnMut(&T) -> bool + Send + 'static,
    T: Send + 'static,
{
    type In = T;
    type Out = T;
    type Yield = option::IntoIter<T>;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        let kept = if (self.0)(&item) { Some(item) } else { None };
        Ok(kept.into_iter())
    }
}

/// All of them, looked at.
#[derive(Debug)]
pub struct Inspect<F, T>(pub(crate) F, pub(crate) PhantomData<fn(T)>);

impl<F, T> Sealed for Inspect<F, T> {}

impl<F, T> Kind for Inspect<F, T>
where
    F: FnMut(&T) + Send + 'static,
    T: Send + 'static,
{
    type In = T;
    type Out = T;
    type Yield = option::IntoIter<T>;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        (self.0)(&item);
        Ok(Some(item).into_iter())
    }
}

/// As many for one as there are.
#[derive(Debug)]
pub struct FlatMap<F, T, I>(pub(crate) F, pub(crate) PhantomData<fn(T) -> I>);

impl<F, T, I> Sealed for FlatMap<F, T, I> {}

impl<F, T, I> Kind for FlatMap<F, T, I>
where
    F: FnMut(T) -> I + Send + 'static,
    T: Send + 'static,
    I: IntoIterator + 'static,
    I::Item: Send + 'static,
{
    type In = T;
    type Out = I::Item;
    type Yield = I::IntoIter;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        Ok((self.0)(item).into_iter())
    }
}

/// One for one, with a state.
#[derive(Debug)]
pub struct Scan<F, S, T, U>(pub(crate) F, pub(crate) S, pub(crate) PhantomData<fn(T) -> U>);

impl<F, S, T, U> Sealed for Scan<F, S, T, U> {}

impl<F, S, T, U> Kind for Scan<F, S, T, U>
where
    F: FnMut(&mut S, T) -> U + Send + 'static,
    S: Send + 'static,
    T: Send + 'static,
    U: Send + 'static,
{
    type In = T;
    type Out = U;
    type Yield = option::IntoIter<U>;

    #[inline]
    fn call(&mut self, item: T) -> Result<Self::Yield, Error> {
        Ok(Some((self.0)(&mut self.1, item)).into_iter())
    }
}
