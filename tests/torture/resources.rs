//! The descriptors, threads and memory of this process.

use std::fmt;
use std::fs;

/// The difference between two moments at rest: a connection that is about to close.
const SLACK: usize = 2;

/// The allocator keeps memory, and the proxy its last ten thousand requests.
const GROWTH_KIB: usize = 48 * 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) memory_kib: usize,
}

impl Resources {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("a /proc");
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .expect(name);
            line.trim_start_matches(':')
                .split_whitespace()
                .next()
                .and_then(|n| n.parse().ok())
                .expect(name)
        };
        let descriptors = fs::read_dir("/proc/self/fd").expect("a /proc").count();
        Self {
            descriptors,
            threads: number("Threads"),
            memory_kib: number("VmRSS"),
        }
    }

    /// Whether `self` is no more than `first`.
    pub(crate) fn is_back_to(&self, first: &Self) -> bool {
        self.descriptors <= first.descriptors + SLACK
            && self.threads <= first.threads + SLACK
            && self.memory_kib <= first.memory_kib + GROWTH_KIB
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, tenth) = (self.memory_kib / 1024, self.memory_kib % 1024 * 10 / 1024);
        write!(
            f,
            "{} descriptors, {} threads, {whole}.{tenth} MiB",
            self.descriptors, self.threads
        )
    }
}
