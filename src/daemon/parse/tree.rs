//! Tree of configuration values. Each node knows its location.

use serde_json::{Map, Value};

use crate::daemon::location::Location;

/// A value and its location: that of its name, if it has one.
///
/// It has no `Debug`, because it may hold a token.
#[derive(Clone)]
pub(crate) struct ConfigNode {
    pub(crate) location: Location,
    pub(crate) data: NodeData,
}

/// The value of a node.
#[derive(Clone)]
pub(crate) enum NodeData {
    /// A string, a number, a boolean or null.
    Scalar(Value),
    List(Vec<ConfigNode>),
    /// Entries in the order of the file. A name may occur twice.
    Object(Vec<(String, ConfigNode)>),
}

impl ConfigNode {
    /// Returns the value without locations. The last entry of a name wins.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            NodeData::Scalar(value) => value.clone(),
            NodeData::List(list) => list.iter().map(Self::to_json).collect(),
            NodeData::Object(entries) => entries
                .iter()
                .map(|(name, node)| (name.clone(), node.to_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// Returns the entries of an object, and none for any other value.
    pub(crate) fn entries(&self) -> &[(String, ConfigNode)] {
        match &self.data {
            NodeData::Object(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the last entry of this name, if the value is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .rev()
            .find(|(found, _)| found == name)
            .map(|(_, node)| node)
    }

    /// Returns the location of a field by the name that errors use, `tag[1]` or `a.b`. If there is no such
    /// field, returns the location of its nearest ancestor.
    pub(crate) fn location_of(&self, field: &str) -> &Location {
        let mut node = self;
        for step in field.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match (&node.data, step.parse::<usize>()) {
                (NodeData::List(list), Ok(at)) => list.get(at),
                _ => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        &node.location
    }

    /// Returns the names that occur twice in one object, here or below, with both values.
    pub(crate) fn given_twice(&self) -> Vec<(&str, &Self, &Self)> {
        let mut found = Vec::new();
        self.visit_twice(&mut found);
        found
    }

    fn visit_twice<'a>(&'a self, found: &mut Vec<(&'a str, &'a Self, &'a Self)>) {
        if let NodeData::List(list) = &self.data {
            for node in list {
                node.visit_twice(found);
            }
        }
        for (at, (name, node)) in self.entries().iter().enumerate() {
            if let Some((_, first)) = self.entries()[..at].iter().find(|(other, _)| other == name) {
                found.push((name, first, node));
            }
            node.visit_twice(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(location: &Location, line: usize) -> ConfigNode {
        ConfigNode {
            location: location.at(line),
            data: NodeData::Scalar(Value::from(line)),
        }
    }

    #[test]
    fn a_field_is_found_by_the_name_that_errors_use() {
        let file = Location::file("a.json");
        let list = ConfigNode {
            location: file.at(2),
            data: NodeData::List(vec![scalar(&file, 3), scalar(&file, 4)]),
        };
        let inner = ConfigNode {
            location: file.at(5),
            data: NodeData::Object(vec![("x".to_owned(), scalar(&file, 6))]),
        };
        let entries = vec![
            ("tag".to_owned(), list),
            ("in".to_owned(), inner),
            ("tag".to_owned(), scalar(&file, 7)),
        ];
        let node = ConfigNode {
            location: file.at(1),
            data: NodeData::Object(entries),
        };
        assert_eq!(node.location_of("in.x").to_string(), "a.json:6");
        assert_eq!(node.location_of("in.gone").to_string(), "a.json:5");
        assert_eq!(node.location_of("gone").to_string(), "a.json:1");
        assert_eq!(
            node.entries()[0].1.location_of("[1]").to_string(),
            "a.json:4"
        );
        let twice = node.given_twice();
        assert_eq!(
            (twice.len(), twice[0].0, twice[0].1.location.line()),
            (1, "tag", Some(2))
        );
        assert_eq!(
            node.to_json(),
            serde_json::json!({ "tag": 7, "in": { "x": 6 } })
        );
    }
}
