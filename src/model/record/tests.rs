//! Records and enumerations: the JSON is written as it was read.

use super::*;

record! {
    /// For the tests.
    #[derive(Debug)]
    Thing {
        /// Its identity.
        id: String = "ID" required,
        /// Always present.
        size: u32 = "Size" always,
        /// Present if it is not empty.
        note: String = "Note" omit_empty,
        /// Present if it was present.
        tags: Nullable<Vec<String>> = "Tags" nullable,
        /// When it was written.
        index: u64 = "Index" bookkeeping,
    }
}

text_enum! {
    /// For the tests.
    Colour {
        /// Red.
        Red = "red",
    }
}

fn back(text: &str) -> String {
    serde_json::to_string(&serde_json::from_str::<Thing>(text).unwrap()).unwrap()
}

#[test]
fn fields_are_written_as_they_were_read() {
    for text in [
        r#"{"ID":"a","Size":0}"#,
        r#"{"ID":"a","Size":1,"Note":"x","Tags":null,"Index":3}"#,
        r#"{"ID":"a","Size":1,"Tags":[]}"#,
        r#"{"ID":"a","Size":1,"Tags":["b"],"Later":{"x":[null,1.5]}}"#,
    ] {
        assert_eq!(back(text), text);
    }
}

#[test]
fn an_object_without_its_identity_is_an_error_that_names_it() {
    let error = serde_json::from_str::<Thing>(r#"{"Size":0}"#).unwrap_err();
    assert!(error.to_string().contains("ID"), "{error}");
    assert!(serde_json::from_str::<Thing>("[]").is_err());
}

#[test]
fn null_and_bookkeeping_do_not_count() {
    let read = |text| serde_json::from_str::<Thing>(text).unwrap();
    let one = read(r#"{"ID":"a","Size":0,"Tags":null,"Index":3}"#);
    assert!(one.alike(&read(r#"{"ID":"a","Size":0,"Tags":[],"Index":4}"#)));
    assert!(!one.alike(&read(r#"{"ID":"a","Size":0,"Tags":["x"],"Index":3}"#)));
    assert!(!one.alike(&read(r#"{"ID":"a","Size":0,"Later":1,"Index":3}"#)));
}

#[test]
fn an_escaped_name_is_recognized() {
    assert_eq!(
        back(r#"{"\u0049D":"a","Size":0}"#),
        r#"{"ID":"a","Size":0}"#
    );
}

#[test]
fn an_enumeration_keeps_unknown_names() {
    let read = |text| serde_json::from_str::<Colour>(text).unwrap();
    assert_eq!(read(r#""red""#), Colour::Red);
    assert_eq!(read(r#""blue""#), Colour::Other("blue".into()));
    assert_eq!(
        serde_json::to_string(&read(r#""blue""#)).unwrap(),
        r#""blue""#
    );
}
