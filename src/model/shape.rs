//! [`Shape`]: the fields that Consul's JSON of a type may have.

use std::{collections::BTreeMap, sync::Arc};

/// The fields that a JSON value may have.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// A text, a number, a boolean, or JSON of any form: it has no named fields.
    Value,
    /// An object whose names are a user's own, such as metadata.
    Map {
        /// The shape of each value.
        of: &'static Shape,
    },
    /// A list.
    List {
        /// The shape of each element.
        of: &'static Shape,
    },
    /// An object of these fields.
    Object {
        /// The fields, in the order of the JSON.
        fields: &'static [Field],
    },
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Field {
    /// The name in the JSON.
    pub name: &'static str,
    /// The shape of its value.
    pub shape: &'static Shape,
    /// Whether it only says when the object was written, so that a difference in it is no change.
    pub is_bookkeeping: bool,
}

impl Field {
    /// Creates a field that counts.
    pub(crate) const fn new(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            shape,
            is_bookkeeping: false,
        }
    }

    /// Creates a field that only says when the object was written.
    pub(crate) const fn bookkeeping(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            shape,
            is_bookkeeping: true,
        }
    }
}

/// A type whose JSON has a known shape. The default is [`Shape::Value`].
pub(crate) trait Shaped {
    const SHAPE: &'static Shape = &Shape::Value;
}

impl Shaped for String {}
impl Shaped for bool {}
impl Shaped for u32 {}
impl Shaped for u64 {}
impl Shaped for i64 {}

impl<T: Shaped> Shaped for Arc<T> {
    const SHAPE: &'static Shape = T::SHAPE;
}

impl<T: Shaped> Shaped for Vec<T> {
    const SHAPE: &'static Shape = &Shape::List { of: T::SHAPE };
}

impl<T: Shaped> Shaped for BTreeMap<String, T> {
    const SHAPE: &'static Shape = &Shape::Map { of: T::SHAPE };
}
