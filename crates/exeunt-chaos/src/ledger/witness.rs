//! Who has sent a signal: told by the child, read by the parent.

use std::fs;
use std::io;
use std::process;
use std::thread;

use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use super::{FACT, Ledger};

const HEARD: &str = "a signal of ";

/// Listens beside the owner of the signals, which has them already, so that nothing changes but that it is said who
/// has sent them. One that is ignored must not be listened for: it would be ignored no longer.
pub(super) fn listen(ledger: &Ledger) -> io::Result<()> {
    let ignored = ignored();
    let numbers = [2, 15].into_iter().filter(|number| ignored & (1 << (number - 1)) == 0);
    let mut signals = SignalsInfo::<WithOrigin>::new(numbers)?;
    let ledger = ledger.clone();
    let listen = move || {
        for origin in signals.forever() {
            let sender = origin.process.map_or(0, |sender| sender.pid);
            // One that came when the system had ended, the process raises itself.
            if i64::from(sender) != i64::from(process::id()) {
                ledger.say(&format!("{HEARD}{sender}"));
            }
        }
    };
    thread::Builder::new().name("witness".to_owned()).spawn(listen)?;
    Ok(())
}

/// The mask of `SigIgn` (proc(5)): bit n - 1 stands for signal n. All, where the system does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(u64::MAX)
}

/// The process ids of those who have sent a signal; 0 for one outside the child's PID namespace.
pub(crate) fn senders(said: &str) -> impl Iterator<Item = u32> {
    said.lines().filter_map(|line| line.strip_prefix(FACT)?.strip_prefix(HEARD)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_sent_a_signal_is_read_from_what_was_said() {
        let said = format!("{FACT}armed\n{FACT}{HEARD}12\n{HEARD}13\n{FACT}{HEARD}0\n");
        assert_eq!(senders(&said).collect::<Vec<_>>(), [12, 0]);
    }
}
