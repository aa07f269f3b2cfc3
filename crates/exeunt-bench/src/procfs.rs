//! What Linux says of this process.

use std::fs;

/// Resident memory in KiB.
pub(crate) fn resident_kib() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// How much of that the stacks of its threads are, but for the main one's, all of which must be waiting.
pub(crate) fn stacks_kib() -> Option<u64> {
    let main = std::process::id().to_string();
    let tasks = fs::read_dir("/proc/self/task").ok()?.flatten();
    let others = tasks.filter(|task| task.file_name().to_string_lossy() != main);
    let calls = others.map(|task| fs::read_to_string(task.path().join("syscall")).ok());
    let pointers: Vec<u64> = calls.map(|call| stack_pointer(&call?)).collect::<Option<_>>()?;
    let mappings = fs::read_to_string("/proc/self/smaps").ok()?;
    Some(resident_with(&mappings, pointers))
}

/// The last but one of the words that proc_pid_syscall(5) has for a thread in a system call.
fn stack_pointer(call: &str) -> Option<u64> {
    let word = call.split_whitespace().rev().nth(1)?.strip_prefix("0x")?;
    u64::from_str_radix(word, 16).ok()
}

/// What is resident of the mappings, as proc_pid_smaps(5) has them, in which these addresses are.
fn resident_with(mappings: &str, mut addresses: Vec<u64>) -> u64 {
    addresses.sort_unstable();
    let mut is_meant = false;
    let mut resident = 0;
    for line in mappings.lines() {
        if let Some((from, to)) = range(line) {
            let place = addresses.partition_point(|&address| address < from);
            is_meant = addresses.get(place).is_some_and(|&address| address < to);
        } else if is_meant {
            resident += field(line, "Rss:").unwrap_or(0);
        }
    }
    resident
}

/// The range of addresses with which the first line of a mapping begins.
fn range(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
}

/// How often the threads of this process, but the main one, have gone to sleep and been woken.
pub(crate) fn wakeups() -> Option<u64> {
    let main = std::process::id().to_string();
    let tasks = fs::read_dir("/proc/self/task").ok()?.flatten();
    let others = tasks.filter(|task| task.file_name().to_string_lossy() != main);
    // A thread may end between being listed and being read.
    let texts = others.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    Some(texts.filter_map(|text| field(&text, "voluntary_ctxt_switches:")).sum())
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{field, resident_with, stack_pointer};

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status =
            "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t12\nVmRSS:\t  34 kB";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(12));
        assert_eq!(field(status, "VmRSS:"), Some(34));
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[test]
    fn the_mapping_of_a_stack_is_found_by_the_stack_pointer() {
        let call = "202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ffe10 0x7fbab5";
        assert_eq!(stack_pointer(call), Some(0x7f_fe10));
        assert_eq!(stack_pointer("running"), None);
        let mappings = "7ff000-7fff00 rw-p 00000000 00:00 0 \nSize: 8 kB\nRss: 12 kB\n\
                        800000-900000 rw-p 00000000 00:00 0 [heap]\nRss: 7 kB\n";
        assert_eq!(resident_with(mappings, vec![0x7f_fe10]), 12);
        assert_eq!(resident_with(mappings, vec![0x90_0000, 0x80_0000]), 7);
        assert_eq!(resident_with(mappings, vec![0x7f_ff00]), 0);
    }
}
