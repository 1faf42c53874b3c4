//! The fields `only` and `project`: the changes that count for a handler.

use std::fmt;

use crate::{
    daemon::{config::only_spec::OnlySpec, projection::Projection},
    definition::{Definition, DefinitionError, DefinitionErrors, Fields, QueryVisitor, WatchType},
    handlers::HandlerPayload,
    model::Shape,
};

/// The changes that count. By default, all do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ViewSpec {
    /// The changes that count, by what they are about.
    pub(crate) only: Option<OnlySpec>,
    /// The fields in which entries are compared.
    pub(crate) project: Option<Projection>,
}

impl ViewSpec {
    /// Reads both fields. Without a definition, the type of the watch is unknown.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        definition: Option<&Definition>,
        errors: &mut DefinitionErrors,
    ) -> Self {
        Self {
            only: OnlySpec::read(fields, definition, errors),
            project: project(fields, definition, errors),
        }
    }

    /// Returns whether all changes count.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Displays both fields as a file has them, in one line.
impl fmt::Display for ViewSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = self.only.as_ref().map(|only| format!("only {only}"));
        let project = self.project.as_ref().map(|project| {
            let names: Vec<_> = project.names().collect();
            format!("project {names:?}")
        });
        let both: Vec<_> = only.into_iter().chain(project).collect();
        f.write_str(&both.join(", "))
    }
}

fn project(
    fields: &mut Fields<'_>,
    definition: Option<&Definition>,
    errors: &mut DefinitionErrors,
) -> Option<Projection> {
    const NAME: &str = "project";
    fields.get(NAME)?;
    let mut found = DefinitionErrors::default();
    let names = fields.strings(NAME, &mut found);
    if names.is_empty() && found.is_empty() {
        let reason = "it is empty; name at least one field of an entry, or remove it";
        found.push(DefinitionError::unusable(NAME, reason));
    }
    let is_good = found.is_empty();
    errors.append(found);
    let definition = definition.filter(|_| is_good)?;
    if matches!(definition.watch_type, WatchType::Event { .. }) {
        let reason =
            "it does not apply to a watch of type `event`, since an event never changes; remove it";
        errors.push(DefinitionError::unusable(NAME, reason));
        return None;
    }
    match Projection::new(&names, definition.visit(ShapeVisitor), NAME) {
        Ok(projection) => Some(projection),
        Err(found) => {
            for error in found {
                errors.push(error);
            }
            None
        }
    }
}

/// Returns the shape of a query's entries.
struct ShapeVisitor;

impl QueryVisitor for ShapeVisitor {
    type Output = &'static Shape;

    fn visit_query<Q: HandlerPayload>(self, _: Q) -> &'static Shape {
        Q::shape()
    }
}
