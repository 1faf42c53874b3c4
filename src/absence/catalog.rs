//! Rules for the entries of catalog and health lists.

use super::state::{Absence, Why};

/// Judges Consul's error for one operation `get` on a node, a service instance or a check
/// (<https://developer.hashicorp.com/consul/api-docs/txn#node-operations>).
///
/// Consul decides whether it exists before the rights: what exists without a right is no error, but is missing
/// from the results. The texts are the same in Consul 1.8 to 1.22.
pub(crate) fn of_catalog_get(text: &str) -> Absence {
    let object = ["node ", "service ", "check "];
    if object.iter().any(|object| text.starts_with(object)) && text.ends_with("doesn't exist") {
        Absence::Proven
    } else if text.starts_with("Permission denied") {
        Absence::Unproven(Why::Hidden)
    } else {
        Absence::Unproven(Why::Unknown)
    }
}

/// Judges the status of a read that needs the right to read a service or a node, and whose object may be missing:
/// `service-defaults` (<https://developer.hashicorp.com/consul/api-docs/config#get-configuration>) and coordinates
/// (<https://developer.hashicorp.com/consul/api-docs/coordinate#read-lan-coordinates-for-a-node>). The servers
/// decide. 401 is the agent's own setting.
pub(crate) fn of_right(status: u16, from_consul: bool, text: &str) -> Absence {
    match status {
        403 if from_consul && of_server(text).starts_with("Permission denied") => {
            Absence::Unproven(Why::Hidden)
        }
        200 => Absence::Unproven(Why::Readable),
        404 if from_consul => Absence::Unproven(Why::Readable),
        _ => Absence::Unproven(Why::Unknown),
    }
}

/// Returns the text of the server, without what an agent that forwards to it puts in front.
fn of_server(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text
        .strip_prefix("rpc error making call: ")
        .or_else(|| text.strip_prefix("rpc error: "))
    {
        text = rest;
    }
    text
}

/// Judges the list of the instances of one service, which has them whatever their health
/// (<https://developer.hashicorp.com/consul/api-docs/catalog#list-nodes-for-service>): since Consul 1.21, a service
/// is in the list of services only if one of its nodes may be read. `filtered` is
/// `X-Consul-Results-Filtered-By-ACLs`.
pub(crate) fn of_instances(filtered: bool) -> Absence {
    Absence::Unproven(if filtered { Why::Hidden } else { Why::Readable })
}

/// Judges a list of services or nodes without an entry: the servers are always registered, as `consul`
/// (<https://developer.hashicorp.com/consul/api-docs/catalog#list-services>).
pub(crate) fn of_no_entries() -> Absence {
    Absence::Unproven(Why::Hidden)
}

/// Judges an entry that two fresh lists lack; `between` is the proof between them.
pub(crate) fn of_bracket(between: Absence) -> Absence {
    match between {
        Absence::Unproven(Why::Readable) => Absence::Proven,
        other => other,
    }
}

/// Judges an imported entry that a fresh list lacks. `filtered` is `X-Consul-Results-Filtered-By-ACLs`
/// (<https://developer.hashicorp.com/consul/api-docs/api-structure#results-filtered-by-acls>).
pub(crate) fn of_peered_list(filtered: bool) -> Absence {
    Absence::Unproven(if filtered { Why::Hidden } else { Why::Readable })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unproven(why: Why) -> Absence {
        Absence::Unproven(why)
    }

    #[test]
    fn the_texts_of_get_are_those_of_every_release() {
        for text in [
            r#"node "x" doesn't exist"#,
            r#"service "web" on node "x" doesn't exist"#,
            r#"check "c" on node "x" doesn't exist"#,
        ] {
            assert_eq!(of_catalog_get(text), Absence::Proven, "{text}");
        }
        assert_eq!(of_catalog_get("Permission denied"), unproven(Why::Hidden));
        for text in ["", "failed node lookup: x", "doesn't exist", "node lost"] {
            assert_eq!(of_catalog_get(text), unproven(Why::Unknown), "{text}");
        }
    }

    #[test]
    fn only_the_servers_decide_on_a_right() {
        let denied = "Permission denied: anonymous token lacks permission 'node:read' on \"x\"";
        assert_eq!(of_right(403, true, denied), unproven(Why::Hidden));
        let forwarded = format!("rpc error making call: rpc error making call: {denied}");
        assert_eq!(of_right(403, true, &forwarded), unproven(Why::Hidden));
        assert_eq!(of_right(404, true, ""), unproven(Why::Readable));
        assert_eq!(of_right(200, true, ""), unproven(Why::Readable));
        for (status, from_consul, text) in [
            (401, true, "Coordinate support disabled"),
            (403, true, "Endpoint is blocked by agent configuration"),
            (403, true, "ACL not found"),
            (404, false, "<html>"),
            (500, true, "No cluster leader"),
        ] {
            assert_eq!(of_right(status, from_consul, text), unproven(Why::Unknown));
        }
    }

    #[test]
    fn a_bracket_proves_only_what_may_be_read() {
        assert!(of_bracket(unproven(Why::Readable)).is_proven());
        assert!(of_bracket(of_peered_list(false)).is_proven());
        assert!(of_bracket(of_instances(false)).is_proven());
        assert!(!of_bracket(of_instances(true)).is_proven());
        assert!(!of_bracket(of_no_entries()).is_proven());
        for why in [Why::Hidden, Why::Unknown, Why::Present] {
            assert!(!of_bracket(unproven(why)).is_proven());
        }
        assert!(!of_bracket(of_peered_list(true)).is_proven());
    }
}
