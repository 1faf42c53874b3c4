//! An in-memory source: folders of rows, blocking queries over them, and whatever can go wrong.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use consul_watch_actors::{ConnectionBudget, Cursor, Failure, FailureClass, ReconnectGate, Source};
use tokio::{sync::watch, time::Instant};

use super::rows::Row;

mod serving;

pub use serving::Folder;

/// The way in which queries of a folder are answered.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    /// As blocking queries are.
    #[default]
    Honest,
    /// At once, whether there is news or not.
    Impatient,
    /// As blocking queries are, with values that may lack rows that exist.
    Unproven,
    /// At once; without news by a repeated index.
    Repeating,
    /// With a failure of this class, at once.
    Fail(FailureClass),
    /// With an answer that says that it failed, and asks for a pause.
    FailFor(Duration),
    /// With a value that cannot be read; at once when the flag is set.
    Reject(&'static str, bool),
    /// As if the whole store were away, at once.
    Outage,
    /// Not at all: the query's future panics.
    Panic,
    /// Never.
    Silent,
}

/// The kind of outage of the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It says so at once.
    Refuses,
    /// It says nothing; a caller gives up after [`DEADLINE`](Outage::DEADLINE).
    Silent,
}

impl Outage {
    /// The time that a query waits for a silent store.
    pub const DEADLINE: Duration = Duration::from_secs(10);
}

#[derive(Debug)]
struct State {
    index: u64,
    away: Option<Outage>,
    /// The time that it takes to answer a query that is not held.
    latency: Duration,
    folders: HashMap<String, BTreeMap<String, Arc<Row>>>,
    modes: HashMap<String, Mode>,
    /// The rows that a folder's answer leaves out.
    hidden: HashSet<(String, String)>,
    asked: Vec<Asked>,
    /// The limits of the waits of queries that had one.
    waits: Vec<Duration>,
    open: usize,
    /// Those of them that wait for news, and the most there ever were at once.
    held: usize,
    most_held: usize,
    /// The most that were open and not held.
    most_short: usize,
    dropped: usize,
    connects: usize,
    refuse: bool,
}

/// One query that came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub folder: String,
    pub cursor: Cursor,
    pub at: Instant,
}

/// The source. A clone is another handle to the same rows.
#[derive(Debug, Clone)]
pub struct Store {
    state: Arc<Mutex<State>>,
    bell: watch::Sender<()>,
    connection_budget: Option<ConnectionBudget>,
    reconnect_gate: Option<ReconnectGate>,
    hold: Duration,
    prefix: String,
    proves_removals: bool,
    gate: Option<Arc<Gate>>,
}

/// A gate that threads wait at.
#[derive(Debug, Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    /// Blocks the thread until the gate is open.
    pub fn pass(&self) {
        let closed = self.0.lock().unwrap();
        drop(self.1.wait_while(closed, |open| !*open).unwrap());
    }
}

impl Store {
    pub fn new() -> Self {
        let state = State {
            index: 1,
            away: None,
            latency: Duration::ZERO,
            folders: HashMap::new(),
            modes: HashMap::new(),
            hidden: HashSet::new(),
            asked: Vec::new(),
            waits: Vec::new(),
            open: 0,
            held: 0,
            most_held: 0,
            most_short: 0,
            dropped: 0,
            connects: 0,
            refuse: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            bell: watch::Sender::new(()),
            connection_budget: None,
            reconnect_gate: None,
            hold: Duration::ZERO,
            prefix: String::new(),
            proves_removals: false,
            gate: None,
        }
    }

