//! An agent with ACLs, and a token whose rights a test gives and takes.

use consul_watch::ConsulConfig;
use serde_json::json;

use crate::agent::TestAgent;
use crate::fixture::{Fixture, impatient};
use crate::rights::MANAGEMENT;

/// An agent that denies what is not allowed, and a token without rights.
#[derive(Debug)]
pub struct Acl {
    /// The agent and a supervisor with all rights.
    ///
    /// Waits are short, since Consul looks up the rights of a query only when it begins.
    pub fixture: Fixture,
    /// The token whose rights the test changes.
    pub secret: String,
    accessor: String,
}

impl Acl {
    /// Starts the agent and creates the token.
    pub fn start() -> Self {
        Self::of(|config, _| config.with_token(MANAGEMENT))
    }

    /// Starts the agent and creates the token; `change` is given the configuration and the token.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or the token cannot be created.
    pub fn of(change: impl FnOnce(ConsulConfig, &str) -> ConsulConfig) -> Self {
        let agent = TestAgent::builder().dev().acl().start();
        let token = agent.put_json("/v1/acl/token", &json!({ "Description": "a watch's" }));
        let text = |name: &str| match token[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("a token without {name}: {token}"),
        };
        let (secret, accessor) = (text("SecretID"), text("AccessorID"));
        Self {
            fixture: Fixture::of(agent, |config| change(impatient(config), &secret)),
            secret,
            accessor,
        }
    }

    /// Creates a policy, or replaces its rules.
    pub fn policy(&self, name: &str, rules: &str) {
        let agent = &self.fixture.agent;
        let mut body = json!({ "Name": name, "Rules": rules });
        let known = agent.get_json("/v1/acl/policies");
        let mut known = known.as_array().into_iter().flatten();
        match known.find(|policy| policy["Name"] == name) {
            Some(policy) => {
                body["ID"] = policy["ID"].clone();
                let id = policy["ID"].as_str().unwrap_or_default();
                agent.put_json(&format!("/v1/acl/policy/{id}"), &body);
            }
            None => {
                agent.put_json("/v1/acl/policy", &body);
            }
        }
    }

    /// Gives the token exactly these policies.
    pub fn allow(&self, policies: &[&str]) {
        let policies: Vec<_> = policies
            .iter()
            .map(|name| json!({ "Name": name }))
            .collect();
        let body = json!({ "AccessorID": self.accessor, "Policies": policies });
        let target = format!("/v1/acl/token/{}", self.accessor);
        self.fixture.agent.put_json(&target, &body);
    }
}
