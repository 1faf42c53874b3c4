//! One attempt of an exchange: it is sent to one address, over awc or over a shared HTTP/2 connection.

#[cfg(feature = "tls")]
mod http2;

use std::{pin::pin, time::Duration};

use awc::{
    ClientRequest,
    error::PayloadError,
    http::{
        Method, StatusCode, Uri,
        header::{self, HeaderMap, HeaderValue},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{Stream, future::LocalBoxFuture};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    answer::ResponseMeta,
    awc_error,
    body::{self, BodyError},
    body_budget::{BodyPermit, Waited},
    config::ConsulConfig,
    endpoint::Endpoint,
    error::{ClientError, Stage},
    error_body,
    exchange::{Exchange, PoolKind, Reply},
    kv_warning,
    retry_after::retry_after,
    secret::Secret,
};

/// The part of a failed answer that is read, in bytes: Consul's texts are a line.
const MAX_ERROR_TEXT: usize = 4096;
/// The time to read it.
const ERROR_TEXT_TIMEOUT: Duration = Duration::from_secs(2);

/// Consul's default limit of a value, in bytes
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#kv_max_value_size>). A larger body
/// is sent after `100 Continue`: otherwise the agent closes the connection in the middle of it, and its
/// reason is lost.
const EXPECT_CONTINUE_ABOVE: usize = 512 * 1024;

/// The text of Consul 1.9 and later for a connection beyond its limit
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client>).
const CONNECTION_LIMIT: &str = "too many concurrent connections";

/// One attempt of an exchange at one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) config: &'a ConsulConfig,
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) token: Option<&'a Secret>,
    /// Whether the connection is closed afterwards, since others need its place.
    pub(super) closes: bool,
    /// The start of the exchange, perhaps at another endpoint.
    pub(super) started: Instant,
}

