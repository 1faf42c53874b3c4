//! The threads that change and break Consul.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use consul_watch_harness::FaultProxy;
use consul_watch_harness::random::Rng;

use crate::fault_injector::{InjectedFaults, inject_faults};
use crate::history::History;
use crate::site::Site;
use crate::{policy, registrar, restorer, writer};

const WRITERS: usize = 3;
const REGISTRARS: usize = 2;

pub(crate) struct Threads {
    going: Arc<AtomicBool>,
    fault_injector: JoinHandle<InjectedFaults>,
    writers: Vec<JoinHandle<()>>,
    restorer: JoinHandle<InjectedFaults>,
    /// A restore may still bring back a policy that was cut.
    restoring: Arc<AtomicBool>,
    policy: JoinHandle<InjectedFaults>,
}

impl Threads {
    /// Starts them; faults are injected for this long.
    pub(crate) fn start(
        site: &Arc<Site>,
        proxy: &Arc<FaultProxy>,
        history: &Arc<History>,
        random: &mut Rng,
        length: Duration,
    ) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let restoring = Arc::new(AtomicBool::new(true));
        let mut writers = Vec::new();
        for number in 0..WRITERS + REGISTRARS {
            let (http, history, going) =
                (site.server(number), Arc::clone(history), Arc::clone(&going));
            let (random, name) = (random.fork(), format!("w{number}"));
            let write = if number < WRITERS {
                writer::write
            } else {
                registrar::register
            };
            writers.push(thread::spawn(move || {
                write(&http, random, &name, &history, &going);
            }));
        }
        let restorer = {
            let (http, history, going) =
                (site.agent().http(), Arc::clone(history), Arc::clone(&going));
            let random = random.fork();
            thread::spawn(move || restorer::restore(&http, &history, random, &going))
        };
        let policy = {
            let (rights, restoring) = (site.rights().cloned(), Arc::clone(&restoring));
            let random = random.fork();
            thread::spawn(move || match rights {
                Some(rights) => policy::change(&rights, random, &restoring),
                None => InjectedFaults::new(),
            })
        };
        let fault_injector = {
            let (site, proxy, history) = (Arc::clone(site), Arc::clone(proxy), Arc::clone(history));
            let random = random.fork();
            thread::spawn(move || inject_faults(&site, &proxy, &history, random, length))
        };
        Self {
            going,
            fault_injector,
            writers,
            restorer,
            restoring,
            policy,
        }
    }

    /// Whether faults are still injected.
    pub(crate) fn are_injecting(&self) -> bool {
        !self.fault_injector.is_finished()
    }

    /// Ends them, leaves the watches' rights whole, and returns the faults.
    pub(crate) async fn join(self) -> InjectedFaults {
        let mut injected = join(self.fault_injector).await;
        self.going.store(false, Ordering::SeqCst);
        for writer in self.writers {
            join(writer).await;
        }
        injected.extend(join(self.restorer).await);
        self.restoring.store(false, Ordering::SeqCst);
        injected.extend(join(self.policy).await);
        injected
    }
}

/// Waits for the end of a thread, while the subscribers continue.
async fn join<T>(thread: JoinHandle<T>) -> T {
    while !thread.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    thread
        .join()
        .expect("a thread of the test has not panicked")
}
