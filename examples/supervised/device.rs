//! [`Device`]: a thermometer at the end of a cable, simulated, with all that goes wrong with one. With
//! the same seed the same goes wrong.

use std::fmt;
use std::thread;
use std::time::Duration;

use crate::random::Xorshift;

/// What one degree is in the figures that the device sends.
const SCALE: i32 = 10;

pub(crate) struct Device {
    /// What goes wrong; apart from the readings, so that how often it is read changes nothing.
    accidents: Xorshift,
    noise: Xorshift,
    /// It fails at every one of so many reads; never, if zero.
    fail_every: u64,
    temper: Temper,
    reads: u64,
    /// Calls that it will not answer before the next one that it will, and those that it did not.
    refuses: u64,
    refused: u64,
    temperature: i32,
    /// What it has said and nobody has read.
    unread: String,
}

/// What the device does when it fails.
#[derive(Clone, Copy)]
pub(crate) enum Temper {
    /// It comes back.
    Flaky,
    /// It stays away.
    Broken,
    /// It keeps whoever reads it waiting for ever, as a driver does that knows of no time-out.
    Hanging,
}

/// What the device says when it is called.
pub(crate) struct Greeting {
    /// What its figures are to be divided by.
    pub(crate) scale: i32,
    /// The calls before this one that it did not answer.
    pub(crate) refused: u64,
}

/// What goes wrong.
#[derive(Debug)]
pub(crate) enum Fault {
    NoAnswer,
    LineDead,
}

impl Device {
    pub(crate) fn new(seed: u64, fail_every: u64, temper: Temper) -> Device {
        Device {
            accidents: Xorshift::new(seed),
            noise: Xorshift::new(seed.wrapping_add(1)),
            fail_every,
            temper,
            reads: 0,
            refuses: 0,
            refused: 0,
            temperature: 21 * SCALE,
            unread: String::new(),
        }
    }

    /// Calls the device, which begins anew with a greeting.
    pub(crate) fn open(&mut self) -> Result<Greeting, Fault> {
        if self.refuses > 0 {
            self.refuses -= 1;
            self.refused += 1;
            return Err(Fault::NoAnswer);
        }
        self.unread.clear();
        Ok(Greeting { scale: SCALE, refused: std::mem::take(&mut self.refused) })
    }

    /// Reads what has come. As with any such line that may be one and a half readings, or less than
    /// one.
    pub(crate) fn read(&mut self) -> Result<String, Fault> {
        self.reads += 1;
        let mut reading = self.next_temperature().to_string();
        if self.fails_now() {
            self.refuses = match self.temper {
                Temper::Flaky => self.accidents.below(3),
                Temper::Broken => u64::MAX,
                Temper::Hanging => hang(),
            };
            if self.accidents.below(3) > 0 {
                return Err(Fault::LineDead);
            }
            // Or it goes on, and talks nonsense.
            reading.insert(1, '#');
        }
        self.unread += &format!("T {reading}\n");
        let length = 1 + self.noise.below(self.unread.len() as u64) as usize;
        Ok(self.unread.drain(..length).collect())
    }

    fn fails_now(&self) -> bool {
        self.fail_every > 0 && self.reads % self.fail_every == 0
    }

    /// Wanders about the temperature of a room.
    fn next_temperature(&mut self) -> i32 {
        self.temperature += self.noise.below(5) as i32 - 2;
        self.temperature = self.temperature.clamp(18 * SCALE, 25 * SCALE);
        self.temperature
    }
}

fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NoAnswer => "the device does not answer",
            Fault::LineDead => "the line is dead",
        })
    }
}

impl std::error::Error for Fault {}
