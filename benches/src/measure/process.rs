//! Statistics that the kernel keeps of a process.

use std::fs;

/// A tick of the times in `/proc/PID/stat`: 10 ms on every current Linux.
const TICK_NS: u64 = 10_000_000;

/// Returns the processor time of a process and all its threads, without its children.
///
/// The counts of the threads are exact but lose threads that have ended; that of the process is coarse but complete.
/// Neither is ever too large, so the larger one is returned.
pub fn cpu_ns(pid: u32) -> Result<u64, String> {
    let coarse =
        ticks(&read(pid, "stat")?).ok_or_else(|| format!("/proc/{pid}/stat is not understood"))?;
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .map_err(|error| format!("/proc/{pid}: {error}"))?;
    let exact: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Ok(exact.max(coarse * TICK_NS))
}

/// Returns the resident memory of a process.
pub fn resident_bytes(pid: u32) -> Result<u64, String> {
    status(pid, "VmRSS:")
}

/// Returns the peak memory of a process.
pub fn peak_bytes(pid: u32) -> Result<u64, String> {
    status(pid, "VmHWM:")
}

fn status(pid: u32, field: &str) -> Result<u64, String> {
    let text = read(pid, "status")?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(field)?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| format!("/proc/{pid}/status has no {field}"))
}

fn read(pid: u32, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .map_err(|error| format!("/proc/{pid}/{file}: {error}"))
}

/// Parses user and system time. The name before them, in brackets, may hold any character.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_behind_an_awkward_name() {
        assert_eq!(ticks("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 40 2 0 0"), Some(42));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn knows_this_process() {
        let pid = std::process::id();
        assert!(peak_bytes(pid).unwrap() >= resident_bytes(pid).unwrap());
        cpu_ns(pid).unwrap();
    }
}
