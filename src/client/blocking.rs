//! Blocking queries of [`ConsulClient`].

use std::{borrow::Cow, pin::pin};

use awc::http::{Method, StatusCode, header::HeaderMap};
use bytes::Bytes;
use consul_watch_actors::Cursor;
use futures_util::future::{Either, select};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::{
    answer::{QueryAnswer, index},
    consistency::Consistency,
    consul_client::ConsulClient,
    duration::readable,
    error::ClientError,
    error_body,
    exchange::{Exchange, PoolKind},
    json::decode,
    request::QueryRequest,
    url::encoded,
};
use crate::absence;

impl ConsulClient {
    /// Sends one query, which Consul holds until something changes or the wait is over
    /// ([blocking queries](https://developer.hashicorp.com/consul/api-docs/features/blocking)).
    ///
    /// The deadline is the wait, a sixteenth more that Consul may add, and
    /// [`deadline_margin`](super::ConsulConfig::deadline_margin); without a cursor it is
    /// [`first_answer_timeout`](super::ConsulConfig::first_answer_timeout). It includes the body, and ends a query whose
    /// connection is half-open. A return does not mean that anything changed. Dropping the future closes the
    /// connection; Consul holds its side of it until the wait is over.
    ///
    /// ```no_run
    /// use consul_watch::client::{ConsulClient, ConsulConfig, Cursor, KeyPath, QueryRequest};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ConsulClient::new(&ConsulConfig::from_env()?)?;
    /// let request = QueryRequest::new(KeyPath::of_key("app")?.path()).accept_404(true);
    /// let now = client.blocking_query(&request).await?;
    /// let next = request.with_cursor(now.index.map_or(Cursor::Start, Cursor::Index));
    /// let later = client.blocking_query(&next).await?;
    /// println!("{:?} → {:?}", now.index, later.index);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ClientError`], by the stage that failed. A 404 is an error unless the request accepts it *and*
    /// it carries `X-Consul-Index`. A success without a body, or with a page for people in it, is
    /// [`ClientError::Decode`], never an empty value.
    pub async fn blocking_query(&self, request: &QueryRequest) -> Result<QueryAnswer, ClientError> {
        self.query(request, PoolKind::LongPoll).await
    }

    /// [`blocking_query`](Self::blocking_query) over either kind of connections.
    pub(crate) async fn query(
        &self,
        request: &QueryRequest,
        pool: PoolKind,
    ) -> Result<QueryAnswer, ClientError> {
        let answer = self.ask_through_proxies(request, pool).await?;
        let oldest = request.max_stale(self.config());
        if oldest.is_none_or(|oldest| answer.meta.last_contact.is_none_or(|age| age <= oldest)) {
            return Ok(answer);
        }
        // Consul checks `max_stale` itself in the catalog, and leaves it to its clients for keys
        // (https://developer.hashicorp.com/consul/api-docs/features/consistency).
        let fresh = request.clone().with_consistency(Consistency::Default);
        // Boxed: it is rare, and would take room in every query.
        Box::pin(self.ask_through_proxies(&fresh, pool)).await
    }

    /// Asks again at once where a proxy ended the wait.
    async fn ask_through_proxies(
        &self,
        request: &QueryRequest,
        pool: PoolKind,
    ) -> Result<QueryAnswer, ClientError> {
        let config = self.config();
        let brief = self
            .longest_wait()
            .and_then(|longest| request.shortened(longest, config));
        let mut request = brief.map_or(Cow::Borrowed(request), Cow::Owned);
        loop {
            if let Some(longest) = self.proxy_timeout().limit()
                && let Some(shorter) = request.shortened(longest, config)
            {
                request = Cow::Owned(shorter);
            }
            let begun = Instant::now();
            let answer = self.ask(&request, pool).await;
            let (Some(wait), after) = (request.held(config), begun.elapsed()) else {
                return answer;
            };
            match answer {
                Ok(answer) => {
                    if after >= wait {
                        self.update_proxy_timeout(|proxy| proxy.completed(wait));
                    }
                    return Ok(answer);
                }
                Err(error) if error.is_end_by_proxy(after, wait) => {
                    if self.update_proxy_timeout(|proxy| proxy.ended(after)) {
                        tracing::warn!(
                            error = error.to_string(),
                            after_s = after.as_secs_f64(),
                            "a proxy in front of Consul ends a query that is idle; queries wait for less there, \
                             and lose nothing: allow {} in the proxy to have fewer of them",
                            readable(wait)
                        );
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask(
        &self,
        request: &QueryRequest,
        pool: PoolKind,
    ) -> Result<QueryAnswer, ClientError> {
        let config = self.config();
        let query = encoded(&request.query(config));
        let begun = Instant::now();
        let exchange = self.exchange(Exchange {
            method: Method::GET,
            path: request.path(),
            query: &query,
            body: Bytes::new(),
            pool,
            resumes: *request.cursor() != Cursor::Start,
            deadline: request.deadline(pool, config),
            max_body_size: request.max_body_size(config),
            token: request.token(),
            accept: if request.accepts_404() {
                proves_absence
            } else {
                no_status_is_absence
            },
        });
        let reply = match self.leader_loss(request) {
            None => exchange.await?,
            Some(loss) => match select(pin!(exchange), loss).await {
                Either::Left((reply, _)) => reply?,
                Either::Right((error, _)) => return Err(error),
            },
        };
        if reply.meta.names_backend() {
            self.note_streaming();
        }
        let found = reply.status.is_success();
        if found && error_body::diagnose(&reply.body).is_some() {
            // This fails with the reason, since neither no body nor a page is JSON.
            decode::<IgnoredAny>(&reply.target, &reply.body)?;
        }
        let mut answer = QueryAnswer::new(reply.target, found, reply.meta, reply.body);
        // Consul holds a query until its index has grown or the wait is over. It ends one before that when a restored
        // snapshot replaces the data, and answers with the old value and index
        // (https://developer.hashicorp.com/consul/commands/snapshot/restore).
        let is_early = request
            .held(config)
            .is_some_and(|wait| begun.elapsed() < wait);
        answer.is_early_repeat =
            is_early && answer.index.map(Cursor::Index).as_ref() == Some(request.cursor());
        Ok(answer)
    }
}

/// Whether this status proves absence: a 404 that is Consul's own.
fn proves_absence(status: StatusCode, headers: &HeaderMap) -> bool {
    absence::of_kv_status(status.as_u16(), index(headers)).is_proven()
}

pub(super) fn no_status_is_absence(_: StatusCode, _: &HeaderMap) -> bool {
    absence::of_other_status().is_proven()
}
