//! The agent of a storm: its services, and what disturbs the views of its streaming backend.

use consul_watch_harness::{Http, TestAgent};
use serde_json::{Value, json};

/// The token with all rights.
const ROOT: &str = "6a1253d2-1785-24fd-91c2-f8e78c745511";

/// The rights of the watches.
const RULES: &str = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;

/// The kind of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A snapshot is restored again and again.
    Restores,
    /// The policy of the watches' token is updated by rules that do not concern them.
    Policies,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Restores => "restores",
            Self::Policies => "policies",
        }
    }
}

/// An agent with services, each on the same nodes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) agent: TestAgent,
    kind: Kind,
    /// The token of the watches.
    pub(super) token: Option<String>,
    policy: String,
    snapshot: Vec<u8>,
    rounds: usize,
}

impl World {
    pub(super) fn start(kind: Kind, watches: usize, nodes: &[String]) -> Result<Self, String> {
        let mut builder =
            TestAgent::builder().config("limits { http_max_conns_per_client = 2000 }");
        if kind == Kind::Policies {
            builder = builder.token(ROOT).config(format!(
                r#"acl {{ enabled = true default_policy = "deny" tokens {{ master = "{ROOT}" }} }}"#
            ));
        }
        let agent = builder.try_start().map_err(|error| error.to_string())?;
        for watch in 0..watches {
            for (number, node) in nodes.iter().enumerate() {
                agent.register_in_catalog(&json!({
                    "Node": node,
                    "Address": format!("127.0.1.{number}"),
                    "SkipNodeUpdate": watch > 0,
                    "Service": { "ID": service(watch), "Service": service(watch), "Port": 80 },
                }));
            }
        }
        let (mut token, mut policy) = (None, String::new());
        if kind == Kind::Policies {
            let body = json!({ "Name": "watches", "Rules": RULES });
            policy = text(&agent.put_json("/v1/acl/policy", &body), "ID")?;
            let body = json!({ "Policies": [{ "Name": "watches" }] });
            token = Some(text(&agent.put_json("/v1/acl/token", &body), "SecretID")?);
        }
        let mut world = Self {
            agent,
            kind,
            token,
            policy,
            snapshot: Vec::new(),
            rounds: 0,
        };
        world.save();
        Ok(world)
    }

    /// A client with the rights of the watches.
    pub(super) fn reader(&self) -> Http {
        let http = Http::new(self.agent.http_addr());
        match &self.token {
            Some(token) => http.with_token(token.clone()),
            None => http,
        }
    }

    fn save(&mut self) {
        if self.kind == Kind::Restores {
            self.snapshot = self.agent.request("GET", "/v1/snapshot", &[], b"").body;
        }
    }

    /// Disturbs all views once.
    pub(super) fn disturb(&mut self) -> Result<(), String> {
        self.rounds += 1;
        let (target, body) = match self.kind {
            Kind::Restores => ("/v1/snapshot".to_owned(), self.snapshot.clone()),
            Kind::Policies => {
                let rules = format!(
                    r#"{RULES} key "other{}" {{ policy = "read" }}"#,
                    self.rounds
                );
                let body = json!({ "Name": "watches", "Rules": rules }).to_string();
                let target = format!("/v1/acl/policy/{}", self.policy);
                (target, body.into_bytes())
            }
        };
        let reply = self.agent.request("PUT", &target, &[], &body);
        match reply.status {
            200 => Ok(()),
            status => Err(format!("PUT {target}: {status} {}", reply.text())),
        }
    }

    /// Removes an instance, which later restores do not bring back.
    pub(super) fn remove(&mut self, watch: usize, node: &str) {
        let entry = json!({ "Node": node, "ServiceID": service(watch) });
        self.agent.deregister_from_catalog(&entry);
        self.save();
    }
}

/// The name of a watch's service.
pub(super) fn service(watch: usize) -> String {
    format!("s{watch}")
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("Consul's answer has no {name}: {value}"))
}
