//! Whether something that an answer lacks is gone: the one home of the promise that no data is ever
//! mistaken for a delete.
//!
//! # Invariants
//!
//! - Nothing counts as removed, and no list as empty, unless a rule of this module returns
//!   [`Absence::Proven`] for it. What is [`Absence::Unproven`] keeps its last good value.
//! - A rule is a pure function of what Consul answered. Who asks, how often, and what happens to the rest
//!   of an update stand elsewhere: `watch::kv_proof` asks for keys, the engine asks for members of shared
//!   queries.
//! - A rule that does not know an answer returns `Unproven`.
//!
//! # Rules
//!
//! | what is missing | proof | rule |
//! |---|---|---|
//! | a key that was asked for by name | 404 with `X-Consul-Index` | [`of_kv_status`] |
//! | a key that a list lacks | a transaction of `check-index` says that it does not exist | [`of_check_index`] |
//! | every key of a list | the same, for each; an empty list is none of Consul's answers | [`of_empty_kv_list`] |
//! | a key that a wider list lacks | none: the member's own query has to agree | [`of_wider_list`] |
//! | every entry of a catalog or health list | an answer that the token did not filter | [`of_empty_list`] |
//! | an instance at its agent | the agent's own 404 | [`of_agent_service`] |
//! | every root certificate | none: a mesh always has one | [`of_no_roots`] |
//! | the body of an answer | none | [`of_body`] |
//! | anything, by the status of another request | none | [`of_other_status`] |
//!
//! A query that starts from nothing is `consistent` where nobody chose otherwise ([`starts_consistent`]):
//! only then does an answer of a leader that was just elected show absence
//! (<https://developer.hashicorp.com/consul/api-docs/features/consistency>).
//!
//! # What is still open
//!
//! - A first answer has nothing to compare with. A list of keys that the token hides entirely is a 404 with
//!   an index, as if the folder were empty: [`KeyPrefix`](crate::KeyPrefix) delivers an empty list for it,
//!   and [`DecodedPrefix`](crate::watch::DecodedPrefix) its type's defaults.
//! - A list of the catalog that is only shorter is believed. So is an answer of the streaming backend
//!   (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>), which may be
//!   empty while its view is filled again and never says that it was filtered.
//! - `X-Consul-Results-Filtered-By-ACLs` is missing without a token and before Consul 1.11.
//! - A key that is not UTF-8 reaches clients with U+FFFD in place of the odd bytes. Whether such a key may
//!   be read is decided by the rules for that text.
//! - After a change of the configuration's address or datacenter, a key that the new token may not read
//!   keeps its value from the old one.

use std::{error::Error, fmt};

/// What is known of something that an answer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Consul itself says that there is no such thing.
    Proven,
    /// It may be there.
    Unproven(Why),
}

impl Absence {
    pub(crate) fn is_proven(self) -> bool {
        self == Self::Proven
    }
}

/// Why something that an answer lacks may still be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The token may not read it.
    Hidden,
    /// Consul says that it is there: the answer that lacks it is older, or was read with other rights.
    Present,
    /// A wider list lacks it, which leaves out what the token may not read and may be older.
    WiderList,
    /// The token filtered the list, and nothing is left of it.
    Filtered,
    /// A list of keys without a key.
    EmptyKvList,
    /// A body without a byte in it.
    EmptyBody,
    /// A page for people.
    HtmlPage,
    /// The certificate authority is not set up yet.
    NoRoots,
    /// An answer that no rule knows.
    Unknown,
}

