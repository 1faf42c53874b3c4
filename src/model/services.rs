//! Names and tags of services.

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use consul_watch_actors::{Item, Snapshot};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

use super::{
    record::{Name, Nullable},
    shape::{Field, Shape, Shaped},
};

/// A service and the tags of all its instances, identified by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ServiceTags {
    /// The name of the service.
    pub name: String,
    /// The tags of all its instances, each once, in no particular order.
    pub tags: Nullable<Vec<String>>,
    /// Since when the token may no longer read the service; `None` where it may. A watch keeps the last value of
    /// it, which may have changed since. It is no part of the JSON.
    #[serde(skip)]
    pub hidden_since: Option<SystemTime>,
}

impl Shaped for ServiceTags {
    const SHAPE: &'static Shape = &Shape::Object {
        fields: &[
            Field::new("Name", String::SHAPE),
            Field::new("Tags", Vec::<String>::SHAPE),
        ],
    };
}

/// Consul collects the tags for each answer, so a different order is no difference.
impl Item for ServiceTags {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.name
    }

    fn content_eq(&self, other: &Self) -> bool {
        let sorted = |tags: &[String]| {
            let mut tags: Vec<_> = tags.to_vec();
            tags.sort_unstable();
            tags
        };
        self.name == other.name
            && (self.tags == other.tags || sorted(&self.tags) == sorted(&other.tags))
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }

    fn name(&self) -> Cow<'_, str> {
        (&*self.name).into()
    }
}

/// Displays the name and the tags.
impl fmt::Display for ServiceTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.tags.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.tags.join(", "))
        }
    }
}

/// The services of a datacenter and their tags (<https://developer.hashicorp.com/consul/api-docs/catalog#list-services>), sorted by name as in Consul.
///
/// It dereferences to the list. The JSON is Consul's: an object with a list of tags for each name.
///
/// ```
/// use consul_watch::model::ServiceList;
///
/// let json = r#"{"consul":[],"web":["v1","v2"]}"#;
/// let services: ServiceList = serde_json::from_str(json)?;
/// assert_eq!(services.tags("web"), Some(&["v1".to_owned(), "v2".to_owned()][..]));
/// assert_eq!(serde_json::to_string(&services)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceList(pub(crate) Vec<Arc<ServiceTags>>);

impl ServiceList {
    /// Returns the tags of the service with this name; `None` if there is no such service.
    pub fn tags(&self, name: &str) -> Option<&[String]> {
        self.0
            .iter()
            .find(|service| service.name == name)
            .map(|service| service.tags.as_slice())
    }
}

/// Collects a list of services and their tags.
impl<N: Into<String>> FromIterator<(N, Vec<String>)> for ServiceList {
    fn from_iter<I: IntoIterator<Item = (N, Vec<String>)>>(services: I) -> Self {
        let services = services.into_iter().map(|(name, tags)| {
            Arc::new(ServiceTags {
                name: name.into(),
                tags: tags.into(),
                hidden_since: None,
            })
        });
        Self(services.collect())
    }
}

impl From<Vec<Arc<ServiceTags>>> for ServiceList {
    fn from(mut services: Vec<Arc<ServiceTags>>) -> Self {
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Self(services)
    }
}

impl std::ops::Deref for ServiceList {
    type Target = [Arc<ServiceTags>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Snapshot for ServiceList {
    type Item = ServiceTags;

    fn items(&self) -> &[Arc<ServiceTags>] {
        &self.0
    }
}

impl Serialize for ServiceList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for service in &self.0 {
            map.serialize_entry(&service.name, &service.tags)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ServiceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Services;
        impl<'de> Visitor<'de> for Services {
            type Value = ServiceList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of services and their tags, or null")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<ServiceList, E> {
                Ok(ServiceList::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ServiceList, A::Error> {
                let mut services = Vec::new();
                while let Some((Name(name), tags)) = map.next_entry()? {
                    services.push(Arc::new(ServiceTags {
                        name: name.into_owned(),
                        tags,
                        hidden_since: None,
                    }));
                }
                Ok(ServiceList(services))
            }
        }
        deserializer.deserialize_any(Services)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_written_as_they_were_read() {
        for text in [r"{}", r#"{"b":["x"],"a":null,"c":[]}"#] {
            assert_eq!(
                serde_json::to_string(&serde_json::from_str::<ServiceList>(text).unwrap()).unwrap(),
                text
            );
        }
        assert!(
            serde_json::from_str::<ServiceList>("null")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_order_of_tags_is_no_difference() {
        let service = |tags: &[&str]| ServiceTags {
            name: "a".to_owned(),
            tags: tags
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .into(),
            hidden_since: None,
        };
        assert!(service(&["x", "y"]).content_eq(&service(&["y", "x"])));
        assert!(!service(&["x", "y"]).content_eq(&service(&["x", "x"])));
        assert!(!service(&["x"]).content_eq(&service(&[])));
    }
}
