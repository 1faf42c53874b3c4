//! The signals that this process ignores, and so would every program of a test.

use std::fs;

/// The signals that tests send to programs that take them, by name and number.
const NEEDED: [(&str, u32); 2] = [("SIGHUP", 1), ("SIGQUIT", 3)];

/// Fails if a signal is ignored that the tests need. Where `/proc` does not say, none counts as ignored.
pub(crate) fn check() -> Result<(), String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    if ignored.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} is ignored here, so the programs of the tests would ignore it too; start this without `nohup`, and in \
         the foreground or after `set -m`",
        ignored.join(", ")
    ))
}

/// Returns the names of the needed signals that are ignored by a process with this status.
fn ignored(status: &str) -> Vec<&'static str> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    let is_ignored = |number: u32| mask & (1 << (number - 1)) != 0;
    NEEDED
        .iter()
        .filter(|(_, number)| is_ignored(*number))
        .map(|(name, _)| *name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_named() {
        let of = |mask: &str| ignored(&format!("Name:\txtask\nSigIgn:\t{mask}\nSigCgt:\t0\n"));
        assert_eq!(of("0000000000001000"), Vec::<&str>::new());
        assert_eq!(of("0000000000001001"), ["SIGHUP"]);
        assert_eq!(of("0000000000001006"), ["SIGQUIT"]);
        assert_eq!(of("0000000000001005"), ["SIGHUP", "SIGQUIT"]);
        assert_eq!(ignored(""), Vec::<&str>::new());
    }
}
