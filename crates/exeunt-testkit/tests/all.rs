//! One program for all of these files, since it is linked once, and while some of them wait others have something to do.
//! `cargo test -p exeunt-testkit --test all stepper::` runs the tests of one file.

mod common;

mod probe;
mod balance;
mod process;
mod trying;
mod stepper;
mod stepper_at_random;
