//! [`Part`]: what a child is asked to play, and [`Moment`] and [`Fault`], of which that is made.

use std::env;
use std::fmt;
use std::str::FromStr;

use crate::dice::Dice;

/// The variable of the environment in which a child is told its part.
pub(crate) const PART: &str = "EXEUNT_CHAOS_PART";

/// What a child is asked to play: by the [`Chaos`](crate::Chaos) that has started it, through its
/// environment.
///
/// # Examples
///
/// ```
/// use exeunt_chaos::{Fault, Part};
///
/// let part = Part::from_env(); // nothing special: nobody has started this
/// assert_eq!((part.fault, part.drains_at()), (Fault::None, None));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Part {
    /// Which of the [topologies](crate::Chaos::topologies) that the campaign named; empty if none.
    pub topology: String,
    /// What is to go wrong. Some faults are done to the child; for others it has to do something
    /// itself (see [`Fault`]).
    pub fault: Fault,
    /// When the signal will come.
    pub moment: Moment,
    /// Of which its own choices are to be made.
    pub seed: u64,
}

impl Part {
    /// What this process was asked to play; nothing special if it was started by hand.
    ///
    /// # Panics
    ///
    /// If the variable says what no campaign says.
    #[must_use]
    pub fn from_env() -> Part {
        let Ok(text) = env::var(PART) else { return Part::default() };
        Part::parse(&text).unwrap_or_else(|error| panic!("{PART}={text}: {error}"))
    }

    /// Dice of its own choices.
    #[must_use]
    pub fn dice(&self) -> Dice {
        Dice::new(self.seed).about("part")
    }

    /// After how many messages it is to begin its drain by itself, if the signal is to come during
    /// one that has begun for another reason.
    #[must_use]
    pub fn drains_at(&self) -> Option<u64> {
        let is_asked = self.moment == Moment::Drain;
        is_asked.then(|| 1 + self.dice().about("drain").below(300))
    }

    fn parse(text: &str) -> Result<Part, String> {
        let [seed, fault, moment, topology] = text
            .splitn(4, ' ')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| "not four words".to_owned())?;
        Ok(Part {
            seed: seed.parse().map_err(|_| format!("{seed} is no seed"))?,
            fault: fault.parse()?,
            moment: moment.parse()?,
            topology: topology.to_owned(),
        })
    }
}

impl Default for Part {
    fn default() -> Part {
        Part { topology: String::new(), fault: Fault::None, moment: Moment::Work, seed: 0 }
    }
}

/// What the variable says.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part { topology, fault, moment, seed } = self;
        write!(f, "{seed} {fault} {moment} {topology}")
    }
}

/// When the signal comes. Within it, the moment is uniformly random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Moment {
    /// From when the child takes the signals, while it spawns.
    StartUp,
    /// When all have started.
    Work,
    /// In a drain that the child has begun for another reason, or shortly after it.
    Drain,
}

impl Moment {
    /// All of them.
    pub const ALL: [Moment; 3] = [Moment::StartUp, Moment::Work, Moment::Drain];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Moment::StartUp => "start-up",
            Moment::Work => "work",
            Moment::Drain => "drain",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(name: &str) -> Result<Moment, String> {
        let found = Moment::ALL.into_iter().find(|moment| moment.name() == name);
        found.ok_or_else(|| format!("there is no moment `{name}`"))
    }
}

/// What goes wrong besides the signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// Handlers panic, and their actors are restarted. The child's own to do.
    Panics,
    /// A handler fails, and nothing absorbs it. The child's own to do.
    Failure,
    /// Handlers are slow, though not slower than the deadlines allow. The child's own to do.
    Slow,
    /// A handler never returns. The child's own to do.
    Blocked,
    /// Mailboxes hold one message, so that senders wait. The child's own to do.
    Full,
    /// The signal comes twice, as from a wrapper that forwards what the terminal has sent already.
    Doubled,
    /// The process is stopped, signalled, and continued.
    Stopped,
    /// SIGINT was ignored when the child was started, and comes first.
    Ignored,
    /// The child is started by `nohup`, and SIGHUP comes first.
    Nohup,
    /// The child is process 1 of a PID namespace.
    Process1,
    /// The system refuses threads after a few. A child that cannot spawn all is to [say so](crate::Ledger::called_off),
    /// and to hand in its report all the same.
    Threads,
    /// There are no file descriptors left. The child is to take them.
    Descriptors,
    /// Nobody reads standard output. The child is to write to it.
    ClosedOutput,
    /// The disk is full. The child is to write to it.
    FullDisk,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 15] = [
        Fault::None,
        Fault::Panics,
        Fault::Failure,
        Fault::Slow,
        Fault::Blocked,
        Fault::Full,
        Fault::Doubled,
        Fault::Stopped,
        Fault::Ignored,
        Fault::Nohup,
        Fault::Process1,
        Fault::Threads,
        Fault::Descriptors,
        Fault::ClosedOutput,
        Fault::FullDisk,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// What it does, in a line.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Fault::None => ("none", "nothing but the signal"),
            Fault::Panics => ("panics", "handlers panic, and their actors are restarted"),
            Fault::Failure => ("failure", "a handler fails, and nothing absorbs it"),
            Fault::Slow => ("slow", "handlers are slow"),
            Fault::Blocked => ("blocked", "a handler never returns"),
            Fault::Full => ("full", "mailboxes hold one message, so that senders wait"),
            Fault::Doubled => ("doubled", "the signal comes twice within the echo window"),
            Fault::Stopped => ("stopped", "SIGSTOP, the signal, SIGCONT"),
            Fault::Ignored => ("ignored", "SIGINT was ignored at the start, and comes first"),
            Fault::Nohup => ("nohup", "started by `nohup`; SIGHUP comes first"),
            Fault::Process1 => ("process-1", "process 1 of a PID namespace"),
            Fault::Threads => ("threads", "the system refuses threads after a few"),
            Fault::Descriptors => ("descriptors", "no file descriptors are left"),
            Fault::ClosedOutput => ("closed-output", "nobody reads standard output"),
            Fault::FullDisk => ("full-disk", "what the sink writes to is full"),
        }
    }

    /// Whether the system may end of it without any signal.
    pub(crate) fn may_end_it(self) -> bool {
        use Fault::{ClosedOutput, Descriptors, Failure, FullDisk, Threads};
        matches!(self, Failure | Threads | Descriptors | ClosedOutput | FullDisk)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Fault, String> {
        let found = Fault::ALL.into_iter().find(|fault| fault.name() == name);
        found.ok_or_else(|| format!("there is no fault `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_it_says() {
        for fault in Fault::ALL {
            for moment in Moment::ALL {
                let part = Part { topology: "a tree".to_owned(), fault, moment, seed: 12 };
                assert_eq!(Part::parse(&part.to_string()), Ok(part));
            }
        }
        let nothing = Part::default();
        assert_eq!(Part::parse(&nothing.to_string()), Ok(nothing));
    }

    #[test]
    fn an_error_names_the_thing() {
        for (text, error) in [
            ("1 none", "not four words"),
            ("x none work a", "x is no seed"),
            ("1 fire work a", "there is no fault `fire`"),
            ("1 none noon a", "there is no moment `noon`"),
        ] {
            assert_eq!(Part::parse(text), Err(error.to_owned()));
        }
    }
}
