//! Rules that decide whether an answer can prove anything.

use super::state::{Absence, Why};

/// Returns whether an answer may be of another history than the one that is known to `before`: its index fell, is
/// missing, or is 1
/// (<https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details>). Not for events
/// and hashes, which have no order.
pub(crate) fn is_doubtful(before: Option<u64>, now: Option<u64>) -> bool {
    // An index of 0 or 1 means that none was known.
    before.is_some_and(|before| before > 1 && now.is_none_or(|now| now < before))
}

/// Returns whether a list proves that something is missing, as far as the token may read it: one that was not held
/// and that the leader confirmed.
pub(crate) fn is_fresh(resumes: bool, is_consistent: bool) -> bool {
    !resumes && is_consistent
}

/// Judges a first list without an entry, with which nothing can be compared. `filtered` is
/// `X-Consul-Results-Filtered-By-ACLs`
/// (<https://developer.hashicorp.com/consul/api-docs/api-structure#results-filtered-by-acls>), which is missing
/// without a token and before Consul 1.11; `right` is the right to the name that the list is about, if it has one. It
/// counts only between two fresh lists: a right that comes back after the list was read says nothing of that list.
pub(crate) fn of_first_empty_list(filtered: bool, right: Option<Absence>) -> Absence {
    if filtered || right == Some(Absence::Unproven(Why::Hidden)) {
        Absence::Unproven(Why::Filtered)
    } else {
        Absence::Proven
    }
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

    #[test]
    fn an_index_that_fell_or_is_missing_is_doubtful() {
        assert!(is_doubtful(Some(7), Some(6)) && is_doubtful(Some(7), Some(1)));
        assert!(is_doubtful(Some(7), None) && is_doubtful(Some(7), Some(0)));
        assert!(!is_doubtful(Some(7), Some(7)) && !is_doubtful(Some(7), Some(8)));
        assert!(!is_doubtful(None, None) && !is_doubtful(Some(1), None));
    }

    #[test]
    fn a_held_answer_and_one_that_the_leader_did_not_confirm_are_not_fresh() {
        assert!(is_fresh(false, true));
        assert!(!is_fresh(true, true) && !is_fresh(false, false));
    }

    #[test]
    fn a_first_empty_list_is_believed_unless_something_says_that_it_is_hidden() {
        let hidden = Absence::Unproven(Why::Filtered);
        let right = |why| Some(Absence::Unproven(why));
        assert_eq!(of_first_empty_list(true, None), hidden);
        assert_eq!(of_first_empty_list(false, right(Why::Hidden)), hidden);
        for right in [
            None,
            right(Why::Readable),
            right(Why::Unknown),
            Some(Absence::Proven),
        ] {
            assert_eq!(of_first_empty_list(false, right), Absence::Proven);
        }
    }

    #[test]
    fn a_query_that_resumes_keeps_its_consistency() {
        assert!(starts_consistent(false, true));
        assert!(!starts_consistent(true, true) && !starts_consistent(false, false));
    }
}
