//! The thread that injects faults and ends them.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::random::{Choices, Rng};
use consul_watch_harness::{FaultProxy, TestAgent};

use crate::faults::Fault;
use crate::history::{EVERYTHING, History};

/// The number of faults of each kind.
pub(crate) type InjectedFaults = BTreeMap<Fault, u64>;

/// Injects faults, one after the other, until the time is over; then there is none.
pub(crate) fn inject_faults(
    agent: &TestAgent,
    proxy: &FaultProxy,
    history: &History,
    mut random: Rng,
    length: Duration,
) -> InjectedFaults {
    let start = Instant::now();
    let mut injected = InjectedFaults::new();
    while start.elapsed() < length {
        // Even a short run kills the agent both with its data and without.
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
                history.delete(EVERYTHING, || {
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
