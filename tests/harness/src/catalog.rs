//! Services, checks and nodes of the agent, and of other nodes in its catalog.

use serde_json::{Value, json};

use crate::http::Http;

impl Http {
    /// Registers a service instance at port 80, with a check that passes until [`report`](Self::report).
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn register(&self, id: &str, name: &str, tags: &[&str]) {
        let check = json!({ "TTL": "1h", "Status": "passing" });
        self.register_service(
            &json!({ "ID": id, "Name": name, "Tags": tags, "Port": 80, "Check": check }),
        );
    }

    /// Registers a service instance by its definition.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn register_service(&self, definition: &Value) {
        self.put_json("/v1/agent/service/register", definition);
    }

    /// Deregisters a service instance.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn deregister(&self, id: &str) {
        self.put_json(&format!("/v1/agent/service/deregister/{id}"), &Value::Null);
    }

    /// Reports the check of a service instance: `pass`, `warn` or `fail`.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn report(&self, id: &str, how: &str, note: &str) {
        let target = format!("/v1/agent/check/{how}/service:{id}?note={note}");
        self.put_json(&target, &Value::Null);
    }

    /// Registers a node, service or check of another node in the catalog.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn register_in_catalog(&self, entry: &Value) {
        self.put_json("/v1/catalog/register", entry);
    }

    /// Deregisters a node, service or check of another node from the catalog.
    ///
    /// # Panics
    ///
    /// When Consul refuses it.
    #[track_caller]
    pub fn deregister_from_catalog(&self, entry: &Value) {
        self.put_json("/v1/catalog/deregister", entry);
    }
}
