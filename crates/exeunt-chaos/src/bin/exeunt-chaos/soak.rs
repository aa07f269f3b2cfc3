//! The soak.

use std::time::Duration;

pub(crate) fn run(_duration: Duration) -> Result<bool, std::io::Error> {
    Ok(true)
}