impl Why {
    /// The reason, as errors and hints show it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Hidden => "the token may not read it",
            Self::Present => "Consul's list lacks it, although Consul says that it is there",
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
            Self::Unknown => "the answer does not say whether it is there",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for Why {}

/// The status of a read of the KV store, with its `X-Consul-Index`: a 404 is Consul's own answer only with
/// an index, and a proxy's otherwise
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
pub(crate) fn of_kv_status(status: u16, index: Option<u64>) -> Absence {
    match (status, index) {
        (404, Some(_)) => Absence::Proven,
        (401 | 403, _) => Absence::Unproven(Why::Hidden),
        (200..=299, _) => Absence::Unproven(Why::Present),
        _ => Absence::Unproven(Why::Unknown),
    }
}

/// The status of any other request, which proves nothing.
pub(crate) fn of_other_status() -> Absence {
    Absence::Unproven(Why::Unknown)
}

/// A body that a successful answer cannot have: no body at all, or a page for people.
pub(crate) fn of_body(body: &[u8]) -> Option<Why> {
    match body.trim_ascii_start().first() {
        None => Some(Why::EmptyBody),
        Some(b'<') => Some(Why::HtmlPage),
        Some(_) => None,
    }
}

/// A list of keys without a key: where there is none, Consul answers 404
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
pub(crate) fn of_empty_kv_list() -> Why {
    Why::EmptyKvList
}

/// A key that the list of a wider query lacks.
pub(crate) fn of_wider_list() -> Absence {
    Absence::Unproven(Why::WiderList)
}

/// What Consul says of one `check-index` with an index that no key has
/// (<https://developer.hashicorp.com/consul/api-docs/txn#kv-operations>).
///
/// Consul has texts for this and no codes; each text ends with words of Consul's or with the key, so only
/// its beginning and its end are compared. The texts are those of Consul 1.8 to 1.22.
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

/// A list of the catalog or of health without an entry. `filtered` is `X-Consul-Results-Filtered-By-ACLs`
/// (<https://developer.hashicorp.com/consul/api-docs/api-structure#results-filtered-by-acls>).
pub(crate) fn of_empty_list(filtered: bool) -> Absence {
    if filtered {
        Absence::Unproven(Why::Filtered)
    } else {
        Absence::Proven
    }
}

/// A failed request for an instance at its agent. The agent's own text proves that it has none; any other
/// 404 comes from a proxy
/// (<https://developer.hashicorp.com/consul/api-docs/agent/service#get-service-configuration>).
pub(crate) fn of_agent_service(status: u16, from_consul: bool, text: &str) -> Absence {
    if status == 404 && from_consul && text.starts_with("unknown service ID") {
        Absence::Proven
    } else {
        Absence::Unproven(Why::Unknown)
    }
}

/// A list of root certificates without a certificate. An agent that has just started answers so until its
/// authority is set up
/// (<https://developer.hashicorp.com/consul/api-docs/agent/connect#certificate-authority-ca-roots>).
pub(crate) fn of_no_roots() -> Why {
    Why::NoRoots
}

/// Whether a query has to be `consistent`: one that starts from nothing, where nobody chose a consistency.
///
/// A leader that was just elected, as after a restart, may not have replayed its log to the end. In the
/// default mode it then answers with keys that are older than they are, or lacks them
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
    fn the_name_of_a_key_is_not_taken_for_consuls_words() {
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
    fn an_empty_list_that_the_token_filtered_is_none() {
        assert_eq!(of_empty_list(false), Absence::Proven);
        assert_eq!(of_empty_list(true), unproven(Why::Filtered));
    }

    #[test]
    fn only_the_agents_own_words_mean_that_an_instance_is_gone() {
        let gone = "unknown service ID: web";
        assert!(of_agent_service(404, true, gone).is_proven());
        assert!(!of_agent_service(404, false, gone).is_proven());
        assert!(!of_agent_service(500, true, gone).is_proven());
        assert!(!of_agent_service(404, true, "404 page not found").is_proven());
        assert!(!of_agent_service(404, true, "").is_proven());
    }

    #[test]
    fn no_body_and_a_page_are_no_answers() {
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
    fn what_has_no_proof_is_never_proven() {
        assert!(!of_wider_list().is_proven());
        assert_eq!(of_empty_kv_list().to_string(), Why::EmptyKvList.text());
        assert_eq!(of_no_roots().to_string(), Why::NoRoots.text());
    }
}
