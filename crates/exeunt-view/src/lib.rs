//! A drain that one can watch.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod timeline;

pub use timeline::{Recorder, Timeline};
