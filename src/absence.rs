//! Rules that decide whether something that an answer lacks is gone: the one home of the promise that no
//! data is ever mistaken for a delete.
//!
//! # Invariants
//!
//! - Nothing counts as removed, and no list as empty, unless a rule of this module returns
//!   [`Absence::Proven`] for it. Anything [`Absence::Unproven`] keeps its last good value.
//! - A rule is a pure function of Consul's answer. The requests are elsewhere: `watch::kv_proof` sends them
//!   for keys, the engine for members of shared queries. `watch::kv_removals` handles the rest of an update,
//!   `watch::first_answer` empty first answers.
//! - The test `watch::list_removals::model` tries every order of 8 events and requests with these rules.
//! - For an answer that it does not know, a rule returns `Unproven`.
//!
//! # Rules
//!
//! | missing | proof | rule |
//! |---|---|---|
//! | a key that was read by name | 404 with `X-Consul-Index` | [`of_kv_status`] |
//! | a key that a list lacks | a transaction of `check-index` says that it does not exist | [`of_check_index`] |
//! | every key of a list | the same for each; Consul never sends an empty list | [`of_empty_kv_list`] |
//! | a key that has left the list of a shared query | the shared query's own proof | [`of_check_index`] |
//! | a key that this list never had | none: the member's own query has to agree | [`of_wider_list`] |
//! | an instance, node or check that a fresh list lacks | a transaction of `get` says that it does not exist | [`of_catalog_get`] |
//! | one that exists, but left the list | two fresh lists that lack it, and between them a read that shows that the token may read it | [`of_bracket`] |
//! | the name of a service that a fresh list lacks | the same, with a read of its instances that was not filtered | [`of_instances`] |
//! | every entry of a first list | two fresh lists without an entry, and between them a read that shows that the token may read the name that they are about | [`of_first_empty_list`] |
//! | every service, every node | none: the servers are registered, too | [`of_no_entries`] |
//! | an entry that was imported from a cluster peer | two fresh lists that lack it and that were not filtered | [`of_peered_list`] |
//! | an instance at its agent | the agent's own 404 | [`of_agent_service`] |
//! | every root certificate | none: a mesh always has one | [`of_no_roots`] |
//! | the body of an answer | none | [`of_body`] |
//! | anything, by the status of any other request | none | [`of_other_status`] |
//!
//! # Doubt
//!
//! - An answer whose index fell, is missing or is 1 where a higher one was known ([`is_doubtful`]) is never
//!   delivered. The list is read again without an index, and that answer counts.
//! - What a held answer lacks proves nothing: its rights may date from its beginning, and a view of the
//!   streaming backend (<https://developer.hashicorp.com/consul/api-docs/features/blocking#streaming-backend>)
//!   is empty while it is rebuilt. The proof starts with a *fresh* list: one that was read without an index and
//!   `consistent`.
//!
//! A query without an index is `consistent` unless another consistency was chosen ([`starts_consistent`]):
//! otherwise the answer of a newly elected leader does not show absence
//! (<https://developer.hashicorp.com/consul/api-docs/features/consistency>).
//!
//! # Known gaps
//!
//! - A first answer has nothing to compare with. One that is empty, and of which Consul says that something is
//!   hidden ([`of_first_empty_list`]), is delivered to subscribers without an earlier state; one with a checkpoint
//!   receives no state until there is one that is proven. If the token hides a part of a first answer, the
//!   checkpoint of an earlier state does not say which entries are missing, and the rest is delivered.
//! - A right that is given and taken again between two fresh lists, so that both lack an entry that exists: the
//!   proof in between finds it readable. The same for a filter that an entry enters and leaves.
//! - Entries that were imported from a cluster peer: Consul has no read that decides their rights. The filtered
//!   flag, which is missing without a token, decides.
//! - Without a token, Consul 1.21 and later omit a service whose nodes are hidden, and nothing says so: its name
//!   counts as removed, unless no service is left.
//! - A proxy that forwards no transactions, with an agent that has `disable_coordinates`: the right to read a
//!   node is unknown, and removals are not reported.
//! - `X-Consul-Results-Filtered-By-ACLs` is missing without a token and before Consul 1.11.
//! - Consul sends a key that is not valid UTF-8 with U+FFFD in place of the invalid bytes. The proof asks
//!   for that text, so it depends on the rules for that text.
//! - A first answer with an entry that cannot be read (`watch::unreadable`) lacks it. As long as an entry's very
//!   identity cannot be read, removals of its list are not reported.
//! - After a change of the configuration's address or datacenter, a key that the new token may not read
//!   keeps its value from the old source.

mod answer;
mod catalog;
mod doubt;
mod keys;
mod state;

pub(crate) use self::{
    answer::{of_agent_service, of_body, of_no_roots, of_other_status},
    catalog::{of_bracket, of_catalog_get, of_instances, of_no_entries, of_peered_list, of_right},
    doubt::{is_doubtful, is_fresh, of_first_empty_list, starts_consistent},
    keys::{of_check_index, of_empty_kv_list, of_kv_status, of_wider_list},
    state::{Absence, Why},
};
