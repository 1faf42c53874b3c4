//! One blocking query.

use awc::http::{Method, StatusCode, header::HeaderMap};
use bytes::Bytes;
use consul_watch_actors::Cursor;
use serde::de::IgnoredAny;

use super::{
    answer::{QueryAnswer, decode, index},
    consistency::Consistency,
    consul_client::ConsulClient,
    error::ClientError,
    error_body,
    exchange::{Exchange, PoolKind},
    request::QueryRequest,
    url::encoded,
};
use crate::absence;

impl ConsulClient {
    /// Asks once, and waits as long as the request says ("Blocking Queries").
    ///
    /// The deadline is the wait, a sixteenth more that Consul may add, and the slack; without a cursor
    /// the short-call timeout. It covers the body too. That this returns does not mean that anything
    /// changed. Dropping the future closes the connection; Consul holds its side of it until the wait
    /// ends.
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
    /// it carries `X-Consul-Index`. A success without a body, or with a page for people in it, is a
    /// [`ClientError::Decode`], never an empty value.
    pub async fn blocking_query(&self, request: &QueryRequest) -> Result<QueryAnswer, ClientError> {
        self.query(request, PoolKind::LongPoll).await
    }

    /// [`blocking_query`](Self::blocking_query), over the connections of either kind.
    pub(crate) async fn query(
        &self,
        request: &QueryRequest,
        pool: PoolKind,
    ) -> Result<QueryAnswer, ClientError> {
        let answer = self.ask(request, pool).await?;
        let oldest = request.max_stale(self.config());
        if oldest.is_none_or(|oldest| answer.meta.last_contact.is_none_or(|age| age <= oldest)) {
            return Ok(answer);
        }
        // Consul sees to `max_stale` itself in the catalog, and leaves it to its clients with keys.
        let fresh = request.clone().with_consistency(Consistency::Default);
        // Rare, so that the room it takes is not kept in every query.
        Box::pin(self.ask(&fresh, pool)).await
    }

    async fn ask(
        &self,
        request: &QueryRequest,
        pool: PoolKind,
    ) -> Result<QueryAnswer, ClientError> {
        let config = self.config();
        let query = encoded(&request.query(config));
        let reply = self
            .exchange(Exchange {
                method: Method::GET,
                path: request.path(),
                query: &query,
                body: Bytes::new(),
                pool,
                resumes: *request.cursor() != Cursor::Start,
                deadline: request.deadline(config),
                token: request.token(),
                accept: if request.accepts_404() {
                    proves_absence
                } else {
                    no_status_is_absence
                },
            })
            .await?;
        let found = reply.status.is_success();
        if found && error_body::diagnose(&reply.body).is_some() {
            // Fails, since neither nothing nor a page is JSON, and says why.
            decode::<IgnoredAny>(&reply.target, &reply.body)?;
        }
        Ok(QueryAnswer::new(
            reply.target,
            found,
            reply.meta,
            reply.body,
        ))
    }
}

/// A 404 by which Consul, and nobody else, says that there is nothing.
fn proves_absence(status: StatusCode, headers: &HeaderMap) -> bool {
    absence::of_kv_status(status.as_u16(), index(headers)).is_proven()
}

pub(super) fn no_status_is_absence(_: StatusCode, _: &HeaderMap) -> bool {
    absence::of_other_status().is_proven()
}
