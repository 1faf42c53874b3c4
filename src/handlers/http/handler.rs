//! The actor that calls a URL on each change.

use std::{
    any::TypeId,
    fmt,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use awc::Client;
use bytes::Bytes;
use consul_watch_actors::{Changed, WatchPath};
use tokio::{sync::oneshot, time::Instant};

use super::{
    call::{Letter, Plan},
    desk::{Again, Desk, Feed, Parcel},
    error::{DeliveryError, HttpError},
    options::Http,
    report::{Delivered, Deliveries, HttpStatus},
    signature::idempotency_key,
};
use crate::handlers::{
    Payload, StopHandler,
    owed::{Owed, owed},
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
    desk: Desk,
    done: Deliveries,
    timer: Option<SpawnHandle>,
    /// Who waits for the end, once it is coming.
    stopping: Option<Vec<oneshot::Sender<()>>>,
}

impl HttpHandler {
    /// A handler that calls this. The files of TLS are read now.
    ///
    /// # Errors
    ///
    /// [`HttpError`]: a URL, method or header that cannot be sent, or a file that cannot be used.
    pub fn new(http: Http) -> Result<Self, HttpError> {
        let plan = Arc::new(Plan::new(&http)?);
        let (desk, done) = (Desk::default(), Deliveries::default());
        Ok(Self {
            http,
            plan,
            client: None,
            desk,
            done,
            timer: None,
            stopping: None,
        })
    }

    /// Sends what may be sent now.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        while self.stopping.is_none() {
            let now = Instant::now();
            match self.desk.next(now) {
                Ok((feed, parcel)) => self.send(feed, parcel, ctx),
                Err(None) => return,
                Err(Some(at)) => {
                    self.timer = Some(ctx.run_later(at - now, |handler, ctx| {
                        handler.timer = None;
                        handler.pump(ctx);
                    }));
                    return;
                }
            }
        }
    }

    fn send(&mut self, feed: Feed, mut parcel: Parcel, ctx: &mut Context<Self>) {
        parcel.tries += 1;
        let plan = Arc::clone(&self.plan);
        let client = Rc::clone(self.client.get_or_insert_with(|| Rc::new(plan.client())));
        let letter = parcel.letter.clone();
        let started = Instant::now();
        let call = async move { plan.send(&client, &letter).await };
        ctx.spawn(call.into_actor(self).map(move |outcome, handler, ctx| {
            handler.ended(&feed, parcel, outcome, started.elapsed(), ctx);
            handler.pump(ctx);
        }));
    }

    fn ended(
        &mut self,
        feed: &Feed,
        mut parcel: Parcel,
        outcome: Result<u16, DeliveryError>,
        duration: Duration,
        ctx: &mut Context<Self>,
    ) {
        let again = outcome
            .as_ref()
            .err()
            .and_then(|error| self.again(&mut parcel, error));
        let now = Instant::now();
        let report = Delivered {
            path: feed.2.clone(),
            index: parcel.letter.index,
            outcome: outcome.map_err(Arc::new),
            duration,
            attempt: parcel.tries,
            again_in: again.map(|again| again.at - now),
        };
        self.tell(&report, report.outcome.is_err() && again.is_none());
        if self.stopping.is_some() && report.outcome.is_err() {
            // Dropped without an acknowledgement: it was not handled.
            parcel.acknowledgement = None;
        }
        self.desk.ended(feed, parcel, again);
        self.stop_when_done(ctx);
    }

    /// When a failed call is repeated, if it is.
    fn again(&self, parcel: &mut Parcel, error: &DeliveryError) -> Option<Again> {
        if !error.is_passing() || self.stopping.is_some() {
            return None;
        }
        let retry = self.http.retry.as_ref()?;
        let pause = retry.pause(&mut parcel.backoff, parcel.tries)?;
        let asked = error.retry_after().filter(|asked| *asked >= pause);
        Some(Again {
            at: Instant::now() + asked.unwrap_or(pause),
            asked: asked.is_some(),
        })
    }

    fn tell(&mut self, report: &Delivered, given_up: bool) {
        report.log(&self.plan.target());
        self.done.count(report, given_up);
        if let Some(events) = &self.http.events {
            events.do_send(report.clone());
        }
    }

    fn arrived<Q: Payload>(&mut self, changed: &Changed<Q>, ctx: &mut Context<Self>) -> Owed {
        let (acknowledgement, owed) = owed();
        let feed = Feed(
            TypeId::of::<Q>(),
            changed.subscription,
            changed.query.path(),
        );
        if self.stopping.is_some() {
            return owed;
        }
        match Q::payload(changed) {
            Ok(body) => {
                let letter = letter(&feed.2, changed.index, body.into());
                let acknowledgement = Some(acknowledgement);
                self.desk.arrived(
                    feed,
                    Parcel {
                        letter,
                        tries: 0,
                        backoff: None,
                        acknowledgement,
                    },
                );
                self.pump(ctx);
            }
            Err(source) => {
                let outcome = Err(Arc::new(DeliveryError::Payload { source }));
                let (path, index, duration) = (feed.2, changed.index, Duration::ZERO);
                let report = Delivered {
                    path,
                    index,
                    outcome,
                    duration,
                    attempt: 0,
                    again_in: None,
                };
                self.tell(&report, true);
                acknowledgement.give();
            }
        }
        owed
    }

    fn stop_when_done(&mut self, ctx: &mut Context<Self>) {
        if self.stopping.is_some() && self.desk.counts().0 == 0 {
            self.end(ctx);
        }
    }

    /// Ends the actor, and with it what is still open.
    fn end(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
        for waiting in self.stopping.iter_mut().flat_map(|all| all.drain(..)) {
            // Told when the calls are closed: that is when the actor's own futures are dropped, before this one.
            actix_rt::spawn(async move {
                // Whoever has asked may be gone.
                let _ = waiting.send(());
            });
        }
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

impl<Q: Payload> Handler<Changed<Q>> for HttpHandler {
    type Result = Owed;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> Owed {
        self.arrived(&changed, ctx)
    }
}

impl Handler<StopHandler> for HttpHandler {
    type Result = ResponseFuture<()>;

    fn handle(
        &mut self,
        StopHandler { grace }: StopHandler,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let (sender, stopped) = oneshot::channel();
        self.stopping.get_or_insert_default().push(sender);
        self.desk.clear();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        ctx.run_later(grace, Self::end);
        self.stop_when_done(ctx);
        Box::pin(async {
            // An error is as good: the actor is gone, and its calls with it.
            let _ = stopped.await;
        })
    }
}

impl Handler<HttpStatus> for HttpHandler {
    type Result = MessageResult<HttpStatus>;

    fn handle(&mut self, _: HttpStatus, _: &mut Self::Context) -> Self::Result {
        let (open, waiting) = self.desk.counts();
        MessageResult(Deliveries {
            open,
            waiting,
            ..self.done.clone()
        })
    }
}

impl fmt::Debug for HttpHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandler")
            .field("target", &self.plan.target())
            .field("http", &self.http)
            .field("desk", &self.desk.counts())
            .finish_non_exhaustive()
    }
}
