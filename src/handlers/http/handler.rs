//! The actor that calls a URL on each change.

use std::{
    fmt,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use awc::Client;
use bytes::Bytes;
use consul_watch_actors::{Changed, WatchPath};
use tokio::time::Instant;

use super::{
    call::{Letter, Plan},
    error::{DeliveryError, HttpError},
    options::Http,
    report::{Delivered, Deliveries, HttpStatus},
    signature::idempotency_key,
};
use crate::handlers::{
    job::{Job, StreamKey, Work},
    lifecycle::{Jobs, Lifecycle, RunsJobs, Shutdown, StopHandler},
    owed::{Owed, owed},
    payload::Payload,
    queue::{QueueMode, RetryAt, Ticket},
};

/// A subscriber that calls a URL on each change, with the new state as JSON in the body.
///
/// The body is the JSON that Consul's own handlers get, see [`Payload`]. The headers, besides those that
/// were set:
///
/// | header | holds |
/// |---|---|
/// | `Content-Type` | `application/json` |
/// | `X-Consul-Index` | the index, as Consul's own handlers get it; 0 for a watch without one |
/// | `Idempotency-Key` | the same for each try of one state and another for every other state: the index, and a digest of the watch's path and the state |
/// | `X-Consul-Watch-Signature` | `sha256=` and the HMAC of the body, when [asked for](Http::sign_with) |
///
/// The latest state is delivered at least once. A call without an answer, or with 429 or 5xx, is repeated
/// after a pause ([`Http::retry`]; `Retry-After` is obeyed up to ten minutes) until it succeeds or a newer
/// state takes the place of the failed one. Any other answer but 2xx is final: it is logged as a warning and
/// told to the [recipient of events](Http::events), and the next change is tried afresh. Redirects are such
/// answers, for a redirected call would carry secrets to somebody else. A state that was sent and not answered in
/// time may have arrived; by its key the receiver knows it again.
///
/// It takes changes of every type of watch, and of several watches of one supervisor at a time, each with one
/// call open; one that hangs does not hold up the others. Its other messages: [`StopHandler`], [`HttpStatus`].
///
/// ```no_run
/// use actix::Actor;
/// use consul_watch::{KeyPrefix, Watch};
/// use consul_watch::handlers::{Http, HttpHandler};
///
/// # async fn example(watches: actix::Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let http = Http::new("https://hooks.example/consul").header("X-Team", "blue").sign_with("a shared key");
/// let handler = HttpHandler::new(http)?.start();
/// watches.send(Watch::new(KeyPrefix::new("app"), handler)).await??;
/// # Ok(())
/// # }
/// ```
pub struct HttpHandler {
    http: Http,
    plan: Arc<Plan>,
    /// Made on the thread that the actor runs on.
    client: Option<Rc<Client>>,
    jobs: Jobs<Letter>,
    done: Deliveries,
    shutdown: Shutdown,
}

/// Each body is whole, so a newer one needs nothing of an older one.
impl Work for Letter {
    fn supersede(&mut self, _: &Self) {}
}

impl HttpHandler {
    /// A handler that calls this. The files of TLS are read now.
    ///
    /// # Errors
    ///
    /// [`HttpError`]: a URL, method or header that cannot be sent, or a file that cannot be used.
    pub fn new(http: Http) -> Result<Self, HttpError> {
        let plan = Arc::new(Plan::new(&http)?);
        Ok(Self {
            http,
            plan,
            client: None,
            jobs: Jobs::new(QueueMode::PerStream),
            done: Deliveries::default(),
            shutdown: Shutdown::default(),
        })
    }

    fn ended(
        &mut self,
        ticket: Ticket,
        mut call: Job<Letter>,
        outcome: Result<u16, DeliveryError>,
        duration: Duration,
        ctx: &mut Context<Self>,
    ) {
        let retry = outcome
            .as_ref()
            .err()
            .and_then(|error| self.retry(&mut call, error));
        let now = Instant::now();
        let report = Delivered {
            path: call.path().clone(),
            index: call.work.index,
            outcome: outcome.map_err(Arc::new),
            duration,
            attempt: call.attempts(),
            again_in: retry.map(|retry| retry.at - now),
        };
        let failed = report.outcome.is_err();
        self.tell(report, failed && retry.is_none());
        if failed && self.shutdown.is_stopping() {
            call.abandon();
        }
        self.jobs.queue.ended(ticket, call, retry);
        self.stop_when_idle(ctx);
    }

    /// When a failed call is retried, if it is.
    fn retry(&self, call: &mut Job<Letter>, error: &DeliveryError) -> Option<RetryAt> {
        if !error.is_passing() || self.shutdown.is_stopping() {
            return None;
        }
        let pause = call.pause(self.http.options.retry.as_ref())?;
        let asked = error.retry_after().filter(|asked| *asked >= pause);
        Some(RetryAt {
            at: Instant::now() + asked.unwrap_or(pause),
            binding: asked.is_some(),
        })
    }

    fn tell(&mut self, report: Delivered, given_up: bool) {
        report.log(&self.plan.target());
        self.done.count(&report, given_up);
        self.http.options.report(report);
    }

    fn arrived<Q: Payload>(&mut self, changed: &Changed<Q>, ctx: &mut Context<Self>) -> Owed {
        let (acknowledgement, owed) = owed();
        if self.shutdown.is_stopping() {
            return owed;
        }
        let stream = StreamKey::of(changed);
        match Q::payload(changed) {
            Ok(body) => {
                let letter = letter(stream.path(), changed.index, body.into());
                let call = Job::new(stream, letter, acknowledgement);
                self.jobs.queue.arrived(call, Instant::now());
                self.start_due(ctx);
            }
            Err(source) => {
                let report = Delivered {
                    path: stream.path().clone(),
                    index: changed.index,
                    outcome: Err(Arc::new(DeliveryError::Payload { source })),
                    duration: Duration::ZERO,
                    attempt: 0,
                    again_in: None,
                };
                self.tell(report, true);
                acknowledgement.give();
            }
        }
        owed
    }
}

fn letter(path: &WatchPath, index: u64, body: Bytes) -> Letter {
    let turn = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let idempotency_key = idempotency_key(&path.to_string(), index, turn, &body);
    Letter {
        index,
        idempotency_key,
        body,
    }
}

impl Actor for HttpHandler {
    type Context = Context<Self>;
}

impl Lifecycle for HttpHandler {
    fn shutdown(&mut self) -> &mut Shutdown {
        &mut self.shutdown
    }

    fn begin_shutdown(&mut self, grace: Duration, ctx: &mut Context<Self>) {
        self.shutdown.begin();
        self.jobs.clear(ctx);
        ctx.run_later(grace, Self::end);
    }

    fn is_idle(&self) -> bool {
        self.jobs.queue.running() == 0
    }
}

impl RunsJobs for HttpHandler {
    type Work = Letter;

    fn jobs(&mut self) -> &mut Jobs<Letter> {
        &mut self.jobs
    }

    fn start_job(&mut self, ticket: Ticket, mut call: Job<Letter>, ctx: &mut Context<Self>) {
        call.begin_attempt();
        let plan = Arc::clone(&self.plan);
        let client = Rc::clone(self.client.get_or_insert_with(|| Rc::new(plan.client())));
        let letter = call.work.clone();
        let started = Instant::now();
        let sent = async move { plan.send(&client, &letter).await };
        ctx.spawn(sent.into_actor(self).map(move |outcome, handler, ctx| {
            handler.ended(ticket, call, outcome, started.elapsed(), ctx);
            handler.start_due(ctx);
        }));
    }
}

impl<Q: Payload> Handler<Changed<Q>> for HttpHandler {
    type Result = Owed;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Owed {
        self.arrived(&changed, ctx)
    }
}

impl Handler<StopHandler> for HttpHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<HttpStatus> for HttpHandler {
    type Result = MessageResult<HttpStatus>;

    fn handle(&mut self, _: HttpStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(Deliveries {
            open: self.jobs.queue.running(),
            waiting: self.jobs.queue.waiting(),
            ..self.done.clone()
        })
    }
}

impl fmt::Debug for HttpHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandler")
            .field("target", &self.plan.target())
            .field("http", &self.http)
            .field("open", &self.jobs.queue.running())
            .field("waiting", &self.jobs.queue.waiting())
            .finish_non_exhaustive()
    }
}
