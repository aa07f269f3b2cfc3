//! What is chosen about failures: [`Restart`] and [`Backoff`] for one actor, [`Strategy`] and
//! [`AutoShutdown`] for a group.

use std::time::{Duration, Instant};

/// What becomes of an actor or a task that has come to its end: whether it is restarted, how often,
/// and after how long a wait.
///
/// An end is a *failure* if it was an error or a panic, and a *wish* if the actor or task ended of its
/// own accord. A failure that a policy absorbs goes no further. One that no policy absorbs goes to
/// what is above: from a child to its parent, from a group to the group around it, and from the top it
/// begins the ordered drain of the system.
///
/// | | failure | wish | OTP calls it |
/// |---|---|---|---|
/// | [`never`](Restart::never) | goes up | leaves | |
/// | [`temporary`](Restart::temporary) | leaves | leaves | temporary |
/// | [`on_failure`](Restart::on_failure) | restarts | leaves | transient |
/// | [`always`](Restart::always) | restarts | restarts | permanent |
///
/// Coming from OTP, mind two differences. The default is `never`, since a restart needs to be told how to make the
/// actor anew; its failure is not forgotten as a temporary child's is, but goes up, as if its group had exceeded its
/// intensity. And an actor outside of all groups has an intensity of its own; in a group only the group's counts.
///
/// # Examples
///
/// A device that may take a while to come back:
///
/// ```
/// use std::time::Duration;
/// use exeunt::{Backoff, Restart};
///
/// let device = Restart::on_failure()
///     .intensity(10, Duration::from_secs(300))
///     .backoff(Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30)));
///
/// assert_ne!(device, Restart::on_failure());
/// assert_eq!(Restart::default(), Restart::never());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[must_use = "a policy has an effect when it is given to somebody"]
pub struct Restart {
    policy: Policy,
    intensity: Intensity,
    backoff: Option<Backoff>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Policy {
    #[default]
    Never,
    Temporary,
    OnFailure,
    Always,
}

impl Restart {
    /// Not restarted; its failure affects nobody else, and is in the report as
    /// [absorbed](crate::ActorReport::absorbed). It is for actors of which there are many and none is missed, a child for
    /// each connection, say.
    pub const fn temporary() -> Restart {
        Restart::new(Policy::Temporary)
    }

    /// Not restarted, neither after a failure nor when others of its group are restarted. The
    /// default.
    pub const fn never() -> Restart {
        Restart::new(Policy::Never)
    }

    /// Restarted after a failure; it leaves if it ends of its own accord.
    pub const fn on_failure() -> Restart {
        Restart::new(Policy::OnFailure)
    }

    /// Restarted after every end of its own, whether failure or wish. It leaves only with the drain, or when it is
    /// [stopped](crate::Addr::stop) or nobody can reach it any more.
    pub const fn always() -> Restart {
        Restart::new(Policy::Always)
    }

    const fn new(policy: Policy) -> Restart {
        Restart { policy, intensity: Intensity::USUAL, backoff: None }
    }

    /// Sets how many restarts are absorbed, and within how long; one within 5 s unless set. One more within that time
    /// is not absorbed: it goes up. With zero restarts, none is.
    ///
    /// For a member of a group the group's intensity counts, and this one is without effect. Some restarts within
    /// [`Duration::ZERO`] would be no limit at all: an actor or task with such a policy is not spawned (see
    /// [`SpawnError::is_pointless`](crate::SpawnError::is_pointless)).
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::Restart;
    ///
    /// let usual = Restart::always().intensity(1, Duration::from_secs(5));
    /// assert_eq!(usual, Restart::always());
    /// ```
    pub const fn intensity(self, restarts: u32, within: Duration) -> Restart {
        Restart { intensity: Intensity { restarts, within }, ..self }
    }

    /// Sets how long a restart waits; it begins at once unless set. If others of its group are restarted
    /// with it, they wait as long.
    pub const fn backoff(self, backoff: Backoff) -> Restart {
        Restart { backoff: Some(backoff), ..self }
    }

    /// Whether it can be restarted at all, so that there must be a way to make it anew.
    pub(crate) fn is_ever(self) -> bool {
        matches!(self.policy, Policy::OnFailure | Policy::Always)
    }

    pub(crate) fn is_always(self) -> bool {
        self.policy == Policy::Always
    }

    /// Whether it is to be restarted after such an end.
    pub(crate) fn is_due(self, failed: bool) -> bool {
        match self.policy {
            Policy::Never | Policy::Temporary => false,
            Policy::OnFailure => failed,
            Policy::Always => true,
        }
    }

    /// Whether nobody minds if it fails.
    pub(crate) fn is_forgiven(self) -> bool {
        self.policy == Policy::Temporary
    }

    pub(crate) fn own_intensity(self) -> Intensity {
        self.intensity
    }

