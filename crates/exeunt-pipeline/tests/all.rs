//! One program for all of these files, since it is linked once, and while some of them wait others have something to do.
//! `cargo test -p exeunt-pipeline --test all stages::` runs the tests of one file.

mod sources;
mod stages;
mod sinks;
mod positions;
mod latency;
mod stalls;
mod waits;
mod enough;
mod aside;
mod api;
mod properties;
