//! An attempt over one of the shared connections.

use awc::http::header::{self, HeaderMap, HeaderValue};
use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

use super::{Attempt, Incoming};
use crate::client::{
    body::BodyFault,
    endpoint::USER_AGENT,
    error::{ClientError, Stage},
    http2::{self, Lanes},
    transport::Reply,
    wire,
};

impl Attempt<'_> {
    pub(super) async fn over_http2(&self, lanes: &Lanes) -> Result<Reply, ClientError> {
        let uri = self.uri(&self.endpoint.shown)?;
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
        match timeout(self.left(), http2::Incoming::of(lanes, request)).await {
            Err(_) => Err(self.overdue(Stage::Headers)),
            Ok(Err(fault)) => Err(wire::failed_http2(
                self.target(),
                fault,
                self.started.elapsed(),
            )),
            Ok(Ok(None)) => self.over_awc().await,
            Ok(Ok(Some(answer))) => {
                // Boxed: what reading takes is not kept through the wait before it.
                Box::pin(self.finish(answer.status, answer)).await
            }
        }
    }
}

impl Incoming for http2::Incoming {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    async fn read_start(&mut self, enough: usize) -> Vec<u8> {
        http2::Incoming::read_start(self, enough).await
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        http2::Incoming::read(self, limit).await
    }
}
