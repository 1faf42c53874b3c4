//! [`LeaderProbe`]: the loss of the leader, which an answer of the streaming backend does not show.
//!
//! A query that the streaming backend holds needs no leader, so it stays open, and its data goes stale, while all
//! others are refused
//! (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>). One probe asks
//! [`/v1/status/leader`](https://developer.hashicorp.com/consul/api-docs/status#get-raft-leader) for all queries of
//! an address and a datacenter in this process, whatever their number. When there has been no leader for
//! [`ELECTION_TIMEOUT`], the queries end with [`ClientError::NoLeader`].

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use awc::http::Method;
use bytes::Bytes;
use dashmap::DashMap;
use futures_util::future::LocalBoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    blocking::no_status_is_absence,
    consistency::Consistency,
    consul_client::ConsulClient,
    error::ClientError,
    exchange::{Exchange, PoolKind},
    json::decode,
    request::QueryRequest,
    url::encoded,
};

/// The interval between two probes (ours).
const INTERVAL: Duration = Duration::from_secs(5);

/// The interval while there is no leader (ours).
const INTERVAL_WITHOUT_LEADER: Duration = Duration::from_secs(2);

/// The time without a leader that ends the queries: as long as Consul holds other queries for an election
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#rpc_hold_timeout>).
const ELECTION_TIMEOUT: Duration = Duration::from_secs(7);

const PATH: &str = "/v1/status/leader";

/// The endpoint that the streaming backend serves.
const STREAMED: &str = "/v1/health/service/";

/// The probes of the addresses and datacenters that this process has watched. They are few, so none is ever removed.
static PROBES: LazyLock<DashMap<(String, Option<String>), LeaderProbe>> =
    LazyLock::new(DashMap::new);

/// The probe of one address and datacenter. A clone shares it.
#[derive(Clone)]
struct LeaderProbe(Arc<Shared>);

struct Shared {
    /// The reason, sent each time that a probe finds no leader.
    lost: watch::Sender<Arc<str>>,
    is_running: AtomicBool,
}

impl Default for LeaderProbe {
    fn default() -> Self {
        Self(Arc::new(Shared {
            lost: watch::Sender::new("".into()),
            is_running: AtomicBool::new(false),
        }))
    }
}

impl ConsulClient {
    /// Returns a future that resolves when the servers that hold this query have no leader; `None` where the query's
    /// own answer shows it.
    pub(super) fn leader_loss(
        &self,
        request: &QueryRequest,
    ) -> Option<LocalBoxFuture<'static, ClientError>> {
        let config = self.config();
        let consistency = request.consistency(config);
        if !self.may_stream()
            || request.held(config).is_none()
            || !request.path().starts_with(STREAMED)
            || matches!(consistency, Consistency::Stale { .. })
        {
            return None;
        }
        let datacenter = request.datacenter(config).map(str::to_owned);
        let key = (self.label(), datacenter);
        let probe = PROBES.entry(key.clone()).or_default().clone();
        let mut lost = probe.0.lost.subscribe();
        if !probe.0.is_running.swap(true, Ordering::AcqRel) {
            let running = Running(probe);
            actix_rt::spawn(running.probe(self.clone(), key.1));
        }
        let target = format!("GET {}{PATH}", key.0);
        Some(Box::pin(async move {
            // The sender is never dropped.
            if lost.changed().await.is_err() {
                return std::future::pending().await;
            }
            let reason = lost.borrow().to_string();
            ClientError::NoLeader { target, reason }
        }))
    }

    /// Returns why there is no leader, if that is known.
    async fn no_leader(&self, datacenter: Option<&str>) -> Option<String> {
        let query: Vec<_> = datacenter
            .map(|datacenter| ("dc".to_owned(), datacenter.to_owned()))
            .into_iter()
            .collect();
        let reply = self
            .exchange(Exchange {
                method: Method::GET,
                path: PATH,
                query: &encoded(&query),
                body: Bytes::new(),
                pool: PoolKind::Short,
                // The address that holds the queries.
                resumes: true,
                deadline: self.config().request_timeout(),
                max_body_size: self.config().max_body_size(),
                token: None,
                accept: no_status_is_absence,
            })
            .await;
        match reply {
            Ok(reply) => {
                let leader: Option<String> = decode(&reply.target, &reply.body).ok();
                let is_none = leader.is_some_and(|leader| leader.is_empty());
                is_none.then(|| "no server knows one".to_owned())
            }
            Err(error) if error.is_outage() => Some(error.to_string()),
            // A proxy may forward other paths only.
            Err(_) => None,
        }
    }
}

/// The task that probes. Dropping it lets the next query start another one, also if its thread has ended.
struct Running(LeaderProbe);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.is_running.store(false, Ordering::Release);
    }
}

impl Running {
    /// Probes until no query is left.
    async fn probe(self, client: ConsulClient, datacenter: Option<String>) {
        let lost = &self.0.0.lost;
        let mut since: Option<Instant> = None;
        loop {
            sleep(if since.is_some() {
                INTERVAL_WITHOUT_LEADER
            } else {
                INTERVAL
            })
            .await;
            if lost.receiver_count() == 0 {
                return;
            }
            let Some(reason) = client.no_leader(datacenter.as_deref()).await else {
                since = None;
                continue;
            };
            if since.get_or_insert_with(Instant::now).elapsed() >= ELECTION_TIMEOUT {
                lost.send_replace(reason.into());
            }
        }
    }
}
