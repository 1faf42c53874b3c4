//! The changes that count for a handler, for the engine and for checkpoints.

use consul_watch_actors::{Item, Query, Snapshot, View};
use serde_json::{Value, json};

use crate::{
    checkpoint::{ViewParts, without_indexes},
    daemon::config::{only_spec::OnlySpec, view_spec::ViewSpec},
    handlers::HandlerPayload,
};

/// The entries of a query's value.
pub(super) type ItemOf<Q> = <<Q as Query>::Value as Snapshot>::Item;

type HandlerView<Q> = (View<ItemOf<Q>>, ViewParts<ItemOf<Q>>);

/// Returns the view of a handler, and the parts of a state that it shows; `None` if all changes count.
pub(super) fn handler_view<Q: HandlerPayload>(spec: &ViewSpec) -> Option<HandlerView<Q>> {
    if spec.is_plain() {
        return None;
    }
    let mut view = View::<ItemOf<Q>>::default();
    if let Some(project) = spec.project.clone() {
        view = view.with_equality(move |a, b| {
            let values = |item: &ItemOf<Q>| project.values(item, Q::shape());
            // Entries that cannot be compared count as different.
            a.content_eq(b) || matches!((values(a), values(b)), (Ok(a), Ok(b)) if a == b)
        });
    }
    if let Some(only) = spec.only.clone() {
        view = view.only(move |change| only.wants(change, Q::key, Q::tags, Q::health));
    }
    let settings = spec.to_string();
    let spec = spec.clone();
    let parts = ViewParts::new(settings, move |item| part::<Q>(&spec, item));
    Some((view, parts))
}

/// Returns the part of an entry whose change may count.
fn part<Q: HandlerPayload>(spec: &ViewSpec, item: &ItemOf<Q>) -> Option<Value> {
    let only = spec.only.as_ref();
    if only.is_some_and(|only| !only.may_want(Q::key(item), Q::tags(item))) {
        return None;
    }
    let by_health = only.is_some_and(OnlySpec::has_transitions);
    let content = match &spec.project {
        Some(project) => json!(project.values(item, Q::shape()).ok()),
        // Nothing counts but the change of health.
        None if by_health => Value::Null,
        None => without_indexes(item),
    };
    let health = Q::health(item).filter(|_| by_health);
    Some(json!([Q::name(item), content, health]))
}
