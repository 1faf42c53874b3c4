//! Trait implementations for queries whose values are of a type of the application.

/// Implements `Clone`, `PartialEq`, `Eq`, `Hash` and `Debug` for a query with these fields and the marker
/// `decoded`. A derive would require the same traits of the type parameter.
macro_rules! typed_query {
    ($query:ident { $($field:ident),+ }) => {
        impl<T> Clone for $query<T> {
            fn clone(&self) -> Self {
                Self {
                    $( $field: self.$field.clone(), )+
                    decoded: ::std::marker::PhantomData,
                }
            }
        }

        impl<T> PartialEq for $query<T> {
            fn eq(&self, other: &Self) -> bool {
                $( self.$field == other.$field )&&+
            }
        }

        impl<T> Eq for $query<T> {}

        impl<T> ::std::hash::Hash for $query<T> {
            fn hash<H: ::std::hash::Hasher>(&self, state: &mut H) {
                $( self.$field.hash(state); )+
            }
        }

        impl<T> ::std::fmt::Debug for $query<T> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($query))
                    $( .field(stringify!($field), &self.$field) )+
                    .finish()
            }
        }
    };
}
pub(super) use typed_query;
