//! The thread that breaks things, and mends them again.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{FaultProxy, TestAgent};

use crate::faults::Fault;
use crate::ledger::{EVERYTHING, Ledger};
use crate::random::Random;

/// How often each kind of fault was brought about.
pub(crate) type Injected = BTreeMap<Fault, u64>;

/// Breaks and mends until the time is over; then all is whole.
pub(crate) fn sabotage(
    agent: &TestAgent,
    proxy: &FaultProxy,
    ledger: &Ledger,
    mut random: Random,
    length: Duration,
) -> Injected {
    let start = Instant::now();
    let mut injected = Injected::new();
    while start.elapsed() < length {
        // Even a short run sees the agent die with its data and without.
        let late = |share: u32| start.elapsed() > length * share / 4;
        let fault = if late(1) && !injected.contains_key(&Fault::AgentKilled) {
            Fault::AgentKilled
        } else if late(2) && !injected.contains_key(&Fault::AgentEmptied) {
            Fault::AgentEmptied
        } else {
            Fault::choose(&mut random)
        };
        *injected.entry(fault).or_default() += 1;
        match fault {
            Fault::AgentPaused => {
                agent.pause();
                thread::sleep(random.up_to_ms(5000));
                agent.resume();
            }
            Fault::AgentKilled => {
                agent.kill();
                thread::sleep(random.up_to_ms(500));
                agent.restart();
            }
            Fault::AgentEmptied => {
                ledger.delete(EVERYTHING, || {
                    agent.restart_empty();
                    Ok::<(), ()>(())
                });
            }
            network => {
                network.inject(proxy, &mut random);
                // Now and then longer than a client waits for an answer.
                let most = if random.one_in(8) { 4500 } else { 700 };
                thread::sleep(random.up_to_ms(most));
            }
        }
        proxy.pass();
        thread::sleep(random.up_to_ms(400));
    }
    injected
}
