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
    error::{DeliveryError, WebhookError},
    options::Webhook,
    request::{RequestTemplate, WebhookBody},
    signature::idempotency_key,
    stats::{GetWebhookStats, WebhookDelivered, WebhookStats},
};
use crate::handlers::{
    deferred_reply::{DeferredReply, deferred_reply},
    job::{Job, StreamKey, Supersede},
    lifecycle::{Jobs, Lifecycle, RunsJobs, Shutdown, StopHandler},
    payload::HandlerPayload,
    task_queue::{QueueMode, RetryAt, TaskId},
};

/// A subscriber that calls a URL on each change, with the new state as JSON in the body.
///
/// The body is the JSON that Consul's own handlers get, see [`HandlerPayload`]. The headers, besides those that
/// were set:
///
/// | header | holds |
/// |---|---|
/// | `Content-Type` | `application/json` |
/// | `X-Consul-Index` | the index, as Consul's own handlers get it; 0 for a watch without one |
/// | `Idempotency-Key` | the same for each try of one state and another for every other state: the index, and a digest of the watch's path and the state |
/// | `X-Consul-Watch-Signature` | `sha256=` and the HMAC of the body, when [asked for](Webhook::sign_with) |
///
/// The latest state is delivered at least once. A call without an answer, or with 429 or 5xx, is repeated
/// after a pause ([`Webhook::retry`]; `RetryPolicy-After` is obeyed up to ten minutes) until it succeeds or a newer
/// state takes the place of the failed one. Any other answer but 2xx is final: it is logged as a warning and
/// told to the [recipient of events](Webhook::events), and the next change is tried afresh. Redirects are such
/// answers, for a redirected call would carry secrets to somebody else. A state that was sent and not answered in
/// time may have arrived; by its key the receiver knows it again.
///
/// It takes changes of every type of watch, and of several watches of one supervisor at a time, each with one
/// call open; one that hangs does not hold up the others. Its other messages: [`StopHandler`], [`GetWebhookStats`].
///
/// ```no_run
/// use actix::Actor;
/// use consul_watch::{KeyPrefix, Watch};
/// use consul_watch::handlers::{Webhook, WebhookHandler};
///
/// # async fn example(watches: actix::Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let webhook = Webhook::new("https://hooks.example/consul").header("X-Team", "blue").sign_with("a shared key");
/// let handler = WebhookHandler::new(webhook)?.start();
/// watches.send(Watch::new(KeyPrefix::new("app"), handler)).await??;
/// # Ok(())
/// # }
/// ```
pub struct WebhookHandler {
    webhook: Webhook,
    template: Arc<RequestTemplate>,
    /// Made on the thread that the actor runs on.
    client: Option<Rc<Client>>,
    jobs: Jobs<WebhookBody>,
    done: WebhookStats,
    shutdown: Shutdown,
}

/// Each body is whole, so a newer one needs nothing of an older one.
impl Supersede for WebhookBody {
    fn supersede(&mut self, _: &Self) {}
}

impl WebhookHandler {
    /// A handler that calls this. The files of TLS are read now.
    ///
    /// # Errors
    ///
    /// [`WebhookError`]: a URL, method or header that cannot be sent, or a file that cannot be used.
    pub fn new(webhook: Webhook) -> Result<Self, WebhookError> {
        let template = Arc::new(RequestTemplate::new(&webhook)?);
        Ok(Self {
            webhook,
            template,
            client: None,
            jobs: Jobs::new(QueueMode::PerStream),
            done: WebhookStats::default(),
            shutdown: Shutdown::default(),
        })
    }

    fn ended(
        &mut self,
        id: TaskId,
        mut call: Job<WebhookBody>,
        outcome: Result<u16, DeliveryError>,
        duration: Duration,
        ctx: &mut Context<Self>,
    ) {
        let retry = outcome
            .as_ref()
            .err()
            .and_then(|error| self.retry(&mut call, error));
        let now = Instant::now();
        let report = WebhookDelivered {
            path: call.path().clone(),
            index: call.content.index,
            outcome: outcome.map_err(Arc::new),
            duration,
            attempt: call.attempts(),
            retry_in: retry.map(|retry| retry.at - now),
        };
        let failed = report.outcome.is_err();
        self.tell(report, failed && retry.is_none());
        if failed && self.shutdown.is_stopping() {
            call.abandon();
        }
        self.jobs.queue.ended(id, call, retry);
        self.stop_when_idle(ctx);
    }

