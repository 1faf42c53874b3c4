//! Rules for other answers.

use super::state::{Absence, Why};

/// Judges the status of any other request: it proves nothing.
pub(crate) fn of_other_status() -> Absence {
    Absence::Unproven(Why::Unknown)
}

/// Returns what is wrong with a body that Consul never sends with success: an empty one or an HTML page.
pub(crate) fn of_body(body: &[u8]) -> Option<Why> {
    match body.trim_ascii_start().first() {
        None => Some(Why::EmptyBody),
        Some(b'<') => Some(Why::HtmlPage),
        Some(_) => None,
    }
}

/// Judges a failed request for an instance at its agent. The agent's own text proves absence; any other 404
/// comes from a proxy
/// (<https://developer.hashicorp.com/consul/api-docs/agent/service#get-service-configuration>).
pub(crate) fn of_agent_service(status: u16, from_consul: bool, text: &str) -> Absence {
    if status == 404 && from_consul && text.starts_with("unknown service ID") {
        Absence::Proven
    } else {
        Absence::Unproven(Why::Unknown)
    }
}

/// Judges a list of root certificates without a certificate: an agent that has just started sends it until
/// its authority is set up
/// (<https://developer.hashicorp.com/consul/api-docs/agent/connect#certificate-authority-ca-roots>).
pub(crate) fn of_no_roots() -> Why {
    Why::NoRoots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agents_own_text_proves_that_an_instance_is_gone() {
        let gone = "unknown service ID: web";
        assert!(of_agent_service(404, true, gone).is_proven());
        assert!(!of_agent_service(404, false, gone).is_proven());
        assert!(!of_agent_service(500, true, gone).is_proven());
        assert!(!of_agent_service(404, true, "404 page not found").is_proven());
        assert!(!of_agent_service(404, true, "").is_proven());
    }

    #[test]
    fn an_empty_body_and_a_page_are_no_answers() {
        assert_eq!(of_body(b" \n"), Some(Why::EmptyBody));
        assert_eq!(of_body(b" \n<html>"), Some(Why::HtmlPage));
        assert_eq!(of_body(b"[1"), None);
    }

    #[test]
    fn cases_without_a_proof_are_never_proven() {
        assert!(!of_other_status().is_proven());
        assert_eq!(of_no_roots().to_string(), Why::NoRoots.text());
    }
}
