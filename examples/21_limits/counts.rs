//! What Linux counts for each process, in `/proc`. Other systems have no such counts.

use std::fs;
use std::time::Duration;

/// How many times the system took the processor from a thread of this process, or a thread
/// gave it up to wait.
pub(crate) fn switches(process: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let statuses = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let switches = |status: String| {
        number(&status, "voluntary_ctxt_switches:")
            .zip(number(&status, "nonvoluntary_ctxt_switches:"))
            .map_or(0, |(waited, was_interrupted)| waited + was_interrupted)
    };
    Some(statuses.map(switches).sum())
}

/// The process's memory that's really in use, in KiB.
pub(crate) fn resident(process: u32) -> Option<u64> {
    number(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmRSS:")
}

/// How many memory maps the process has.
pub(crate) fn maps(process: u32) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    Some(maps.lines().count() as u64)
}

/// How many memory maps a process can have.
pub(crate) fn most_maps() -> Option<u64> {
    fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

/// The processor time that the process has used.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 =
        words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(10 * ticks)) // Linux counts in hundredths of a second here
}

/// The number in the line that begins with `name`.
fn number(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
