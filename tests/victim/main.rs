//! The victim: a program that the tests of the signals start, signal, and hold to its word.
//!
//! `victim SCENARIO [KEY[=VALUE]]..` plays one scenario. It tells its parent facts, one line and
//! one unbuffered write each, over the socket that `VICTIM_FACTS` names (see [`facts`]): `ready`
//! when a signal will begin its drain, what happens on the way, and at the end the [`ledger`] that
//! its own actors kept, the report of the system as JSON, and `over`.

#[cfg(unix)]
mod options;
#[cfg(unix)]
mod facts;
#[cfg(unix)]
mod ledger;
#[cfg(unix)]
mod relay;
#[cfg(unix)]
mod flows;
#[cfg(unix)]
mod scenarios;

#[cfg(unix)]
fn main() -> exeunt::Exit {
    env_logger::init();
    scenarios::play(&options::Options::from_arguments())
}

#[cfg(not(unix))]
fn main() {}
