//! The thread that injects faults and ends them.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::FaultProxy;
use consul_watch_harness::random::{Choices, Rng};

use crate::faults::Fault;
use crate::history::History;
use crate::site::Site;

/// The number of faults of each kind.
pub(crate) type InjectedFaults = BTreeMap<Fault, u64>;

/// More than the faults that are certain, each of which is due after one more part of the run.
const PARTS: u32 = 5;

/// Injects faults, one after the other, until the time is over; then there is none.
pub(crate) fn inject_faults(
    site: &Site,
    proxy: &FaultProxy,
    history: &History,
    mut random: Rng,
    length: Duration,
) -> InjectedFaults {
    let start = Instant::now();
    let mut injected = InjectedFaults::new();
    while start.elapsed() < length {
        // Even a short run has each of these.
        let certain = site.certain_faults();
        let due = certain.iter().zip(1..).find(|(fault, turn)| {
            let late = start.elapsed() * PARTS > length * *turn;
            late && !injected.contains_key(fault)
        });
        let fault = match due {
            Some((fault, _)) => *fault,
            None => site.choose(&mut random),
        };
        *injected.entry(fault).or_default() += 1;
        if fault.is_of_agents() {
            site.fail(fault, &mut random, history);
        } else {
            fault.inject(proxy, &mut random);
            // Now and then longer than a client waits for an answer.
            let most = if random.one_in(8) { 4500 } else { 700 };
            thread::sleep(random.up_to_ms(most));
        }
        proxy.pass();
        thread::sleep(random.up_to_ms(400));
    }
    injected
}
