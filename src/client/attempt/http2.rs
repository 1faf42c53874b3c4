//! An attempt over one of the shared HTTP/2 connections.

use awc::http::header::HeaderMap;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use tokio::time::timeout;

use super::{Attempt, ResponseBody};
use crate::client::{
    awc_error,
    body::BodyError,
    body_budget::BodyPermit,
    endpoint::USER_AGENT,
    error::{ClientError, Stage},
    exchange::Reply,
    http2::{self, AfterCut, ConnectionPool, Hold, Http2Error, SentRequest},
};

/// The number of connections that are tried when they turn out to be closing.
const MAX_TRIES: usize = 3;

impl Attempt<'_> {
    pub(super) async fn over_http2(&self, pool: &ConnectionPool) -> Result<Reply, ClientError> {
        let mut left = MAX_TRIES;
        loop {
            let answer = match timeout(self.left(), self.ask_on(pool)).await {
                Err(_) => return Err(self.overdue(Stage::Headers)),
                Ok(answer) => answer?,
            };
            match answer {
                Err(Http2Error::Ended {
                    untouched: true, ..
                }) if left > 1 => left -= 1,
                Err(error) => {
                    let after = self.started.elapsed();
                    return Err(awc_error::failed_http2(self.target(), error, after));
                }
                Ok(None) => return self.over_awc().await,
                Ok(Some(answer)) => {
                    // Boxed, so that the wait before it takes no room for the reading.
                    return Box::pin(self.finish(answer.status, answer)).await;
                }
            }
        }
    }

    /// The head of the answer; `None` when the server speaks only HTTP/1.1.
    async fn ask_on(
        &self,
        pool: &ConnectionPool,
    ) -> Result<Result<Option<http2::Response>, Http2Error>, ClientError> {
        let permit = match pool.acquire_stream().await {
            Ok(Some(permit)) => permit,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(Http2Error::Connect(error))),
        };
        // Made only now: it is not kept through the wait, which may take minutes.
        let sent = SentRequest::new(permit, self.http2_request()?, self.hold());
        Ok(match sent {
            Ok(sent) => sent.answer().await.map(Some),
            Err(error) => Err(error),
        })
    }

    /// The time for which Consul counts the stream if it is cut: the wait of a blocking query with its jitter, and
    /// all that another one may take.
    fn hold(&self) -> Hold {
        let deadline = self.exchange.deadline;
        let time = if self.exchange.resumes {
            deadline.saturating_sub(self.config.deadline_margin())
        } else {
            deadline
        };
        Hold {
            since: self.started,
            time,
            after_cut: after_cut(
                self.exchange.path,
                self.exchange.query,
                self.exchange.resumes,
            ),
        }
    }

    fn http2_request(&self) -> Result<Request<()>, ClientError> {
        let url = [
            &*self.endpoint.label,
            self.exchange.path,
            self.exchange.query,
        ]
        .concat();
        let uri = Uri::try_from(url)
            .map_err(|error| self.unbuildable(format!("its URL is not valid: {error}")))?;
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let encoding = if self.config.gzip() {
            "gzip"
        } else {
            "identity"
        };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        for (name, value) in self.credentials()? {
            // The same in the newer version of the crate.
            let mut value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|error| self.unbuildable(format!("its {name}: {error}")))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(request)
    }
}

/// Whether a query continues when its stream is cut: Consul answers certificates, and instances by its streaming
/// backend (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>), from the
/// agent's own memory, and only there it notices.
fn after_cut(path: &str, query: &str, blocks: bool) -> AfterCut {
    let mut params = query.split(['?', '&']);
    if path.starts_with("/v1/agent/connect/ca/") {
        AfterCut::Ends
    } else if blocks
        && path.starts_with("/v1/health/service/")
        && !params.any(|param| param.starts_with("near="))
    {
        AfterCut::EndsIfStreaming
    } else {
        AfterCut::RunsOn
    }
}

impl ResponseBody for http2::Response {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    async fn read_start(&mut self, enough: usize) -> Vec<u8> {
        http2::Response::read_start(self, enough).await
    }

    async fn read(&mut self, permit: &mut BodyPermit) -> Result<Bytes, BodyError> {
        http2::Response::read(self, permit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_agent_answers_from_its_memory_ends_with_its_stream() {
        for (path, query, blocks, becomes) in [
            ("/v1/kv/a", "?index=1", true, AfterCut::RunsOn),
            ("/v1/catalog/nodes", "?index=1", true, AfterCut::RunsOn),
            ("/v1/agent/service/a", "?hash=1", true, AfterCut::RunsOn),
            ("/v1/agent/connect/ca/roots", "", false, AfterCut::Ends),
            (
                "/v1/agent/connect/ca/leaf/a",
                "?index=1",
                true,
                AfterCut::Ends,
            ),
            (
                "/v1/health/service/a",
                "?index=1",
                true,
                AfterCut::EndsIfStreaming,
            ),
            (
                "/v1/health/service/a",
                "?consistent=",
                false,
                AfterCut::RunsOn,
            ),
            (
                "/v1/health/service/a",
                "?near=b&index=1",
                true,
                AfterCut::RunsOn,
            ),
        ] {
            assert_eq!(after_cut(path, query, blocks), becomes, "{path}{query}");
        }
    }
}
