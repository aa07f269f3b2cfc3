//! A drain that one can watch.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod live;
mod plain;
mod timeline;

pub use live::{Showing, View, Writer};
pub use timeline::{Recorder, Timeline};
