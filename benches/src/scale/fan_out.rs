//! A child process that sends one change to many actors, in turns by a watch and by bare sends.

use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;
use consul_watch_actors::{Watch, WatchSupervisor};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::ipc::{Commands, print_line};
use super::memory::{Memory, MemoryQuery, Number};
use super::sinks::{Arrivals, Bare, Sink};
use crate::measure::{monotonic_ns, own_cpu_ns};

/// The deadline of a round.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// The process is at rest when it has used less than this processor time (ns) in this time.
const REST: (Duration, u64) = (Duration::from_millis(10), 200_000);

/// Rounds that are not counted.
const WARM_UP: usize = 3;

/// Runs the child process. Arguments: `COUNT ROUNDS`. Prints `ours|bare WALL CPU` for each round of each.
pub(super) fn run(args: &[&str]) -> Result<(), String> {
    let numbers: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [count, rounds] = numbers[..] else {
        return Err("usage: COUNT ROUNDS".to_owned());
    };
    actix::System::new().block_on(async move {
        let arrivals = Arc::new(Arrivals::default());
        let sinks = Sink::start(count, &arrivals);
        let mut commands = Commands::wait_for_go().await?;
        let memory = Memory::new();
        let watches = WatchSupervisor::new(memory.clone()).start();
        arrivals.expect(count);
        for sink in &sinks {
            let reply = watches
                .send(Watch::new(MemoryQuery, sink.clone()))
                .await
                .map_err(|error| error.to_string())?;
            reply.map_err(|error| error.to_string())?;
        }
        within(arrivals.all()).await?;
        let recipients: Vec<Recipient<Bare>> =
            sinks.into_iter().map(actix::Addr::recipient).collect();
        for round in 0..WARM_UP + rounds {
            let ours = measured(&arrivals, count, async { memory.change() }).await?;
            let bare = measured(&arrivals, count, send_to_all(&recipients, round as u64)).await?;
            if round >= WARM_UP {
                print_line(&format!("ours {} {}", ours.0, ours.1));
                print_line(&format!("bare {} {}", bare.0, bare.1));
            }
        }
        commands.next().await;
        Ok(())
    })
}

/// Sends the same message to every actor and awaits each reply, as a client without an engine would.
async fn send_to_all(recipients: &[Recipient<Bare>], round: u64) {
    let message = Bare(Arc::new(Number(round)));
    let mut sent: FuturesUnordered<_> = recipients
        .iter()
        .map(|recipient| recipient.send(message.clone()))
        .collect();
    while sent.next().await.is_some() {}
}

/// Returns the time until the last handler, and the processor time until the process is at rest.
async fn measured(
    arrivals: &Arrivals,
    count: usize,
    work: impl Future<Output = ()>,
) -> Result<(u64, u64), String> {
    at_rest().await?;
    arrivals.expect(count);
    let (cpu, started) = (own_cpu_ns(), monotonic_ns());
    let (last, ()) = within(async { tokio::join!(arrivals.all(), work) }).await?;
    at_rest().await?;
    Ok((last.saturating_sub(started), own_cpu_ns() - cpu))
}

/// Waits until the process is at rest: acknowledgements follow the last handler, and are part of the work.
async fn at_rest() -> Result<(), String> {
    within(async {
        loop {
            let before = own_cpu_ns();
            tokio::time::sleep(REST.0).await;
            if own_cpu_ns() - before < REST.1 {
                break;
            }
        }
    })
    .await
}

async fn within<T>(work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PROBE_TIMEOUT, work)
        .await
        .map_err(|_| format!("not every actor handled the change within {PROBE_TIMEOUT:?}"))
}
