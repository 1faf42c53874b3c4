//! Rules for keys.

use super::state::{Absence, Why};

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
        assert!(!of_wider_list().is_proven());
        assert_eq!(of_empty_kv_list().to_string(), Why::EmptyKvList.text());
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
}
