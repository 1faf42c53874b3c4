//! Rules that decide whether something that an answer lacks is gone: the one home of the promise that no
//! data is ever mistaken for a delete.
//!
//! # Invariants
//!
//! - Nothing counts as removed, and no list as empty, unless a rule of this module returns
//!   [`Absence::Proven`] for it. Anything [`Absence::Unproven`] keeps its last good value.
//! - A rule is a pure function of Consul's answer. The requests are elsewhere: `watch::kv_proof` sends them
//!   for keys, the engine for members of shared queries. `watch::kv_removals` handles the rest of an update.
//! - For an answer that it does not know, a rule returns `Unproven`.
//!
//! # Rules
//!
//! | missing | proof | rule |
//! |---|---|---|
//! | a key that was read by name | 404 with `X-Consul-Index` | [`of_kv_status`] |
//! | a key that a list lacks | a transaction of `check-index` says that it does not exist | [`of_check_index`] |
//! | every key of a list | the same for each; Consul never sends an empty list | [`of_empty_kv_list`] |
//! | a key that the list of a shared query lacks | none: the member's own query has to agree | [`of_wider_list`] |
//! | every entry of a catalog or health list | an answer that the token did not filter | [`of_empty_list`] |
//! | an instance at its agent | the agent's own 404 | [`of_agent_service`] |
//! | every root certificate | none: a mesh always has one | [`of_no_roots`] |
//! | the body of an answer | none | [`of_body`] |
//! | anything, by the status of any other request | none | [`of_other_status`] |
//!
//! A query without an index is `consistent` unless another consistency was chosen ([`starts_consistent`]):
//! otherwise the answer of a newly elected leader does not show absence
//! (<https://developer.hashicorp.com/consul/api-docs/features/consistency>).
//!
//! # Known gaps
//!
//! - A first answer has nothing to compare with. If the token hides every key of a folder, Consul answers
//!   404 with an index, as for an empty folder: [`KeyPrefix`](crate::KeyPrefix) delivers an empty list, and
//!   [`DecodedPrefix`](crate::watch::DecodedPrefix) the defaults of its type.
//! - A catalog or health list that is shorter, but not empty, is trusted. So is an answer of the streaming
//!   backend (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>), which
//!   may be empty while its view is rebuilt and never says that it was filtered.
//! - `X-Consul-Results-Filtered-By-ACLs` is missing without a token and before Consul 1.11.
//! - Consul sends a key that is not valid UTF-8 with U+FFFD in place of the invalid bytes. The proof asks
//!   for that text, so it depends on the rules for that text.
//! - After a change of the configuration's address or datacenter, a key that the new token may not read
//!   keeps its value from the old source.

use std::{error::Error, fmt};

/// The state of something that an answer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Consul itself says that it does not exist.
    Proven,
    /// It may exist.
    Unproven(Why),
}

impl Absence {
    pub(crate) fn is_proven(self) -> bool {
        self == Self::Proven
    }
}

/// The reason why something that an answer lacks may exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The token may not read it.
    Hidden,
    /// Consul says that it exists: the answer that lacks it is older, or was read with other rights.
    Present,
    /// The list of a wider query lacks it. Such a list omits what the token may not read, and may be older.
    WiderList,
    /// The token filtered the list, and no entry is left.
    Filtered,
    /// A list of keys without a key.
    EmptyKvList,
    /// A body without a byte in it.
    EmptyBody,
    /// An HTML page.
    HtmlPage,
    /// The certificate authority is not set up yet.
    NoRoots,
    /// Consul refuses the name in a URL, and no transaction asked for it.
    RefusedName,
    /// No rule knows the answer.
    Unknown,
}

