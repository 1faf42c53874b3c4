//! An attempt over one of the shared HTTP/2 connections.

use awc::http::header::{self, HeaderMap, HeaderValue};
use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

use super::{Attempt, ResponseBody};
use crate::client::{
    awc_error,
    body::BodyError,
    endpoint::USER_AGENT,
    error::{ClientError, Stage},
    exchange::Reply,
    http2::{self, ConnectionPool},
};

impl Attempt<'_> {
    pub(super) async fn over_http2(&self, pool: &ConnectionPool) -> Result<Reply, ClientError> {
        let uri = self.uri(&self.endpoint.label)?;
        let credentials = self.credentials()?;
        let gzip = self.config.gzip();
        let request = move || {
            let mut request = Request::new(());
            *request.uri_mut() = uri.clone();
            let headers = request.headers_mut();
            headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
            let encoding = if gzip { "gzip" } else { "identity" };
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
            for (name, value) in &credentials {
                headers.insert(*name, value.clone());
            }
            request
        };
        match timeout(self.left(), http2::Response::of(pool, request)).await {
            Err(_) => Err(self.overdue(Stage::Headers)),
            Ok(Err(error)) => Err(awc_error::failed_http2(
                self.target(),
                error,
                self.started.elapsed(),
            )),
            Ok(Ok(None)) => self.over_awc().await,
            Ok(Ok(Some(answer))) => {
                // Boxed, so that the wait before it takes no room for the reading.
                Box::pin(self.finish(answer.status, answer)).await
            }
        }
    }
}

impl ResponseBody for http2::Response {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    async fn read_start(&mut self, enough: usize) -> Vec<u8> {
        http2::Response::read_start(self, enough).await
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        http2::Response::read(self, limit).await
    }
}
