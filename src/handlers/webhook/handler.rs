//! [`WebhookHandler`]: the actor that calls a URL on each change.

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use awc::Client;
use consul_watch_actors::Changed;
use tokio::time::Instant;

use super::{
    call::Call,
    error::{DeliveryError, WebhookError},
    options::Webhook,
    request::{RequestTemplate, WebhookBody},
    stats::{GetWebhookStats, WebhookDelivered, WebhookStats},
};
use crate::handlers::{
    deferred_reply::{DeferredReply, deferred_reply},
    job::{Job, StreamKey},
    lifecycle::{Jobs, Lifecycle, RunsJobs, Shutdown, StopHandler},
    payload::HandlerPayload,
    task_queue::{QueueMode, RetryAt, TaskId},
};

/// A subscriber that calls a URL on each change, with the new state as JSON in the body.
///
/// The body is the JSON that Consul's own
/// [handlers](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#http-endpoint) get, see
/// [`HandlerPayload`], or with [`Webhook::payload`] a line of JSON for each change. Besides those that were set, the
/// request has these headers:
///
/// | header | value |
/// |---|---|
/// | `Content-Type` | `application/json`, or `application/x-ndjson` for lines of changes |
/// | `X-Consul-Index` | the index, as for Consul's own handlers; 0 for a watch without one |
/// | `Idempotency-Key` | the index, and a digest of the watch's path and the body: the same for each attempt at one state, and another one for every other state |
/// | `X-Consul-Watch-Repeated` | `1` if the state may have been sent before a crash, else `0` |
/// | `X-Consul-Watch-Signature` | `t=`, the time, `,v2=` and the HMAC of the request, with [`Webhook::sign_with`] |
///
/// The latest state is delivered at least once. A call without a response, or with 429 or 5xx, is retried after a
/// pause ([`Webhook::retry`]; `Retry-After` is obeyed up to ten minutes) until it succeeds or a newer state replaces
/// the failed one. Any other response but 2xx is final. Its status, never its text, is logged as a warning and sent to the
/// [recipient of events](Webhook::events), and the next change is a new attempt. Redirects are among these, since a
/// redirected call would carry secrets to another server. A state without a response may have arrived. The receiver
/// recognizes it by its key.
///
/// It takes changes of every type of watch, and of several watches of one supervisor at a time, each with one
/// call open. A call that hangs does not delay the others. It also handles [`StopHandler`] and [`GetWebhookStats`].
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
    /// Made on the thread of the actor.
    client: Option<Rc<Client>>,
    jobs: Jobs<Call>,
    done: WebhookStats,
    shutdown: Shutdown,
}

impl WebhookHandler {
    /// Creates a handler that calls this URL. It reads the TLS files now.
    ///
    /// # Errors
    ///
    /// [`WebhookError`]: the URL, a header or another setting cannot be used, or a file cannot be read.
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
        mut call: Job<Call>,
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
            index: call.content.index(),
            outcome: outcome.map_err(Arc::new),
            duration,
            attempt: call.attempts(),
            retry_in: retry.map(|retry| retry.at - now),
            change: Some(call.content.handled()),
        };
        let failed = report.outcome.is_err();
        self.report(report, failed && retry.is_none());
        if failed && self.shutdown.is_stopping() {
            call.abandon();
        }
        self.jobs.queue.ended(id, call, retry);
        self.stop_when_idle(ctx);
    }

    /// Returns the time of the retry of a failed call, if there is one.
    fn retry(&self, call: &mut Job<Call>, error: &DeliveryError) -> Option<RetryAt> {
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

    fn report(&mut self, report: WebhookDelivered, given_up: bool) {
        report.log(
            self.webhook.options.label.as_deref(),
            &self.template.target(),
        );
        self.done.count(&report, given_up);
        self.webhook.options.report(report);
    }

    fn arrived<Q: HandlerPayload>(
        &mut self,
        changed: Changed<Q>,
        ctx: &mut Context<Self>,
    ) -> DeferredReply {
        let (reply_handle, deferred_reply) = deferred_reply();
        if self.shutdown.is_stopping() {
            return deferred_reply;
        }
        let stream = StreamKey::of(&changed);
        let mut call = Job::new(stream, Call::new(changed), reply_handle);
        call.is_repeat = std::mem::take(&mut self.webhook.first_may_repeat);
        self.jobs.queue.arrived(call, Instant::now());
        self.start_due(ctx);
        deferred_reply
    }
}

impl Actor for WebhookHandler {
    type Context = Context<Self>;

    /// Warns at its start and not when it is made: files are checked before logging begins.
    fn started(&mut self, _: &mut Self::Context) {
        self.template.warn();
    }
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
    type Content = Call;

    fn jobs(&mut self) -> &mut Jobs<Call> {
        &mut self.jobs
    }

    fn start_job(&mut self, id: TaskId, mut call: Job<Call>, ctx: &mut Context<Self>) {
        call.begin_attempt();
        let template = Arc::clone(&self.template);
        let client = Rc::clone(
            self.client
                .get_or_insert_with(|| Rc::new(template.client())),
        );
        let body = match call.content.body(self.webhook.options.payload) {
            Ok(body) => WebhookBody {
                is_repeat: call.is_repeat,
                ..body
            },
            Err(error) => return self.ended(id, call, Err(error), Duration::ZERO, ctx),
        };
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
        self.arrived(changed, ctx)
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
        f.debug_struct("WebhookHandler")
            .field("target", &self.template.target())
            .field("webhook", &self.webhook)
            .field("open", &self.jobs.queue.running())
            .field("waiting", &self.jobs.queue.waiting())
            .finish_non_exhaustive()
    }
}