    pub(crate) fn own_backoff(self) -> Option<Backoff> {
        self.backoff
    }
}

/// So many restarts within so long, and no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Intensity {
    pub(crate) restarts: u32,
    pub(crate) within: Duration,
}

impl Intensity {
    /// OTP's: safe under groups within groups, where the intensities multiply.
    const USUAL: Intensity = Intensity { restarts: 1, within: Duration::from_secs(5) };

    /// Whether it is never exceeded, since no two restarts come within zero time.
    pub(crate) fn is_boundless(self) -> bool {
        self.restarts > 0 && self.within.is_zero()
    }
}

impl Default for Intensity {
    fn default() -> Intensity {
        Intensity::USUAL
    }
}

/// How long restarts wait: each restart in a row waits twice as long as the one before, up to a
/// ceiling.
///
/// A run that lasts longer than the ceiling ends the row: the next restart waits for the first
/// delay again. (If the first delay is longer than the ceiling, the run must outlast that delay.)
///
/// Each wait is drawn at random from 50 to 100 % of what was computed, so that many actors that failed of the same
/// cause do not all come back at the same moment. No wait is longer than the ceiling. A wait ends when the drain
/// begins.
///
/// Mind the intensity: a wait counts in the time within which restarts are counted. A row of delays
/// longer than that time never exceeds the intensity, and goes on for ever.
///
/// A wait does not end because nobody has an address any more: the next incarnation begins, handles what is queued, and
/// then ends by itself. [`System::wait`](crate::System::wait) waits for that.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use exeunt::Backoff;
///
/// // 100 ms, 200 ms, 400 ms and so on, at most 30 s; each of them, or down to a half of it.
/// let gentle = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));
/// // Exactly 100 ms, 200 ms, 400 ms.
/// let exact = gentle.without_jitter();
/// assert_ne!(gentle, exact);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a backoff has an effect when it is given to a `Restart`"]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    is_jittered: bool,
}

impl Backoff {
    /// Waits for `first`, then twice that, and so on, up to `ceiling`. A `first` of zero stays zero.
    pub const fn exponential(first: Duration, ceiling: Duration) -> Backoff {
        Backoff { first, ceiling, is_jittered: true }
    }

    /// Waits for exactly what was computed.
    pub const fn without_jitter(self) -> Backoff {
        Backoff { is_jittered: false, ..self }
    }

    /// The delays one after the other, as they are drawn, without an end: for a program that waits
    /// by itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::Backoff;
    ///
    /// let ms = Duration::from_millis;
    /// let delays = Backoff::exponential(ms(10), ms(30)).without_jitter().delays();
    /// assert!(delays.take(4).eq([10, 20, 30, 30].map(ms)));
    /// ```
    pub fn delays(self) -> impl Iterator<Item = Duration> {
        let computed =
            std::iter::successors(Some(self.next(None)), move |&last| Some(self.next(Some(last))));
        computed.map(move |delay| self.draw(delay, chance()))
    }

    /// The delay that comes after `last` in a row, or the first of a row.
    pub(crate) fn next(self, last: Option<Duration>) -> Duration {
        last.map_or(self.first, |last| last.saturating_mul(2)).min(self.ceiling)
    }

    /// The wait that comes of a delay. `chance` lies between 0 and 1.
    pub(crate) fn draw(self, delay: Duration, chance: f64) -> Duration {
        if !self.is_jittered {
            return delay;
        }
        // From a half, which no factor of at most one makes overflow.
        let half = delay / 2;
        delay - half.mul_f64(1.0 - chance.clamp(0.0, 1.0)).min(half)
    }

    /// How long a run must last to end a row of failures.
    pub(crate) fn settled_after(self) -> Duration {
        self.ceiling.max(self.first)
    }
}

