//! Lost, retracted and unfinished updates, with the engine and real programs.

use std::{
    fs,
    hash::{Hash, Hasher},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use consul_watch_actors::{
    Ask, Cursor, Evaluation, Failure, Outcome, Position, Query, QueryResponse, Request, Stop,
    SubscriptionId, Watch, WatchPath, WatchSupervisor,
};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::{
    client::{ConsulClient, ConsulConfig},
    daemon::config::daemon_config::DaemonConfig,
    kv::KvPair,
};

/// The deadline of every wait, which only a failing test reaches.
const DEADLINE: Duration = Duration::from_secs(30);

/// A watched value in memory. A handler panics when it formats the value `bad`.
#[derive(Debug, Clone)]
struct Number(Arc<Store>);

#[derive(Debug)]
struct Store {
    value: watch::Sender<(u64, String)>,
    panics: AtomicUsize,
}

impl Number {
    fn new() -> Self {
        let value = watch::Sender::new((1, "1".to_owned()));
        Self(Arc::new(Store {
            value,
            panics: AtomicUsize::new(0),
        }))
    }

    fn put(&self, value: &str) {
        self.0.value.send_modify(|(index, current)| {
            *index += 1;
            value.clone_into(current);
        });
    }

    fn panics(&self) -> usize {
        self.0.panics.load(Ordering::SeqCst)
    }
}

fn pair(index: u64, value: &str) -> Arc<KvPair> {
    Arc::new(KvPair {
        key: "number".to_owned(),
        value: Some(value.to_owned().into()),
        create_index: 1,
        modify_index: index,
        ..KvPair::default()
    })
}

fn text(value: Option<&KvPair>) -> String {
    let value = value.and_then(|pair| pair.value.as_deref());
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Query for Number {
    type Source = ConsulConfig;
    type Value = Option<Arc<KvPair>>;

    fn path(&self) -> WatchPath {
        WatchPath::new("key", "number")
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for Number {
    fn run(
        &self,
        _: &ConsulClient,
        request: Request<Option<Arc<KvPair>>>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Option<Arc<KvPair>>>, Failure>> {
        let mut value = self.0.value.subscribe();
        Box::pin(async move {
            let newer = |(index, _): &(u64, String)| request.cursor != Cursor::Index(*index);
            let (index, value) = value.wait_for(newer).await.expect("the store").clone();
            Ok(QueryResponse {
                position: Position::Index(index),
                outcome: Outcome::Value(Some(pair(index, &value))),
                last_contact: None,
            })
        })
    }
}

impl HandlerPayload for Number {
    fn write_payload(
        changed: &Changed<Self>,
        out: &mut dyn std::io::Write,
    ) -> serde_json::Result<()> {
        let text = text(changed.current.as_deref());
        if text == "bad" {
            changed.query.0.panics.fetch_add(1, Ordering::SeqCst);
            panic!("this value kills the handler");
        }
        out.write_all(text.as_bytes())
            .map_err(serde_json::Error::io)
    }

    fn name(pair: &KvPair) -> String {
        pair.key.clone()
    }
}

/// Returns the index of the latest update, and the number of updates that the handler has not acknowledged.
#[derive(Message)]
#[rtype(result = "Option<(u64, usize)>")]
struct Latest;

impl Handler<Latest> for HandlerProxy<Number> {
    type Result = Option<(u64, usize)>;

    fn handle(&mut self, _: Latest, _: &mut Self::Context) -> Self::Result {
        Some((self.handled.latest_index()?, self.in_flight.len()))
    }
}

async fn until_latest(proxy: &Addr<HandlerProxy<Number>>, latest: (u64, usize)) {
    let deadline = Instant::now() + DEADLINE;
    while proxy.send(Latest).await.unwrap() != Some(latest) {
        assert!(Instant::now() < deadline, "waited for {latest:?}");
        tokio::task::yield_now().await;
    }
}

struct Fixture {
    query: Number,
    watches: Addr<WatchSupervisor<ConsulConfig>>,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self {
            query: Number::new(),
            watches: WatchSupervisor::new(ConsulConfig::default())
                .arbiters(0)
                .start(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> CheckpointFile {
        CheckpointFile::new(self.path("checkpoint"))
    }

    /// Returns a handler that logs its input, and then waits for the file `go`.
    fn handler(&self, more: &str) -> HandlerSpec {
        let (log, go) = (self.path("log"), self.path("go"));
        let script = format!(
            "cat >> {log}; while [ ! -e {go} ]; do sleep 0.01; done",
            log = log.display(),
            go = go.display()
        );
        let config = self.path("watches.hcl");
        let text = format!(
            "watches {{\n type = \"nodes\"\n args = [\"sh\", \"-c\", \"{script}\"]\n {more}\n}}"
        );
        fs::write(&config, text).unwrap();
        let config = DaemonConfig::load(&[config], &ConsulConfig::default()).unwrap();
        config.watches[0].handler.clone()
    }

    fn release(&self) {
        fs::write(self.path("go"), "").unwrap();
    }

    fn hold(&self) {
        fs::remove_file(self.path("go")).unwrap();
    }

    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn until_log(&self, values: &[&str]) {
        until(&format!("{values:?}"), || self.log() == values).await;
    }

    /// Starts a proxy that resumes after `seen`, and subscribes it.
    async fn start(
        &self,
        handler: HandlerSpec,
        seen: Option<Checkpoint>,
    ) -> (Addr<HandlerProxy<Number>>, SubscriptionId) {
        let proxy = HandlerProxy::new(
            "number".into(),
            handler,
            ErrorReporter::default(),
            Some(self.file()),
            seen.clone(),
        )
        .start();
        let mut watch = Watch::new(self.query.clone(), proxy.clone());
        if let Some(seen) = seen {
            watch = seen.resume(watch);
        }
        (proxy, self.watches.send(watch).await.unwrap().unwrap())
    }

    /// Waits until the checkpoint file is of this index, and returns whether a later update was begun.
    async fn until_checkpoint(&self, index: u64, begun: bool) {
        until("the checkpoint", || {
            let seen = self.file().load().unwrap();
            seen.is_some_and(|seen| seen.index() == index && is_begun(&seen) == begun)
        })
        .await;
    }
}

fn is_begun(checkpoint: &Checkpoint) -> bool {
    serde_json::to_value(checkpoint).unwrap()["begun"] == Value::Bool(true)
}

async fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_met() {
        assert!(Instant::now() < deadline, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix::test]
async fn a_state_that_kills_the_handler_does_not_block_newer_ones() {
    let fixture = Fixture::new();
    fixture.release();
    fixture.start(fixture.handler(""), None).await;
    fixture.until_log(&["1"]).await;
    fixture.query.put("bad");
    // It is delivered again, to a handler that was restarted.
    until("two panics", || fixture.query.panics() >= 2).await;
    fixture.query.put("3");
    fixture.until_log(&["1", "3"]).await;
    fixture.until_checkpoint(3, false).await;
}

#[actix::test]
async fn an_acknowledged_state_that_kills_the_handler_does_not_block_newer_ones() {
    let fixture = Fixture::new();
    // A queue acknowledges updates before it runs them.
    let queue = fixture.handler("concurrency { queue = 5 }");
    let (proxy, _) = fixture.start(queue, None).await;
    fixture.until_log(&["1"]).await;
    fixture.query.put("bad");
    until_latest(&proxy, (2, 0)).await;
    fixture.release();
    until("two panics", || fixture.query.panics() >= 2).await;
    fixture.query.put("3");
    fixture.until_log(&["1", "3"]).await;
}

#[actix::test]
async fn an_update_that_waits_for_a_handler_is_taken_back_by_stop() {
    let fixture = Fixture::new();
    // A queue acknowledges an update when its run starts, so the engine delivers the next one.
    let handler = fixture.handler("concurrency { queue = 5 }");
    let (proxy, subscription) = fixture.start(handler.clone(), None).await;
    fixture.until_log(&["1"]).await;
    let replaced = proxy.send(ReplaceHandler {
        label: "number".into(),
        spec: handler,
        errors: ErrorReporter::default(),
        grace: DEADLINE,
    });
    let replaced = actix_rt::spawn(replaced);
    fixture.query.put("2");
    until_latest(&proxy, (2, 1)).await;
    fixture
        .watches
        .send(Stop::subscription(subscription))
        .await
        .unwrap();
    until_latest(&proxy, (2, 0)).await;
    fixture.release();
    replaced.await.unwrap().unwrap().unwrap();
    let marker = Changed::first(fixture.query.clone(), Some(pair(9, "marker")), 9);
    proxy.send(marker).await.unwrap();
    fixture.until_log(&["1", "marker"]).await;
}

#[actix::test]
async fn the_checkpoint_says_when_an_update_was_begun() {
    let fixture = Fixture::new();
    fixture.release();
    fixture.start(fixture.handler(""), None).await;
    fixture.until_checkpoint(1, false).await;
    fixture.hold();
    fixture.query.put("2");
    fixture.until_log(&["1", "2"]).await;
    fixture.until_checkpoint(1, true).await;
    fixture.release();
    fixture.until_checkpoint(2, false).await;
}

#[actix::test]
async fn an_update_that_was_handled_stays_so_when_stop_takes_it_back() {
    let mut handled = HandledState::new(None, None);
    let mut changed = Changed::first(Number::new(), Some(pair(7, "1")), 7);
    handled.begin(&mut changed, None);
    assert!(handled.record(&changed, true).is_none(), "there is no file");
    handled.returned(&changed);
    let (seen, _) = handled.finish();
    assert!(!is_begun(&seen.unwrap()));
}

#[actix::test]
async fn an_unfinished_update_is_made_good_when_the_value_goes_back() {
    let fixture = Fixture::new();
    fixture.release();
    let handler = fixture.handler("");
    let (proxy, subscription) = fixture.start(handler.clone(), None).await;
    fixture.until_checkpoint(1, false).await;
    fixture.hold();
    fixture.query.put("2");
    fixture.until_log(&["1", "2"]).await;
    fixture
        .watches
        .send(Stop::subscription(subscription))
        .await
        .unwrap();
    let grace = Duration::ZERO;
    let seen = proxy.send(StopProxy { grace }).await.unwrap().unwrap();
    assert!(is_begun(&seen) && seen.index() == 1, "{seen:?}");
    assert_eq!(fixture.file().load().unwrap(), Some(seen.clone()));

    fixture.release();
    fixture.query.put("1");
    fixture.start(handler, Some(seen)).await;
    fixture.until_log(&["1", "2", "1"]).await;
    fixture.until_checkpoint(3, false).await;
}