impl Attempt<'_> {
    /// Method and URL, for errors. It is built when there is one: thousands of polls are out for minutes.
    fn target(&self) -> String {
        format!(
            "{} {}{}",
            self.exchange.method, self.endpoint.label, self.exchange.path
        )
    }

    fn left(&self) -> Duration {
        self.exchange
            .deadline
            .saturating_sub(self.started.elapsed())
    }

    fn overdue(&self, stage: Stage) -> ClientError {
        ClientError::Timeout {
            target: self.target(),
            stage,
            deadline: self.exchange.deadline,
            setting: match (self.exchange.resumes, self.exchange.pool) {
                (true, _) => None,
                (false, PoolKind::LongPoll) => Some("first_answer_timeout"),
                (false, PoolKind::Short) => Some("request_timeout"),
            },
        }
    }

    pub(super) async fn run(&self) -> Result<Reply, ClientError> {
        #[cfg(feature = "tls")]
        if let (Some(pool), PoolKind::LongPoll) = (&self.endpoint.http2, self.exchange.pool) {
            return self.over_http2(pool).await;
        }
        self.over_awc().await
    }

    /// Boxed, since awc's state of a request is large, and most watches do not use awc.
    fn over_awc(&self) -> LocalBoxFuture<'_, Result<Reply, ClientError>> {
        Box::pin(self.send_by_awc())
    }

    async fn send_by_awc(&self) -> Result<Reply, ClientError> {
        let request = self.awc_request()?;
        let sent = if self.exchange.body.is_empty() && self.exchange.method != Method::PUT {
            request.send()
        } else {
            request.send_body(self.exchange.body.clone())
        };
        let response = match timeout(self.left(), sent).await {
            Err(_) => return Err(self.overdue(Stage::Headers)),
            Ok(Err(error)) => {
                return Err(awc_error::failed(
                    self.target(),
                    error,
                    self.started.elapsed(),
                ));
            }
            Ok(Ok(response)) => response,
        };
        self.finish(response.status(), response).await
    }

    /// Reads the answer. The status decides before the body is read for data.
    async fn finish(
        &self,
        status: StatusCode,
        mut answer: impl ResponseBody,
    ) -> Result<Reply, ClientError> {
        if !status.is_success() && !(self.exchange.accept)(status, answer.headers()) {
            let read = timeout(
                ERROR_TEXT_TIMEOUT.min(self.left()),
                answer.read_start(MAX_ERROR_TEXT),
            );
            let said = read.await.unwrap_or_default();
            return Err(self.refused(status, answer.headers(), &said));
        }
        if self.exchange.pool == PoolKind::Short {
            kv_warning::log(answer.headers(), &self.target());
        }
        let limit = self.exchange.max_body_size;
        let mut permit = self.config.answer_budget(limit).permit();
        let waited = permit.waited();
        match within(self.left(), &waited, answer.read(&mut permit)).await {
            Err(Late) => Err(self.overdue(Stage::Body)),
            Ok(Err(error)) => Err(error.into_error(self.target())),
            Ok(Ok(body)) => Ok(Reply {
                target: self.target(),
                status,
                meta: ResponseMeta::read(answer.headers()),
                body,
            }),
        }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, said: &[u8]) -> ClientError {
        let target = self.target();
        // A page may repeat the request: the token, and the credentials in either form.
        let credentials = self.config.basic_auth().map(|auth| {
            let sent = STANDARD.encode(format!("{}:{}", auth.user, auth.password.expose()));
            [auth.password.clone(), Secret::from(sent)]
        });
        let credentials = credentials.as_ref().map_or(&[][..], |both| both);
        let secrets: Vec<&Secret> = self.token.into_iter().chain(credentials).collect();
        let text = if status.is_redirection() {
            "a redirect, which is not followed since it would carry the token away".to_owned()
        } else {
            error_body::sanitized(said, &secrets)
        };
        let from_consul = !error_body::is_html(said) && !status.is_redirection();
        let status = status.as_u16();
        if matches!(status, 401 | 403 | 407) {
            return ClientError::Denied {
                target,
                status,
                text,
            };
        }
        if status == 429 && text.contains(CONNECTION_LIMIT) {
            return ClientError::ConnectionLimit { target, text };
        }
        if let Some(key) = refused_name(self.exchange.path, status, said) {
            return ClientError::KeyName { target, key, text };
        }
        ClientError::Status {
            target,
            status,
            text,
            retry_after: retry_after(headers),
            from_consul,
        }
    }

    fn awc_request(&self) -> Result<ClientRequest, ClientError> {
        let client = match self.exchange.pool {
            PoolKind::LongPoll => &self.endpoint.long_poll,
            PoolKind::Short => &self.endpoint.short,
        };
        let mut request =
            client.request(self.exchange.method.clone(), self.uri(&self.endpoint.base)?);
        if !self.config.gzip() {
            request = request
                .no_decompress()
                .insert_header((header::ACCEPT_ENCODING, "identity"));
        }
        if self.closes {
            request = request.force_close();
        }
        if self.exchange.body.len() > EXPECT_CONTINUE_ABOVE {
            request = request.insert_header((header::EXPECT, "100-continue"));
        }
        for (name, value) in self.credentials()? {
            request = request.insert_header((name, value));
        }
        Ok(request)
    }

    fn uri(&self, base: &str) -> Result<Uri, ClientError> {
        let url = [base, self.exchange.path, self.exchange.query].concat();
        Uri::try_from(url)
            .map_err(|error| self.unbuildable(format!("its URL is not valid: {error}")))
    }

    fn unbuildable(&self, reason: String) -> ClientError {
        ClientError::Build {
            target: self.target(),
            reason,
        }
    }

    /// The headers with credentials, marked so that they are neither printed nor compressed.
    fn credentials(&self) -> Result<Vec<(&'static str, HeaderValue)>, ClientError> {
        let mut headers = Vec::new();
        let mut add = |name, text: &str, what: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                self.unbuildable(format!(
                    "its {what} has a character that an HTTP header cannot carry"
                ))
            })?;
            value.set_sensitive(true);
            headers.push((name, value));
            Ok(())
        };
        if self.token.is_some() || self.config.basic_auth().is_some() {
            self.endpoint.warn_of_token();
        }
        if let Some(token) = self.token {
            add("x-consul-token", token.expose(), "token")?;
        }
        if let Some(auth) = self.config.basic_auth() {
            let both = Secret::from(format!("{}:{}", auth.user, auth.password.expose()));
            let sent = Secret::from(format!("Basic {}", STANDARD.encode(both.expose())));
            add("authorization", sent.expose(), "basic authentication")?;
        }
        Ok(headers)
    }
}

/// The end of a time limit.
struct Late;

/// Awaits a future for this time. The time in which it waits for room in the budget does not count.
async fn within<T>(
    left: Duration,
    waited: &Waited,
    future: impl Future<Output = T>,
) -> Result<T, Late> {
    let mut future = pin!(future);
    let mut end = Instant::now() + left;
    loop {
        if let Ok(ready) = timeout_at(end, &mut future).await {
            return Ok(ready);
        }
        let paused = waited.take();
        if paused.is_zero() {
            return Err(Late);
        }
        end = Instant::now() + paused;
    }
}

/// Returns the key or prefix whose name Consul refused, if it did.
fn refused_name(path: &str, status: u16, said: &[u8]) -> Option<String> {
    let name = path.strip_prefix("/v1/kv/")?;
    let is_refused = status == 500 && said.starts_with(b"invalid key name");
    is_refused.then(|| percent_decode_str(name).decode_utf8_lossy().into_owned())
}

/// An answer whose body is still to come, over either kind of connection.
trait ResponseBody {
    fn headers(&self) -> &HeaderMap;
    async fn read_start(&mut self, enough: usize) -> Vec<u8>;
    async fn read(&mut self, permit: &mut BodyPermit) -> Result<Bytes, BodyError>;
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> ResponseBody
    for awc::ClientResponse<S>
{
    fn headers(&self) -> &HeaderMap {
        awc::ClientResponse::headers(self)
    }

    async fn read_start(&mut self, enough: usize) -> Vec<u8> {
        body::read_start(self, enough).await
    }

    async fn read(&mut self, permit: &mut BodyPermit) -> Result<Bytes, BodyError> {
        let declared = body::declared_length(ResponseBody::headers(self));
        body::read(declared, self, permit).await
    }
}
