//! A token with one policy, whose rules a test changes under a running watch.

use std::io;

use serde_json::{Value, json};

use crate::http::Http;
use crate::wait::{DEADLINE, eventually_some};

/// The token with all rights of an agent with [`AgentBuilder::acl`](crate::AgentBuilder::acl).
pub const MANAGEMENT: &str = "6a1253d2-1785-24fd-91c2-f8e78c745511";

/// A token and its policy. Each change replaces the rules as a whole and keeps token and policy.
#[derive(Clone, Debug)]
pub struct Rights {
    http: Http,
    /// The token's secret.
    pub secret: String,
    accessor: String,
    policy: String,
    name: String,
    rules: String,
}

impl Rights {
    /// Creates a policy of this name with these rules, and a token with it; `http` has all rights.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn create(http: &Http, name: &str, rules: &str) -> Self {
        let policy = json!({ "Name": name, "Rules": rules });
        let policy = eventually_some(DEADLINE, "a policy", || {
            match http.try_put_json("/v1/acl/policy", &policy) {
                // Consul 1.8 leaves this mode once all agents of a cluster have.
                Err(error) if error.to_string().contains("legacy mode") => None,
                other => Some(other),
            }
        });
        let policy = policy.unwrap_or_else(|error| panic!("the policy {name}: {error}"));
        let token = json!({ "Description": name, "Policies": [{ "Name": name }] });
        let token = http.put_json("/v1/acl/token", &token);
        Self {
            http: http.clone(),
            secret: text(&token, "SecretID"),
            accessor: text(&token, "AccessorID"),
            policy: text(&policy, "ID"),
            name: name.to_owned(),
            rules: rules.to_owned(),
        }
    }

    /// Sends its requests by another client, such as one that gives up sooner.
    #[must_use]
    pub fn with_http(mut self, http: Http) -> Self {
        self.http = http;
        self
    }

    /// Adds a rule for a key of this name, which no test reads: the token may read what it could before.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn update_harmlessly(&self, key: &str) -> io::Result<()> {
        self.cut(&format!(
            "{}\nkey \"unread/{key}\" {{ policy = \"read\" }}",
            self.rules
        ))
    }

    /// Replaces the rules by others, which allow less.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn cut(&self, rules: &str) -> io::Result<()> {
        let target = format!("/v1/acl/policy/{}", self.policy);
        let body = json!({ "ID": self.policy, "Name": self.name, "Rules": rules });
        self.http.try_put_json(&target, &body).map(drop)
    }

    /// Takes the policy from the token, which then has no rights.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn unlink(&self) -> io::Result<()> {
        self.link(&json!([]))
    }

    /// Gives the token its policy, and the policy its first rules.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn grant(&self) -> io::Result<()> {
        self.cut(&self.rules)?;
        self.link(&json!([{ "Name": self.name }]))
    }

    fn link(&self, policies: &Value) -> io::Result<()> {
        let target = format!("/v1/acl/token/{}", self.accessor);
        let body = json!({ "AccessorID": self.accessor, "Policies": policies });
        self.http.try_put_json(&target, &body).map(drop)
    }
}

#[track_caller]
fn text(from: &Value, name: &str) -> String {
    match from[name].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("no {name} in {from}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::TestAgent;

    #[test]
    fn rights_are_cut_and_granted_again() {
        let agent = TestAgent::builder().dev().acl().start();
        agent.put("a", "1");
        let rights = Rights::create(&agent, "reader", r#"key "a" { policy = "read" }"#);
        let reader = Http::new(agent.http_addr()).with_token(&*rights.secret);
        let status = || reader.request("GET", "/v1/kv/a", &[], b"").status;
        assert_eq!(status(), 200);
        rights.update_harmlessly("b").expect("updated");
        assert_eq!(status(), 200);
        for cut in [
            &(|| rights.cut(r#"key "b" { policy = "read" }"#)) as &dyn Fn() -> io::Result<()>,
            &|| rights.unlink(),
        ] {
            cut().expect("cut");
            assert_eq!(status(), 403);
            rights.grant().expect("granted");
            assert_eq!(status(), 200);
        }
    }
}
