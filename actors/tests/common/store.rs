//! An in-memory source: folders of rows, blocking queries over them, and whatever can go wrong.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use consul_watch_actors::{
    Ask, ConnectionBudget, Cursor, Evaluation, Failure, FailureClass, Item, Outcome, Position,
    Query, QueryResponse, ReconnectGate, Request, Snapshot, Source, WatchPath,
};
use futures_util::future::LocalBoxFuture;
use tokio::{sync::watch, time::Instant};

/// A row: `value` is its content, `stamp` the index it was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub value: u64,
    pub stamp: u64,
}

impl Item for Row {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.key
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.value == other.value
    }

    fn routing_key(&self) -> Option<&str> {
        assert!(
            self.key != Self::UNSPEAKABLE,
            "this row has no name, as the test wants it"
        );
        Some(&self.key)
    }
}

impl Row {
    /// The key of a row whose text cannot be asked for.
    pub const UNSPEAKABLE: &str = "unspeakable";
}

/// A folder's rows. Comparing two of which one holds [`Rows::CURSED`] panics.
#[derive(Debug, Clone)]
pub struct Rows(pub Vec<Arc<Row>>);

impl Rows {
    /// The value that cannot be compared.
    pub const CURSED: u64 = u64::MAX;

    pub fn to_map(&self) -> BTreeMap<String, u64> {
        self.0
            .iter()
            .map(|row| (row.key.clone(), row.value))
            .collect()
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        let cursed = |rows: &Self| rows.0.iter().any(|row| row.value == Self::CURSED);
        assert!(
            !cursed(self) && !cursed(other),
            "this value cannot be compared"
        );
        self.0 == other.0
    }
}

impl Snapshot for Rows {
    type Item = Row;

    fn items(&self) -> &[Arc<Row>] {
        &self.0
    }
}

/// How queries of a folder are answered.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    /// As blocking queries are.
    #[default]
    Honest,
    /// At once, whether there is news or not.
    Impatient,
    /// With a failure of this class, at once.
    Fail(FailureClass),
    /// With an answer that says that it failed, and asks for a pause.
    FailFor(Duration),
    /// With a value that cannot be read; at once when the flag is set.
    Reject(&'static str, bool),
    /// As if the whole store were away, at once.
    Away,
    /// Not at all: the query's future panics.
    Panic,
    /// Never.
    Silent,
}

/// How the whole store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// It says so at once.
    Refuses,
    /// It says nothing; whoever asks gives up after [`DEADLINE`](Away::DEADLINE).
    Silent,
}

impl Away {
    /// How long a query waits for a silent store.
    pub const DEADLINE: Duration = Duration::from_secs(10);
}