/// The dice for the jitter of a backoff, from 0 to 1. Every hasher of the standard library has keys of its own, which
/// is chance enough to keep apart what failed together.
pub(crate) fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let dice = RandomState::new().hash_one(Instant::now());
    // The highest 32 bits: as many as an `f64` holds exactly.
    f64::from(u32::try_from(dice >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Which members of a group are restarted when one of them is.
///
/// The members that run are stopped first, the last one spawned first, each with its `stopped` hook; then all are
/// restarted, the first one spawned first. A member whose policy is [`never`](Restart::never) is stopped with the
/// others, and leaves. A member that has left before does not come back.
///
/// A group within a group is one unit of it, in the place in which it was made. If the group around it
/// restarts it, all of its members are restarted, whatever its own strategy.
///
/// While the system drains, only the one that failed is restarted, under every strategy.
///
/// # Examples
///
/// ```
/// use exeunt::Strategy;
///
/// assert_eq!(Strategy::default(), Strategy::OneForOne);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the one that came to its end: the others do not depend on it.
    #[default]
    OneForOne,
    /// All members of the group: none of them can go on when another is made anew.
    OneForAll,
    /// The one that came to its end, and all that were added after it: they depend on those
    /// before them.
    RestForOne,
}

/// When a group ends because its significant members have left: a group that is a piece of work,
/// and not a service.
///
/// A *significant* member counts when it leaves of its own accord. It does not count when it is
/// restarted, or when it was stopped because another member was restarted. A member that is
/// restarted [`always`](Restart::always) never leaves of its own accord: to make it significant is
/// an error.
///
/// Coming from OTP, mind that the failure of a significant member that is never restarted goes up, as every failure
/// does when nothing absorbs it. It does not end the group in silence.
///
/// # Examples
///
/// A helper that leaves when the work it is for is done, although its address is still held:
///
/// ```
/// use exeunt::{Actor, AutoShutdown, Context, System};
///
/// struct Helper;
/// impl Actor for Helper {
///     type Msg = u32;
///     fn handle(&mut self, _: u32, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
/// }
///
/// let mut system = System::new("night");
/// let batch = system.group("batch").auto_shutdown(AutoShutdown::AnySignificant).build()?;
/// let helper = system.actor("helper").within(&batch).spawn(Helper)?;
/// let to = helper.clone();
/// system.task("work").within(&batch).significant().spawn(move |_cx| Ok(to.send(1)?))?;
/// let report = system.wait();
/// assert_eq!(report.actor("helper").unwrap().handled, 1);
/// assert!(helper.is_closed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// Never: the group lasts until its members have left, or the system drains.
    #[default]
    Never,
    /// When the first significant member has left.
    AnySignificant,
    /// When the last significant member has left.
    AllSignificant,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The delays of a row without an end.
    fn row(backoff: Backoff) -> impl Iterator<Item = Duration> {
        std::iter::successors(Some(backoff.next(None)), move |last| Some(backoff.next(Some(*last))))
    }

    #[test]
    fn a_row_doubles_up_to_the_ceiling_and_stays_there() {
        let backoff = Backoff::exponential(SECOND, 5 * SECOND);
        let seconds: Vec<u64> = row(backoff).map(|delay| delay.as_secs()).take(6).collect();
        assert_eq!(seconds, [1, 2, 4, 5, 5, 5]);
    }

    #[test]
    fn no_delay_is_beyond_the_ceiling_not_even_the_first() {
        let backoff = Backoff::exponential(5 * SECOND, SECOND);
        assert_eq!(backoff.next(None), SECOND);
        assert_eq!(backoff.settled_after(), 5 * SECOND);
    }

    #[test]
    fn the_longest_delays_do_not_overflow() {
        let backoff = Backoff::exponential(SECOND, Duration::MAX);
        let last = row(backoff).nth(1000).unwrap();
        assert_eq!(last, Duration::MAX);
        assert_eq!(backoff.draw(last, 1.0), Duration::MAX);
        assert!(backoff.draw(last, 0.0) >= Duration::MAX / 2);
    }

    #[test]
    fn a_first_delay_of_zero_stays_zero() {
        let backoff = Backoff::exponential(Duration::ZERO, SECOND);
        assert!(row(backoff).take(10).all(|delay| delay.is_zero()));
    }

    #[test]
    fn jitter_draws_from_a_half_to_the_whole() {
        let backoff = Backoff::exponential(SECOND, SECOND);
        assert_eq!(backoff.draw(SECOND, 0.0), SECOND / 2);
        assert_eq!(backoff.draw(SECOND, 0.5), SECOND * 3 / 4);
        let most = backoff.draw(SECOND, 0.999_999);
        assert!(most > SECOND * 99 / 100 && most <= SECOND, "{most:?}");
        assert_eq!(backoff.without_jitter().draw(SECOND, 0.0), SECOND);
    }

    #[test]
    fn no_chance_draws_less_than_a_half_or_more_than_the_whole() {
        let backoff = Backoff::exponential(SECOND, SECOND);
        assert_eq!((backoff.draw(SECOND, -1.0), backoff.draw(SECOND, 2.0)), (SECOND / 2, SECOND));
        // Beyond what a float can tell apart.
        let mut long = (0..1000).map(|nanos| Duration::new(123_456_789, nanos));
        assert!(long.all(|delay| backoff.draw(delay, 0.0) >= delay / 2));
    }

    #[test]
    fn delays_are_drawn_anew_each_time() {
        let delays: Vec<Duration> =
            Backoff::exponential(SECOND, SECOND).delays().take(64).collect();
        assert!(delays.iter().all(|&delay| delay >= SECOND / 2 && delay <= SECOND));
        assert!(delays.iter().any(|&delay| delay != delays[0]));
    }

    #[test]
    fn the_policies_are_those_of_otp() {
        let (failure, wish) = (true, false);
        assert!(!Restart::never().is_due(failure) && !Restart::never().is_due(wish));
        assert!(Restart::on_failure().is_due(failure) && !Restart::on_failure().is_due(wish));
        assert!(Restart::always().is_due(failure) && Restart::always().is_due(wish));
    }
}
