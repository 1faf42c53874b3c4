//! [`RequestTemplate`]: sends one state to the URL.

use std::time::{Duration, SystemTime};

use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::{
    Client, Connector,
    error::SendRequestError,
    http::{
        Method, Uri,
        header::{HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::{
    error::{DeliveryError, WebhookError},
    options::Webhook,
    reserved::{INDEX, KEY, REPEATED, SIGNATURE, is_reserved},
    signature::Signed,
    target_url::TargetUrl,
    unreachable::unreachable,
};
use crate::client::{
    Scheme, Secret, USER_AGENT, plain, proxy_variables, read_start, retry_after, warnings,
};
#[cfg(feature = "tls")]
use crate::client::{TlsClient, TlsConnector, TlsSettings, secure};
use crate::handlers::payload_kind::PayloadKind;

/// The limits for reading a response, whose text is not used.
const ANSWER_TEXT: usize = 4096;
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The parts that all requests share, checked. It may be sent to another thread.
pub(super) struct RequestTemplate {
    method: Method,
    url: TargetUrl,
    headers: Vec<(HeaderName, HeaderValue)>,
    signature: Option<Secret>,
    timeout: Duration,
    #[cfg(feature = "tls")]
    dialer: Option<TlsConnector>,
    /// The warnings of unsafe settings.
    warnings: Vec<String>,
}

/// A state, ready to be sent.
#[derive(Debug, Clone)]
pub(in crate::handlers) struct WebhookBody {
    pub(super) index: u64,
    pub(super) idempotency_key: String,
    pub(super) bytes: Bytes,
    /// Whether the state may have been sent before this process or this handler started.
    pub(super) is_repeat: bool,
}

impl RequestTemplate {
    /// Checks the settings, and reads the TLS files.
    pub(super) fn new(webhook: &Webhook) -> Result<Self, WebhookError> {
        let url = TargetUrl::read(webhook.url.expose())?;
        let method = Method::from_bytes(webhook.method.as_bytes());
        let method = method.map_err(|_| WebhookError::Method {
            method: shorten(&webhook.method),
        })?;
        if webhook.timeout.is_zero() {
            return Err(WebhookError::Timeout);
        }
        if webhook.signature.as_ref().is_some_and(Secret::is_empty) {
            return Err(WebhookError::EmptyKey);
        }
        let mut headers = Vec::new();
        for (name, value) in &webhook.headers {
            headers.push(header(name, value)?);
        }
        let mut default = |name, value: &str| {
            if !headers.iter().any(|(given, _)| *given == name)
                && let Ok(mut value) = HeaderValue::from_str(value)
            {
                value.set_sensitive(true);
                headers.push((name, value));
            }
        };
        let content_type = match webhook.options.payload {
            PayloadKind::State => "application/json",
            PayloadKind::Changes => "application/x-ndjson",
        };
        default(HeaderName::from_static("content-type"), content_type);
        default(HeaderName::from_static("user-agent"), USER_AGENT);
        default(HeaderName::from_static("accept-encoding"), "identity");
        if let Some(authorization) = &url.authorization {
            default(
                HeaderName::from_static("authorization"),
                authorization.expose(),
            );
        }
        Ok(Self {
            method,
            headers,
            signature: webhook.signature.clone(),
            timeout: webhook.timeout,
            #[cfg(feature = "tls")]
            dialer: dialer(webhook, &url)?,
            warnings: webhook.warnings(),
            #[cfg(not(feature = "tls"))]
            url: if url.address.scheme() == Scheme::Http {
                url
            } else {
                return Err(WebhookError::Unsupported);
            },
            #[cfg(feature = "tls")]
            url,
        })
    }

    /// Returns the scheme, host and port of the URL.
    pub(super) fn target(&self) -> String {
        self.url.address.to_string()
    }

    /// Warns of what is unsafe about the calls, once in the life of the process.
    pub(super) fn warn(&self) {
        proxy_variables::warn(&self.url.address, "the `path` of the handler");
        for warning in &self.warnings {
            warnings::once(warning);
        }
    }

    /// Creates the client of this thread.
    pub(super) fn client(&self) -> Client {
        #[cfg(feature = "tls")]
        if let Some(dialer) = &self.dialer {
            return finish(secure(dialer), self.timeout);
        }
        finish(plain(&self.url.address), self.timeout)
    }

    /// Sends one state, and returns the status of a success. After a failed TLS handshake, the certificates are read
    /// again, and if they have changed, it is sent once more.
    pub(super) async fn send(
        &self,
        client: &Client,
        body: &WebhookBody,
    ) -> Result<u16, DeliveryError> {
        let started = Instant::now();
        #[cfg(feature = "tls")]
        if let Some(dialer) = &self.dialer {
            let edition = dialer.tls().edition();
            return match self.send_once(client, body, started).await {
                Err(DeliveryError::Handshake { .. }) if dialer.tls().read_again(edition) => {
                    self.send_once(client, body, started).await
                }
                sent => sent,
            };
        }
        self.send_once(client, body, started).await
    }

    async fn send_once(
        &self,
        client: &Client,
        body: &WebhookBody,
        started: Instant,
    ) -> Result<u16, DeliveryError> {
        let left = self.timeout.saturating_sub(started.elapsed());
        let mut request = client
            .request(self.method.clone(), self.url.uri.clone())
            .no_decompress();
        for (name, value) in &self.headers {
            request = request.append_header((name.clone(), value.clone()));
        }
        request = request
            .insert_header((INDEX, body.index))
            .insert_header((KEY, body.idempotency_key.as_str()))
            .insert_header((REPEATED, if body.is_repeat { "1" } else { "0" }));
        if let Some(key) = &self.signature {
            let signed = Signed {
                time: SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_secs(),
                method: self.method.as_str(),
                target: self.url.request_target(),
                index: body.index,
                idempotency_key: &body.idempotency_key,
                body: &body.bytes,
            };
            if let Some(signature) = signed.header(key) {
                request = request.insert_header((SIGNATURE, signature));
            }
        }
        let late = || DeliveryError::Timeout {
            target: self.target(),
            timeout: self.timeout,
        };
        let mut answer = match timeout(left, request.send_body(body.bytes.clone())).await {
            Err(_) | Ok(Err(SendRequestError::Timeout)) => return Err(late()),
            Ok(Err(error)) => return Err(unreachable(self.target(), error)),
            Ok(Ok(answer)) => answer,
        };
        // Read in any case, so that the connection can be used for the next call. Nothing of it is kept: it may repeat
        // the URL, the headers or the state.
        let left = ANSWER_TIME.min(self.timeout.saturating_sub(started.elapsed()));
        let _ = timeout(left, read_start(&mut answer, ANSWER_TEXT)).await;
        if answer.status().is_success() {
            Ok(answer.status().as_u16())
        } else {
            Err(DeliveryError::Status {
                target: self.target(),
                status: answer.status().as_u16(),
                retry_after: retry_after(answer.headers()),
            })
        }
    }
}

#[cfg(feature = "tls")]
fn dialer(webhook: &Webhook, url: &TargetUrl) -> Result<Option<TlsConnector>, WebhookError> {
    if url.address.scheme() != Scheme::Https {
        return Ok(None);
    }
    let tls = TlsClient::new(&TlsSettings::of_handler(
        webhook.ca_file.clone(),
        webhook.verify,
    ))?;
    Ok(Some(TlsConnector::new(&tls, url.address.host_and_port())?))
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), WebhookError> {
    let known = HeaderName::from_bytes(name.as_bytes());
    let known = known.map_err(|_| WebhookError::HeaderName {
        name: shorten(name),
    })?;
    if is_reserved(known.as_str()) {
        return Err(WebhookError::Reserved {
            name: shorten(name),
        });
    }
    let value = HeaderValue::from_bytes(value.expose().as_bytes());
    let mut value = value.map_err(|_| WebhookError::HeaderValue {
        name: shorten(name),
    })?;
    value.set_sensitive(true);
    Ok((known, value))
}

fn finish<S, Io>(connector: Connector<S>, patience: Duration) -> Client
where
    Io: actix_rt::net::ActixStream + std::fmt::Debug + 'static,
    S: actix_service::Service<
            ConnectInfo<Uri>,
            Response = Connection<Uri, Io>,
            Error = ConnectError,
        > + Clone
        + 'static,
{
    // A call has its own timeout, which awc's must not precede.
    let connector = connector.timeout(patience);
    Client::builder()
        .connector(connector)
        .disable_timeout()
        .disable_redirects()
        .finish()
}

fn shorten(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(change: impl FnOnce(Webhook) -> Webhook) -> WebhookError {
        let made = RequestTemplate::new(&change(Webhook::new("http://host/hunter2")));
        let Err(error) = made else {
            panic!("it cannot be called so")
        };
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
        error
    }

    #[test]
    fn headers_and_methods_cannot_end_a_line() {
        for name in ["", "a b", "a:", "a\r\nb", "ä", "a\0"] {
            assert!(
                matches!(
                    fails(|webhook| webhook.header(name, "x")),
                    WebhookError::HeaderName { .. }
                ),
                "{name:?}"
            );
        }
        for value in ["hunter2\r\nX-Evil: 1", "hunter2\n", "hunter2\0"] {
            assert!(matches!(
                fails(|webhook| webhook.header("a", value)),
                WebhookError::HeaderValue { .. }
            ));
        }
        for method in ["", "PO ST", "POST / HTTP/1.1\r\n"] {
            assert!(
                matches!(
                    fails(|webhook| webhook.method(method)),
                    WebhookError::Method { .. }
                ),
                "{method:?}"
            );
        }
        assert!(
            RequestTemplate::new(
                &Webhook::new("http://host")
                    .method("PATCH")
                    .header("A", "ä\tb")
                    .header("A", "")
            )
            .is_ok()
        );
    }

    #[test]
    fn headers_of_the_handler_cannot_be_set() {
        for name in [
            "Content-Length",
            "X-Consul-Index",
            "idempotency-key",
            "Transfer-Encoding",
        ] {
            assert!(
                matches!(
                    fails(|webhook| webhook.header(name, "hunter2")),
                    WebhookError::Reserved { .. }
                ),
                "{name}"
            );
        }
        assert!(matches!(
            fails(|webhook| webhook.timeout(Duration::ZERO)),
            WebhookError::Timeout
        ));
        assert!(matches!(
            fails(|webhook| webhook.sign_with("")),
            WebhookError::EmptyKey
        ));
    }

    #[test]
    fn a_header_that_is_set_replaces_the_default() {
        let template = RequestTemplate::new(
            &Webhook::new("http://host")
                .header("Content-Type", "text/x")
                .header("user-agent", "me"),
        );
        let template = template.unwrap_or_else(|error| panic!("{error}"));
        let all = |name: &str| {
            template
                .headers
                .iter()
                .filter(|(given, _)| given == name)
                .count()
        };
        assert_eq!(
            (
                all("content-type"),
                all("user-agent"),
                template.headers.len()
            ),
            (1, 1, 3)
        );
    }
}