#[derive(Debug)]
struct State {
    index: u64,
    away: Option<Away>,
    /// How long it takes to answer a query that is not held.
    latency: Duration,
    folders: HashMap<String, BTreeMap<String, Arc<Row>>>,
    modes: HashMap<String, Mode>,
    /// The rows that a folder's answer leaves out.
    hidden: HashSet<(String, String)>,
    asked: Vec<Asked>,
    open: usize,
    /// Those of them that wait for news, and the most there ever were at once.
    held: usize,
    most_held: usize,
    /// The most that were open and not held.
    most_brief: usize,
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
    places: Option<ConnectionBudget>,
    guard: Option<ReconnectGate>,
    hold: Duration,
    prefix: String,
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
            open: 0,
            held: 0,
            most_held: 0,
            most_brief: 0,
            dropped: 0,
            connects: 0,
            refuse: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            bell: watch::Sender::new(()),
            places: None,
            guard: None,
            hold: Duration::ZERO,
            prefix: String::new(),
        }
    }

    /// The same rows, of which only those are shown whose keys begin with this.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many handles to these rows there are, as everybody who asks for some has one.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    /// The same rows, with a budget of held queries.
    #[must_use]
    pub fn with_places(mut self, places: &ConnectionBudget) -> Self {
        self.places = Some(places.clone());
        self
    }

    /// The same rows, of a server that holds a query for so long although it was dropped.
    #[must_use]
    pub fn with_hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// The same rows, with a guard.
    #[must_use]
    pub fn with_guard(mut self, guard: &ReconnectGate) -> Self {
        self.guard = Some(guard.clone());
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
    pub fn leave(&self, how: Away) {
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
        state.most_brief = state.open - state.held;
    }

    /// All queries that came.
    pub fn all_asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// The most requests there were at once that did not wait for news.
    pub fn most_brief(&self) -> usize {
        self.lock().most_brief
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

    /// How many requests are open.
    pub fn open(&self) -> usize {
        self.lock().open
    }

    /// How many requests wait for news.
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// How many requests have ever waited for news at once.
    pub fn most_held(&self) -> usize {
        self.lock().most_held
    }

    /// How many requests were dropped before they were answered.
    pub fn dropped(&self) -> usize {
        self.lock().dropped
    }

    /// How many clients were made.
    pub fn connects(&self) -> usize {
        self.lock().connects
    }

    /// The answer to a query of this name now, if there is one: the rows that it keeps.
    fn answer(
        &self,
        folder: &str,
        name: &str,
        cursor: &Cursor,
        keep: &impl Fn(&str, bool) -> bool,
    ) -> Option<Result<QueryResponse<Rows>, Failure>> {
        let state = self.lock();
        let mode = state.modes.get(name).cloned().unwrap_or_default();
        let away = || {
            Some(Err(Failure::new(
                FailureClass::Transient,
                Told("nobody is there"),
            )
            .with_outage(true)))
        };
        match (state.away, cursor) {
            _ if matches!(mode, Mode::Panic) => {}
            (Some(Away::Silent), Cursor::Start) => return None,
            (Some(_), _) => return away(),
            (None, _) => {}
        }
        let news = !matches!(cursor, Cursor::Index(index) if *index == state.index);
        let rows = || {
            let hidden = |row: &Row| state.hidden.contains(&(folder.to_owned(), row.key.clone()));
            let rows = state
                .folders
                .get(folder)
                .into_iter()
                .flat_map(BTreeMap::values);
            Rows(
                rows.filter(|row| keep(&row.key, hidden(row)))
                    .cloned()
                    .collect(),
            )
        };
        let (position, last_contact) = (Position::Index(state.index), None);
        match mode {
            Mode::Honest if !news => None,
            Mode::Honest | Mode::Impatient => Some(Ok(QueryResponse {
                position,
                outcome: Outcome::Value(rows()),
                last_contact,
            })),
            Mode::Away => away(),
            Mode::Fail(class) => Some(Err(Failure::new(class, Told("it went wrong")))),
            Mode::FailFor(pause) => {
                let failure = Failure::new(FailureClass::Transient, Told("come back later"));
                Some(Err(failure
                    .with_retry_after(Some(pause))
                    .with_released(true)))
            }
            Mode::Reject(why, at_once) if news || at_once => {
                let outcome = Outcome::Rejected(Arc::new(Told(why)));
                Some(Ok(QueryResponse {
                    position,
                    outcome,
                    last_contact,
                }))
            }
            Mode::Panic => {
                drop(state);
                panic!("the query of {name} panics, as the test wants it")
            }
            Mode::Silent | Mode::Reject(..) => None,
        }
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
        let refuse = self.lock().refuse;
        if refuse {
            Err(Failure::new(FailureClass::Invalid, Told("no such place")))
        } else {
            Ok(())
        }
    }

    fn connection_budget(&self) -> Option<ConnectionBudget> {
        self.places.clone()
    }

    fn reconnect_gate(&self) -> Option<ReconnectGate> {
        self.guard.clone()
    }
}

/// The query of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Folder(String);

impl Folder {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl Query for Folder {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("folder", self.0.clone())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for Folder {
    fn server_hold(&self, store: &Store) -> Duration {
        store.hold
    }

    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let store = Store::clone(client);
        let prefix = store.prefix.clone();
        store.serve(&self.0, &self.0, request.cursor, move |key, hidden| {
            !hidden && key.starts_with(&prefix)
        })
    }
}

impl Store {
    /// Serves a query of this name.
    pub fn serve(
        &self,
        folder: &str,
        name: &str,
        cursor: Cursor,
        keep: impl Fn(&str, bool) -> bool + 'static,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let (store, folder, name) = (self.clone(), folder.to_owned(), name.to_owned());
        Box::pin(async move {
            let mut open = Open::new(store.clone(), &name, &cursor);
            let mut bell = store.bell.subscribe();
            let latency = store.lock().latency;
            if cursor == Cursor::Start && !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let answer = async {
                loop {
                    bell.borrow_and_update();
                    if let Some(answer) = store.answer(&folder, &name, &cursor, &keep) {
                        return answer;
                    }
                    bell.changed()
                        .await
                        .expect("the store lives as long as its queries");
                }
            };
            let answer = if store.lock().away == Some(Away::Silent) {
                tokio::time::timeout(Away::DEADLINE, answer)
                    .await
                    .unwrap_or_else(|_| {
                        Err(
                            Failure::new(FailureClass::Transient, Told("it says nothing"))
                                .with_outage(true),
                        )
                    })
            } else {
                answer.await
            };
            open.answered = true;
            answer
        })
    }
}

/// A request that is open.
struct Open {
    store: Store,
    held: bool,
    answered: bool,
}

impl Open {
    fn new(store: Store, folder: &str, cursor: &Cursor) -> Self {
        let held = *cursor != Cursor::Start;
        {
            let mut state = store.lock();
            state.open += 1;
            state.held += usize::from(held);
            state.most_held = state.most_held.max(state.held);
            state.most_brief = state.most_brief.max(state.open - state.held);
            state.asked.push(Asked {
                folder: folder.to_owned(),
                cursor: cursor.clone(),
                at: Instant::now(),
            });
        }
        Self {
            store,
            held,
            answered: false,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        state.open -= 1;
        state.held -= usize::from(self.held);
        state.dropped += usize::from(!self.answered);
    }
}
