//! Structs and enumerations for Consul's JSON that are written as they were read.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::shape::{Shape, Shaped};

/// Fields of a newer Consul that this version of the library does not know. They are kept and written back.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// A value, and whether Consul sent it, sent `null`, or omitted it.
///
/// It dereferences to the value, or to the default (an empty list, 0) if there was none. Two of them are equal
/// if their values are: releases of Consul differ in writing `[]` or `null`.
///
/// ```
/// use consul_watch::model::Nullable;
///
/// let tags: Nullable<Vec<String>> = serde_json::from_str("null")?;
/// assert!(tags.is_empty());
/// assert_eq!(tags, Nullable::from(Vec::new()));
/// assert_eq!(serde_json::to_string(&tags)?, "null");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Nullable<T> {
    value: T,
    presence: Presence,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Absent,
    Null,
    Given,
}

impl<T> Nullable<T> {
    /// Returns the default value, written as `null`.
    pub(crate) fn null() -> Self
    where
        T: Default,
    {
        Self {
            value: T::default(),
            presence: Presence::Null,
        }
    }

    /// Returns whether it was omitted; then it is omitted again when written.
    pub fn is_absent(&self) -> bool {
        self.presence == Presence::Absent
    }

    /// Returns whether it was present and not `null`.
    pub fn is_given(&self) -> bool {
        self.presence == Presence::Given
    }

    /// Returns the value, if it was present and not `null`.
    pub fn given(&self) -> Option<&T> {
        self.is_given().then_some(&self.value)
    }

    /// Returns the value or the default.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Nullable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Nullable<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            presence: Presence::Given,
        }
    }
}

impl<T: PartialEq> PartialEq for Nullable<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Nullable<T> {}

impl<T: fmt::Debug> fmt::Debug for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_given() {
            self.value.serialize(serializer)
        } else {
            serializer.serialize_none()
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<T>::deserialize(deserializer)? {
            Some(value) => Self::from(value),
            None => Self::null(),
        })
    }
}

impl Shaped for Extra {}

impl<T: Shaped> Shaped for Nullable<T> {
    const SHAPE: &'static Shape = T::SHAPE;
}

/// The type of a field that identifies an object.
pub(super) trait Identity {
    /// Returns whether it was missing.
    fn is_missing(&self) -> bool;
}

impl Identity for String {
    fn is_missing(&self) -> bool {
        self.is_empty()
    }
}

/// The name of a field, borrowed from the text where possible.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> de::Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(text.to_owned())))
    }
}

/// Defines a struct for one of Consul's objects. The name of each field in the JSON is followed by a keyword:
///
/// - `required`: an identity; an object without it is an error;
/// - `always`: always written;
/// - `omit_empty`: omitted if it has its default, like Go's `omitempty`;
/// - `nullable`: a [`Nullable`], written as it was read;
/// - `bookkeeping`: like `omit_empty`, but not compared by `alike`, because it only says when an object was
///   written.
///
/// The fields of a block `with` are no part of the JSON, and `alike` does not compare them.
///
/// A derive with a flattened map would do the same, but buffers every field first. For a catalog of thousands
/// of checks, that costs more than the rest of the parser.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$doc:meta])* $field:ident: $type:ty = $key:literal $word:ident, )* }
        $( with { $( $(#[$state_doc:meta])* $state:ident: $state_type:ty, )* } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
            $( $( $(#[$state_doc])* pub $state: $state_type, )* )?
            /// Fields that this version of the library does not know.
            pub extra: $crate::model::Extra,
        }

        impl $name {
            /// Returns whether the two are equal but for bookkeeping.
            #[allow(dead_code, reason = "some records are only compared as parts of others")]
            pub(crate) fn alike(&self, other: &Self) -> bool {
                $( $crate::model::record::record!(@alike $word self other $field) && )* self.extra == other.extra
            }
        }

        impl $crate::model::shape::Shaped for $name {
            const SHAPE: &'static $crate::model::shape::Shape = &$crate::model::shape::Shape::Object {
                fields: &[ $( $crate::model::record::record!(@field $word $key $type), )* ],
            };
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $( $crate::model::record::record!(@write $word map self $field $key $type); )*
                for (key, value) in &self.extra {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object that is a ", stringify!($name)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut record = $name::default();
                        while let Some($crate::model::record::Name(key)) = map.next_key()? {
                            match &*key {
                                $( $key => record.$field = map.next_value()?, )*
                                _ => {
                                    record.extra.insert(key.into_owned(), map.next_value()?);
                                }
                            }
                        }
                        $( $crate::model::record::record!(@check $word A record $field $key); )*
                        Ok(record)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    };
    (@alike bookkeeping $a:ident $b:ident $field:ident) => { true };
    (@alike $word:ident $a:ident $b:ident $field:ident) => { $a.$field == $b.$field };
    (@field bookkeeping $key:literal $type:ty) => {
        $crate::model::shape::Field::bookkeeping($key, <$type as $crate::model::shape::Shaped>::SHAPE)
    };
    (@field $word:ident $key:literal $type:ty) => {
        $crate::model::shape::Field::new($key, <$type as $crate::model::shape::Shaped>::SHAPE)
    };
    (@write omit_empty $map:ident $record:ident $field:ident $key:literal $type:ty) => {
        if $record.$field != <$type>::default() {
            $map.serialize_entry($key, &$record.$field)?;
        }
    };
    (@write bookkeeping $map:ident $record:ident $field:ident $key:literal $type:ty) => {
        $crate::model::record::record!(@write omit_empty $map $record $field $key $type)
    };
    (@write nullable $map:ident $record:ident $field:ident $key:literal $type:ty) => {
        if !$record.$field.is_absent() {
            $map.serialize_entry($key, &$record.$field)?;
        }
    };
    (@write $word:ident $map:ident $record:ident $field:ident $key:literal $type:ty) => {
        $map.serialize_entry($key, &$record.$field)?;
    };
    (@check required $access:ident $record:ident $field:ident $key:literal) => {
        if $crate::model::record::Identity::is_missing(&$record.$field) {
            return Err(<$access::Error as serde::de::Error>::missing_field($key));
        }
    };
    (@check $word:ident $access:ident $record:ident $field:ident $key:literal) => {};
}
pub(super) use record;

/// Defines an enumeration that Consul writes as text, with a variant for unknown names.
macro_rules! text_enum {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$doc])* $variant, )*
            /// A name that this version of the library does not know.
            Other(Box<str>),
        }

        impl $name {
            /// Returns Consul's name.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(text) => text,
                }
            }
        }

        impl $crate::model::shape::Shaped for $name {}

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )*
                    other => Self::Other(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $crate::model::record::Name(text) = serde::Deserialize::deserialize(deserializer)?;
                Ok(Self::from(&*text))
            }
        }
    };
}
pub(super) use text_enum;

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros define public types")]
mod tests;