impl Why {
    /// Returns the text that errors and hints show.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Hidden => "the token may not read it",
            Self::Present => "Consul's list lacks it, although Consul says that it exists",
            Self::WiderList => "a wider list lacks it, which proves nothing",
            Self::Filtered => {
                "the token hides all there is (X-Consul-Results-Filtered-By-ACLs); check the token and its \
                 policies"
            }
            Self::EmptyKvList => "the list is empty, which Consul's never is",
            Self::EmptyBody => "it is empty, which Consul's answers never are",
            Self::HtmlPage => "it is an HTML page, so a proxy and not Consul answered",
            Self::NoRoots => {
                "the mesh has no root certificate yet; its authority is still being set up"
            }
            Self::RefusedName => {
                "Consul refuses its name in a URL, and a proxy forwards no transaction that asks for it"
            }
            Self::Unknown => "the answer does not say whether it exists",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for Why {}

/// Judges the status of a read of the KV store and its `X-Consul-Index`: a 404 without an index comes from a
/// proxy
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
pub(crate) fn of_kv_status(status: u16, index: Option<u64>) -> Absence {
    match (status, index) {
        (404, Some(_)) => Absence::Proven,
        (401 | 403, _) => Absence::Unproven(Why::Hidden),
        (200..=299, _) => Absence::Unproven(Why::Present),
        _ => Absence::Unproven(Why::Unknown),
    }
}

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

/// Judges a list of keys without a key: for no key, Consul answers 404
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
pub(crate) fn of_empty_kv_list() -> Why {
    Why::EmptyKvList
}

/// Judges a key that the list of a wider query lacks.
pub(crate) fn of_wider_list() -> Absence {
    Absence::Unproven(Why::WiderList)
}

/// Judges Consul's error for one `check-index` operation with an index that no key has
/// (<https://developer.hashicorp.com/consul/api-docs/txn#kv-operations>).
///
/// Consul sends texts and no codes. The texts contain the key, so only their beginning and end are compared.
/// They are the same in Consul 1.8 to 1.22.
pub(crate) fn of_check_index(text: &str) -> Absence {
    if text.starts_with("failed to check index, key ") && text.ends_with("doesn't exist") {
        Absence::Proven
    } else if text.starts_with("failed index check for key ") {
        Absence::Unproven(Why::Present)
    } else if text.starts_with("Permission denied") {
        Absence::Unproven(Why::Hidden)
    } else {
        Absence::Unproven(Why::Unknown)
    }
}

/// Judges a catalog or health list without an entry. `filtered` is `X-Consul-Results-Filtered-By-ACLs`
/// (<https://developer.hashicorp.com/consul/api-docs/api-structure#results-filtered-by-acls>).
pub(crate) fn of_empty_list(filtered: bool) -> Absence {
    if filtered {
        Absence::Unproven(Why::Filtered)
    } else {
        Absence::Proven
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

/// Returns whether a query has to be `consistent`: one without an index whose consistency is the default.
///
/// A newly elected leader, as after a restart, may not have replayed its log to the end. In the default mode
/// its answers may hold older values and lack keys
/// (<https://developer.hashicorp.com/consul/api-docs/features/consistency>).
pub(crate) fn starts_consistent(resumes: bool, is_default: bool) -> bool {
    !resumes && is_default
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unproven(why: Why) -> Absence {
        Absence::Unproven(why)
    }

    #[test]
    fn only_a_404_of_consul_proves_that_a_key_is_gone() {
        assert_eq!(of_kv_status(404, Some(7)), Absence::Proven);
        for (status, index, why) in [
            (404, None, Why::Unknown),
            (403, Some(7), Why::Hidden),
            (401, None, Why::Hidden),
            (200, Some(7), Why::Present),
            (301, Some(7), Why::Unknown),
            (500, Some(7), Why::Unknown),
        ] {
            assert_eq!(of_kv_status(status, index), unproven(why), "{status}");
        }
        assert!(!of_other_status().is_proven());
    }

    #[test]
    fn the_texts_of_check_index_are_those_of_every_release() {
        for (text, absence) in [
            (
                r#"failed to check index, key "app/gone" doesn't exist"#,
                Absence::Proven,
            ),
            (
                r#"failed index check for key "app/a", current modify index 17 != 0"#,
                unproven(Why::Present),
            ),
            ("Permission denied", unproven(Why::Hidden)),
            (
                r#"Permission denied: token with AccessorID 'x' lacks permission 'key:read' on "a""#,
                unproven(Why::Hidden),
            ),
            ("Must provide key", unproven(Why::Unknown)),
            ("", unproven(Why::Unknown)),
        ] {
            assert_eq!(of_check_index(text), absence, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_key_is_not_mistaken_for_consuls_text() {
        for (key, absence) in [
            ("x doesn't exist", unproven(Why::Present)),
            ("Permission denied", unproven(Why::Present)),
        ] {
            let text = format!("failed index check for key {key:?}, current modify index 3 != 0");
            assert_eq!(of_check_index(&text), absence, "{text}");
        }
        let text = r#"failed to check index, key "failed index check for key" doesn't exist"#;
        assert_eq!(of_check_index(text), Absence::Proven);
    }

    #[test]
    fn a_filtered_empty_list_proves_nothing() {
        assert_eq!(of_empty_list(false), Absence::Proven);
        assert_eq!(of_empty_list(true), unproven(Why::Filtered));
    }

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
    fn a_query_that_resumes_keeps_its_consistency() {
        assert!(starts_consistent(false, true));
        assert!(!starts_consistent(true, true) && !starts_consistent(false, false));
    }

    #[test]
    fn cases_without_a_proof_are_never_proven() {
        assert!(!of_wider_list().is_proven());
        assert_eq!(of_empty_kv_list().to_string(), Why::EmptyKvList.text());
        assert_eq!(of_no_roots().to_string(), Why::NoRoots.text());
    }
}
