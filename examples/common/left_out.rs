//! [`LeftOut`]: what was not counted, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many were left out for which reason. A clone is the same list.
#[derive(Clone, Default)]
pub(crate) struct LeftOut(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl LeftOut {
    /// Nothing is left out in silence: it is named in the log, and counted for the summary.
    pub(crate) fn note(&self, path: &Path, why: &'static str, detail: &dyn fmt::Display) {
        log::debug!("skipped {} ({detail})", path.display());
        *self.reasons().entry(why).or_insert(0) += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reasons().is_empty()
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// "2 binary, 1 not UTF-8"
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (why, count)) in self.reasons().iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {why}")?;
        }
        Ok(())
    }
}
