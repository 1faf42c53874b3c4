//! The faults of the network and of the agent.

use std::time::Duration;

use consul_watch_harness::random::{Choices, Rng};
use consul_watch_harness::{Canned, Cut, FaultProxy, Refusal, ResponseFault, Rule};

use crate::writer::{FOLDERS, KEYS};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Refused,
    ResetAtOnce,
    Cut,
    Silenced,
    BodyCut,
    BodyStalled,
    Dripped,
    Status429,
    Status500,
    Status503,
    HtmlPage,
    GatewayNotFound,
    IndexLowered,
    IndexDropped,
    BadJson,
    BadBase64,
    NothingAsJson,
    AgentPaused,
    AgentKilled,
    AgentEmptied,
    ServerPaused,
    LeaderPaused,
    MajorityPaused,
    ServerKilled,
    LeaderKilled,
    ServersRolled,
    PolicyTouched,
    RightsCut,
    RightsGranted,
    SnapshotRestored,
}

/// The faults of the network, each as likely as any other.
const NETWORK: [Fault; 17] = [
    Fault::Refused,
    Fault::ResetAtOnce,
    Fault::Cut,
    Fault::Silenced,
    Fault::BodyCut,
    Fault::BodyStalled,
    Fault::Dripped,
    Fault::Status429,
    Fault::Status500,
    Fault::Status503,
    Fault::HtmlPage,
    Fault::GatewayNotFound,
    Fault::IndexLowered,
    Fault::IndexDropped,
    Fault::BadJson,
    Fault::BadBase64,
    Fault::NothingAsJson,
];

impl Fault {
    /// Returns a random one of the network.
    pub(crate) fn of_network(random: &mut Rng) -> Self {
        random.pick(&NETWORK)
    }

    pub(crate) fn is_of_agents(self) -> bool {
        !NETWORK.contains(&self)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refused => "connections refused",
            Self::ResetAtOnce => "connections reset at once",
            Self::Cut => "connections cut",
            Self::Silenced => "silence",
            Self::BodyCut => "body cut short",
            Self::BodyStalled => "body stalled",
            Self::Dripped => "bytes dripped",
            Self::Status429 => "429",
            Self::Status500 => "500",
            Self::Status503 => "503",
            Self::HtmlPage => "HTML page",
            Self::GatewayNotFound => "404 of a gateway",
            Self::IndexLowered => "index lowered",
            Self::IndexDropped => "index dropped",
            Self::BadJson => "invalid JSON",
            Self::BadBase64 => "invalid base64",
            Self::NothingAsJson => "empty list or null",
            Self::AgentPaused => "agent paused",
            Self::AgentKilled => "agent killed",
            Self::AgentEmptied => "agent emptied",
            Self::ServerPaused => "server paused",
            Self::LeaderPaused => "leader paused",
            Self::MajorityPaused => "majority paused",
            Self::ServerKilled => "server killed",
            Self::LeaderKilled => "leader killed",
            Self::ServersRolled => "servers rolled",
            Self::PolicyTouched => "policy updated harmlessly",
            Self::RightsCut => "rights cut",
            Self::RightsGranted => "rights granted again",
            Self::SnapshotRestored => "snapshot restored",
        }
    }

    /// Injects a fault of the network; `pass` of the proxy ends it.
    pub(crate) fn inject(self, proxy: &FaultProxy, random: &mut Rng) {
        let how = if random.one_in(2) {
            Cut::Reset
        } else {
            Cut::Fin
        };
        match self {
            Self::Refused => {
                proxy.refuse(Refusal::Closed);
                proxy.cut(how);
            }
            Self::ResetAtOnce => {
                proxy.refuse(Refusal::Reset);
                proxy.cut(Cut::Reset);
            }
            Self::Cut => drop(proxy.cut(how)),
            Self::Silenced => proxy.silence(),
            response => proxy.inject(response.rule(how, random)),
        }
    }

    fn rule(self, how: Cut, random: &mut Rng) -> Rule {
        let folder = random.pick(&FOLDERS);
        let key = random.pick(&KEYS);
        // A pair outside the query would be ignored.
        let (target, pair) = if random.one_in(2) {
            (folder, format!("{folder}/1"))
        } else {
            (key, key.to_owned())
        };
        // An empty list is no wrong answer to what may be empty.
        let kind = match self {
            Self::BadBase64 | Self::NothingAsJson => "/v1/kv/torture",
            _ => random.pick(&["/v1/kv/torture", "/v1/health/", "/v1/catalog/"]),
        };
        let after = random.usize(..300);
        let fault = match self {
            Self::BodyCut => ResponseFault::CutBody { after, how },
            Self::BodyStalled => ResponseFault::Stall { after },
            Self::Dripped => ResponseFault::Drip {
                bytes: 1 + random.usize(..40),
                every: Duration::from_millis(1 + random.u64(..5)),
            },
            Self::Status429 => ResponseFault::Replace(
                Canned::new(429, "slow down")
                    .header("Retry-After", if random.one_in(2) { "1" } else { "0" }),
            ),
            Self::Status500 => {
                ResponseFault::status(500, "rpc error making call: No cluster leader")
            }
            Self::Status503 => ResponseFault::status(503, "no healthy upstream"),
            Self::HtmlPage => ResponseFault::html(
                random.pick(&[200, 404, 502]),
                "<html><body>down for maintenance</body></html>",
            ),
            Self::GatewayNotFound => ResponseFault::status(404, ""),
            Self::IndexLowered => ResponseFault::index(random.u64(..60)),
            Self::IndexDropped => ResponseFault::no_index(),
            Self::BadJson if kind == "/v1/kv/torture" => json(random.pick(&[
                "[{\"Key\":\"torture/p0/1\",\"Val",
                "{}",
                "[1]",
                "]",
                "[{\"LockIndex\":0}]",
            ])),
            // For services `{}` is true when there is none.
            Self::BadJson => json(random.pick(&["[{\"Node\":\"torture", "[1]", "]"])),
            Self::BadBase64 => json(&format!(
                r#"[{{"LockIndex":0,"Key":"{pair}","Flags":0,"Value":"***","CreateIndex":5,"ModifyIndex":6}}]"#
            )),
            _ => json(random.pick(&["", "[]", "null", " "])),
        };
        let rule = if random.one_in(3) {
            Rule::always(fault)
        } else {
            Rule::next(1 + random.usize(..6), fault)
        };
        let narrow = kind == "/v1/kv/torture" && random.one_in(3);
        rule.for_target(if self == Self::BadBase64 || narrow {
            target
        } else {
            kind
        })
    }
}

fn json(body: &str) -> ResponseFault {
    let canned = Canned::new(200, body).header("Content-Type", "application/json");
    ResponseFault::Replace(
        canned
            .header("X-Consul-Index", "70")
            .header("X-Consul-KnownLeader", "true"),
    )
}
