//! [`Group`]: actors and tasks that are supervised together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{SpawnCause, SpawnError};
use crate::life::Life;
use crate::restart::{AutoShutdown, Intensity, Strategy};
use crate::stage::Stage;
use crate::supervision::{GroupId, GroupOptions, Under};
use crate::unwind::lock;

/// Actors and tasks that are supervised together: when one of them fails, a [strategy](Strategy)
/// says which are restarted, and an intensity how often that may be. A group that exceeds its
/// intensity fails as one member of the group above it, of the actor whose children are in it, or
/// of the system.
///
/// A group is a declaration: it has no thread of its own and no place in the order of the drain.
///
/// # Examples
///
/// A reader and a parser that have no use for each other's past: when one fails, both begin anew.
///
/// ```
/// use std::time::Duration;
/// use exeunt::{Actor, Context, Restart, Strategy, System};
///
/// struct Fussy;
/// impl Actor for Fussy {
///     type Msg = u32;
///     fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         if n == 13 { Err(exeunt::Error::msg("not that one")) } else { Ok(()) }
///     }
/// }
///
/// let mut system = System::new("device");
/// let both = system
///     .group("both")
///     .strategy(Strategy::OneForAll)
///     .intensity(3, Duration::from_secs(60))
///     .build()?;
/// let restart = Restart::on_failure();
/// let parser = system.actor("parser").within(&both).restart(restart).spawn_with(|| Fussy)?;
/// let reader = system.actor("reader").within(&both).restart(restart).spawn_with(|| Fussy)?;
///
/// reader.send(13)?;
/// reader.send(14)?; // handled by the next incarnation
/// while system.snapshot().iter().any(|actor| actor.restarts == 0) {
///     std::thread::yield_now();
/// }
/// let report = system.shutdown();
/// let reader = report.actor("reader").unwrap();
/// assert_eq!((reader.handled, reader.failed, reader.restarts), (1, 1, 1));
/// assert!(!report.is_failure()); // it was absorbed
/// # drop(parser);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Group {
    pub(crate) id: GroupId,
    stage: Arc<Stage>,
    /// Whose children may be in it.
    parent: Option<usize>,
    pub(crate) auto_shutdown: AutoShutdown,
    name: String,
}

impl Group {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether children of this parent, or the system's own actors if there is none, may be in it.
    pub(crate) fn is_of(&self, stage: &Arc<Stage>, parent: Option<usize>) -> bool {
        Arc::ptr_eq(&self.stage, stage) && self.parent == parent
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.name).finish()
    }
}

/// Why an intensity within no time is none.
pub(crate) const TOO_MANY_AT_NO_TIME: &str =
    "within no time at all there are never too many restarts";

/// Describes a [`Group`].
#[must_use = "there is no group before `build`"]
pub struct GroupBuilder<'a> {
    stage: &'a Arc<Stage>,
    name: String,
    parent: Option<usize>,
    options: GroupOptions,
    around: Option<Group>,
}

impl<'a> GroupBuilder<'a> {
    pub(crate) fn new(
        stage: &'a Arc<Stage>,
        parent: Option<&Arc<Life>>,
        name: &str,
    ) -> GroupBuilder<'a> {
        let parent = parent.map(|parent| parent.index);
        GroupBuilder {
            stage,
            name: name.to_owned(),
            parent,
            options: GroupOptions { name: name.to_owned(), ..GroupOptions::default() },
            around: None,
        }
    }

    /// Which members are restarted when one is; [`Strategy::OneForOne`] unless set.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.options.strategy = strategy;
        self
    }

    /// How often members may be restarted; once in five seconds unless set. A member that begins anew together with
    /// others counts once. Within a group, the intensities of the members do not count.
    pub fn intensity(mut self, restarts: u32, within: Duration) -> Self {
        self.options.intensity = Intensity { restarts, within };
        self
    }

    /// Whether the group leaves when [significant](crate::ActorBuilder::significant) members have left;
    /// [`AutoShutdown::Never`] unless set. Its members then have their turns, in order. From then on nobody is started in
    /// it: the address of an actor that is spawned too late is closed, as in a drain.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.options.auto_shutdown = auto_shutdown;
        self
    }

    /// Makes it a part of another group: of the same system, and for children of the same parent.
    pub fn within(mut self, group: &Group) -> Self {
        self.around = Some(group.clone());
        self
    }

    /// Makes the group.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the group and says what is wrong: a group [around](GroupBuilder::within) it that is of
    /// another system or parent, or an [intensity](GroupBuilder::intensity) of some restarts within
    /// [`Duration::ZERO`], which would never be exceeded (see [`is_pointless`](SpawnError::is_pointless)).
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::System;
    ///
    /// let mut system = System::new("device");
    /// let error = system.group("both").intensity(3, Duration::ZERO).build().unwrap_err();
    /// assert!(error.is_pointless() && error.name() == "both");
    /// ```
    pub fn build(self) -> Result<Group, SpawnError> {
        let under = match self.check() {
            Ok(under) => under,
            Err(cause) => return Err(SpawnError { name: self.name.into(), cause }),
        };
        let auto_shutdown = self.options.auto_shutdown;
        let id = lock(&self.stage.supervision).add_group(self.options, under);
        let stage = Arc::clone(self.stage);
        Ok(Group { id, stage, parent: self.parent, auto_shutdown, name: self.name })
    }

    /// Where the group stands, if what was chosen fits together.
    fn check(&self) -> Result<Under, SpawnCause> {
        if self.options.intensity.is_boundless() {
            return Err(SpawnCause::Pointless(TOO_MANY_AT_NO_TIME.to_owned()));
        }
        match &self.around {
            None => Ok(self.parent.map_or(Under::System, Under::Actor)),
            Some(group) if group.is_of(self.stage, self.parent) => Ok(Under::Group(group.id)),
            Some(group) => Err(SpawnCause::ForeignGroup(group.name.clone())),
        }
    }
}

impl fmt::Debug for GroupBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupBuilder").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_a_group_is_of_one_system_and_one_parent() {
        let [stage, other] = ["a", "b"].map(|name| Arc::new(Stage::new(name.into())));
        let parent = Arc::new(Life::new("parent", 7, false, Arc::clone(&stage)));
        let group = GroupBuilder::new(&stage, Some(&parent), "group").build().unwrap();
        assert!(group.is_of(&stage, Some(7)));
        assert!(!group.is_of(&other, Some(7)) && !group.is_of(&stage, Some(8)));
        assert!(!group.is_of(&stage, None));
        let outside = GroupBuilder::new(&stage, None, "outside").within(&group).build();
        assert!(outside.is_err_and(|error| error.is_foreign()));
    }
}