    /// The same rows, of which only those are shown whose keys begin with this.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// The same rows, whose source opens this gate when it is checked, and takes its time.
    #[must_use]
    pub fn opening(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The number of handles to these rows.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    /// The same rows, with a budget of held queries.
    #[must_use]
    pub fn with_connection_budget(mut self, budget: &ConnectionBudget) -> Self {
        self.connection_budget = Some(budget.clone());
        self
    }

    /// The same rows, of a server that holds a query for so long although it was dropped.
    #[must_use]
    pub fn with_hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// The same rows, of which a folder's answer lacks only those that are gone.
    #[must_use]
    pub fn with_proofs(mut self) -> Self {
        self.proves_removals = true;
        self
    }

    /// The same rows, with a reconnect gate.
    #[must_use]
    pub fn with_reconnect_gate(mut self, gate: &ReconnectGate) -> Self {
        self.reconnect_gate = Some(gate.clone());
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no test panics while it holds the store")
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.bell.send_replace(());
        result
    }

    /// Writes a row; the index it got.
    pub fn put(&self, folder: &str, key: &str, value: u64) -> u64 {
        self.change(|state| {
            state.index += 1;
            let row = Row {
                key: key.to_owned(),
                value,
                stamp: state.index,
                hidden_since: None,
            };
            state
                .folders
                .entry(folder.to_owned())
                .or_default()
                .insert(key.to_owned(), Arc::new(row));
            state.index
        })
    }

    /// Removes a row.
    pub fn delete(&self, folder: &str, key: &str) {
        self.change(|state| {
            state.index += 1;
            state
                .folders
                .entry(folder.to_owned())
                .or_default()
                .remove(key);
        });
    }

    /// Leaves a row out of its folder's answers, though not of those about itself; or no more.
    pub fn hide(&self, folder: &str, key: &str, hidden: bool) {
        self.change(|state| {
            state.index += 1;
            let row = (folder.to_owned(), key.to_owned());
            if hidden {
                state.hidden.insert(row)
            } else {
                state.hidden.remove(&row)
            }
        });
    }

    /// Starts over: nothing is there, and the index is 1 again.
    pub fn wipe(&self) {
        self.change(|state| {
            state.index = 1;
            state.folders.clear();
        });
    }

    /// Answers queries of this folder in this way from now on, those that wait included.
    pub fn mode(&self, folder: &str, mode: Mode) {
        self.change(|state| state.modes.insert(folder.to_owned(), mode));
    }

    /// Goes away as a whole: the queries that wait fail at once, however it is.
    pub fn leave(&self, how: Outage) {
        self.change(|state| state.away = Some(how));
    }

    /// Is there again.
    pub fn come_back(&self) {
        self.change(|state| state.away = None);
    }

    /// Takes this long to answer a query that is not held.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Forgets what was asked so far, and how many were open at once.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.asked.clear();
        state.most_short = state.open - state.held;
    }

    /// All queries that came.
    pub fn all_asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// The most requests there were at once that did not wait for news.
    pub fn most_short(&self) -> usize {
        self.lock().most_short
    }

    /// Whether [`Source::validate`] fails.
    pub fn refuse(&self, refuse: bool) {
        self.lock().refuse = refuse;
    }

    /// The rows of a folder now.
    pub fn rows(&self, folder: &str) -> BTreeMap<String, u64> {
        let state = self.lock();
        let rows = state.folders.get(folder);
        rows.into_iter()
            .flatten()
            .map(|(key, row)| (key.clone(), row.value))
            .collect()
    }

    /// The queries of this folder that came.
    pub fn asked(&self, folder: &str) -> Vec<Asked> {
        self.lock()
            .asked
            .iter()
            .filter(|asked| asked.folder == folder)
            .cloned()
            .collect()
    }

    /// The limits of the waits, in the order of the queries that had one.
    pub fn waits(&self) -> Vec<Duration> {
        self.lock().waits.clone()
    }

    /// The number of requests that are open.
    pub fn open(&self) -> usize {
        self.lock().open
    }

    /// The number of requests that wait for news.
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// The number of requests that have ever waited for news at once.
    pub fn most_held(&self) -> usize {
        self.lock().most_held
    }

    /// The number of requests that were dropped before they were answered.
    pub fn dropped(&self) -> usize {
        self.lock().dropped
    }

    /// The number of clients that were made.
    pub fn connects(&self) -> usize {
        self.lock().connects
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(&'static str);

impl Source for Store {
    // Not `Send`, as most clients of one thread are not.
    type Client = Rc<Store>;

    fn connect(&self) -> Result<Self::Client, Failure> {
        self.lock().connects += 1;
        Ok(Rc::new(self.clone()))
    }

    fn validate(&self) -> Result<(), Failure> {
        if let Some(gate) = &self.gate {
            gate.open();
            std::thread::sleep(Duration::from_millis(20));
        }
        let refuse = self.lock().refuse;
        if refuse {
            Err(Failure::new(FailureClass::Invalid, Told("no such place")))
        } else {
            Ok(())
        }
    }

    fn connection_budget(&self) -> Option<ConnectionBudget> {
        self.connection_budget.clone()
    }

    fn reconnect_gate(&self) -> Option<ReconnectGate> {
        self.reconnect_gate.clone()
    }
}
