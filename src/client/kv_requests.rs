//! Requests of [`ConsulClient`] that do not block: those of the KV store.

use awc::http::{Method, StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{
    answer::QueryAnswer,
    blocking::no_status_is_absence,
    consul_client::ConsulClient,
    error::ClientError,
    exchange::{Exchange, PoolKind},
    json::decode,
    request::QueryRequest,
    secret::Secret,
    url::encoded,
};

impl ConsulClient {
    /// Sends one read, over the connections for short calls.
    pub(crate) async fn read(&self, request: &QueryRequest) -> Result<QueryAnswer, ClientError> {
        self.query(request, PoolKind::Short).await
    }

    /// Sends one write; returns whether Consul did it.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        query: &[(String, String)],
        body: Bytes,
    ) -> Result<bool, ClientError> {
        let reply = self
            .exchange(Exchange {
                method,
                path,
                query: &encoded(query),
                body,
                pool: PoolKind::Short,
                resumes: false,
                deadline: self.config().request_timeout(),
                max_body_size: self.config().max_body_size(),
                token: None,
                accept: no_status_is_absence,
            })
            .await?;
        decode(&reply.target, &reply.body)
    }

    /// Sends a transaction
    /// ([transaction API](https://developer.hashicorp.com/consul/api-docs/txn)); one that was rolled back is an
    /// answer, too.
    pub(crate) async fn transact<T: DeserializeOwned>(
        &self,
        query: &[(String, String)],
        token: Option<&Secret>,
        body: Bytes,
    ) -> Result<T, ClientError> {
        self.transact_over(PoolKind::Short, query, token, body)
            .await
    }

    /// [`transact`](Self::transact) over either kind of connections.
    pub(crate) async fn transact_over<T: DeserializeOwned>(
        &self,
        pool: PoolKind,
        query: &[(String, String)],
        token: Option<&Secret>,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let reply = self
            .exchange(Exchange {
                method: Method::PUT,
                path: "/v1/txn",
                query: &encoded(query),
                body,
                pool,
                resumes: false,
                deadline: self.config().request_timeout(),
                max_body_size: self.config().max_body_size(),
                token,
                accept: |status, _| status == StatusCode::CONFLICT,
            })
            .await?;
        decode(&reply.target, &reply.body)
    }
}
