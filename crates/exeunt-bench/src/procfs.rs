//! What Linux says of this process.

use std::fs;

/// Resident memory in KiB.
pub(crate) fn resident_kib() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
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
    use super::field;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status =
            "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t12\nVmRSS:\t  34 kB";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(12));
        assert_eq!(field(status, "VmRSS:"), Some(34));
        assert_eq!(field(status, "VmSwap:"), None);
    }
}
