//! An attempt over one of the shared connections.

use awc::http::header::{self, HeaderMap, HeaderValue};
use bytes::Bytes;
use http::Request;
use tokio::time::timeout;

use super::{Attempt, ReadBody};
use crate::client::{
    body::BodyFault,
    endpoint::USER_AGENT,
    error::{ClientError, Stage},
    http2::{Incoming, Lanes},
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
        match timeout(self.left(), Incoming::of(lanes, request)).await {
            Err(_) => Err(self.overdue(Stage::Headers)),
            Ok(Err(fault)) => Err(wire::failed_http2(self.target(), fault, self.started.elapsed())),
            Ok(Ok(None)) => self.over_awc().await,
            Ok(Ok(Some(answer))) => {
                let (status, headers) = (answer.status, answer.headers.clone());
                // Boxed: what reading takes is not kept through the wait before it.
                Box::pin(self.finish(status, headers, answer)).await
            }
        }
    }
}

impl ReadBody for Incoming {
    async fn start(&mut self, enough: usize) -> Vec<u8> {
        self.read_start(enough).await
    }

    async fn whole(&mut self, _: &HeaderMap, limit: usize) -> Result<Bytes, BodyFault> {
        self.read(limit).await
    }
}