    /// When a failed call is retried, if it is.
    fn retry(&self, call: &mut Job<WebhookBody>, error: &DeliveryError) -> Option<RetryAt> {
        if !error.is_passing() || self.shutdown.is_stopping() {
            return None;
        }
        let pause = call.pause(self.webhook.options.retry.as_ref())?;
        let asked = error.retry_after().filter(|asked| *asked >= pause);
        Some(RetryAt {
            at: Instant::now() + asked.unwrap_or(pause),
            binding: asked.is_some(),
        })
    }

    fn tell(&mut self, report: WebhookDelivered, given_up: bool) {
        report.log(&self.template.target());
        self.done.count(&report, given_up);
        self.webhook.options.report(report);
    }

    fn arrived<Q: HandlerPayload>(
        &mut self,
        changed: &Changed<Q>,
        ctx: &mut Context<Self>,
    ) -> DeferredReply {
        let (reply_handle, deferred_reply) = deferred_reply();
        if self.shutdown.is_stopping() {
            return deferred_reply;
        }
        let stream = StreamKey::of(changed);
        match Q::payload(changed) {
            Ok(body) => {
                let body = webhook_body(stream.path(), changed.index, body.into());
                let call = Job::new(stream, body, reply_handle);
                self.jobs.queue.arrived(call, Instant::now());
                self.start_due(ctx);
            }
            Err(source) => {
                let report = WebhookDelivered {
                    path: stream.path().clone(),
                    index: changed.index,
                    outcome: Err(Arc::new(DeliveryError::Payload { source })),
                    duration: Duration::ZERO,
                    attempt: 0,
                    retry_in: None,
                };
                self.tell(report, true);
                reply_handle.send();
            }
        }
        deferred_reply
    }
}

fn webhook_body(path: &WatchPath, index: u64, bytes: Bytes) -> WebhookBody {
    let turn = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let idempotency_key = idempotency_key(&path.to_string(), index, turn, &bytes);
    WebhookBody {
        index,
        idempotency_key,
        bytes,
    }
}

impl Actor for WebhookHandler {
    type Context = Context<Self>;
}

impl Lifecycle for WebhookHandler {
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

impl RunsJobs for WebhookHandler {
    type Supersede = WebhookBody;

    fn jobs(&mut self) -> &mut Jobs<WebhookBody> {
        &mut self.jobs
    }

    fn start_job(&mut self, id: TaskId, mut call: Job<WebhookBody>, ctx: &mut Context<Self>) {
        call.begin_attempt();
        let template = Arc::clone(&self.template);
        let client = Rc::clone(
            self.client
                .get_or_insert_with(|| Rc::new(template.client())),
        );
        let body = call.content.clone();
        let started = Instant::now();
        let sent = async move { template.send(&client, &body).await };
        ctx.spawn(sent.into_actor(self).map(move |outcome, handler, ctx| {
            handler.ended(id, call, outcome, started.elapsed(), ctx);
            handler.start_due(ctx);
        }));
    }
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for WebhookHandler {
    type Result = DeferredReply;

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) -> DeferredReply {
        self.arrived(&changed, ctx)
    }
}

impl Handler<StopHandler> for WebhookHandler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, stop: StopHandler, ctx: &mut Self::Context) -> Self::Result {
        self.stop(stop, ctx)
    }
}

impl Handler<GetWebhookStats> for WebhookHandler {
    type Result = MessageResult<GetWebhookStats>;

    fn handle(&mut self, _: GetWebhookStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(WebhookStats {
            open: self.jobs.queue.running(),
            waiting: self.jobs.queue.waiting(),
            ..self.done.clone()
        })
    }
}

impl fmt::Debug for WebhookHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandler")
            .field("target", &self.template.target())
            .field("http", &self.webhook)
            .field("open", &self.jobs.queue.running())
            .field("waiting", &self.jobs.queue.waiting())
            .finish_non_exhaustive()
    }
}
