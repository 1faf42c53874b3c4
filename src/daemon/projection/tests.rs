//! The names of fields, and the values that they stand for.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    kv::KvPair,
    model::{Node, ServiceEntry, ServiceTags, Shaped},
};

fn of<I: Shaped>(names: &[&str]) -> Projection {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    Projection::new(&names, I::SHAPE, "project").unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn refused<I: Shaped>(name: &str) -> String {
    let errors = Projection::new(&[name.to_owned()], I::SHAPE, "project").unwrap_err();
    errors[0].to_string()
}

/// Returns whether two entries differ in these fields.
fn differ<I>(names: &[&str], old: Value, new: Value) -> bool
where
    I: Shaped + Serialize + serde::de::DeserializeOwned,
{
    let projection = of::<I>(names);
    let [old, new] = [old, new].map(|json| {
        let item: I = serde_json::from_value(json).unwrap();
        projection.values(&item, I::SHAPE).unwrap()
    });
    old != new
}

fn instance(service: &Value, checks: &Value) -> Value {
    let mut all = json!({ "ID": "web1", "Service": "web" });
    all.as_object_mut()
        .unwrap()
        .extend(service.as_object().unwrap().clone());
    json!({ "Node": { "Node": "n" }, "Service": all, "Checks": checks })
}

fn service(old: Value, new: Value, name: &str) -> bool {
    let [old, new] = [old, new].map(|service| instance(&service, &json!([])));
    differ::<ServiceEntry>(&[name], old, new)
}

#[test]
fn a_field_counts_and_its_neighbour_does_not() {
    let (old, new) = (
        json!({ "Address": "a", "Port": 1 }),
        json!({ "Address": "b", "Port": 1 }),
    );
    assert!(service(old.clone(), new.clone(), "Service.Address"));
    assert!(service(old.clone(), new.clone(), "Service"));
    assert!(!service(old, new, "Service.Port"));
}

#[test]
fn of_metadata_one_name_counts_even_with_dots() {
    let meta =
        |version: &str, other: &str| json!({ "Meta": { "app.version": version, "other": other } });
    assert!(service(
        meta("1", ""),
        meta("2", ""),
        "Service.Meta.app.version"
    ));
    assert!(!service(
        meta("1", "a"),
        meta("1", "b"),
        "Service.Meta.app.version"
    ));
    assert!(service(meta("1", "a"), meta("1", "b"), "Service.Meta"));
    // An empty text is a value.
    assert!(service(
        json!({ "Meta": {} }),
        json!({ "Meta": { "x": "" } }),
        "Service.Meta.x"
    ));
}

#[test]
fn addresses_by_purpose_have_fields() {
    let tagged =
        |port: u16| json!({ "TaggedAddresses": { "lan": { "Address": "a", "Port": port } } });
    assert!(service(
        tagged(1),
        tagged(2),
        "Service.TaggedAddresses.lan.Port"
    ));
    assert!(service(tagged(1), tagged(2), "Service.TaggedAddresses.lan"));
    assert!(!service(
        tagged(1),
        tagged(2),
        "Service.TaggedAddresses.lan.Address"
    ));
    assert!(service(
        json!({}),
        tagged(2),
        "Service.TaggedAddresses.lan.Address"
    ));
}

#[test]
fn absent_null_and_empty_are_equal() {
    for (name, one, other) in [
        (
            "Service.Tags",
            json!({ "Tags": null }),
            json!({ "Tags": [] }),
        ),
        ("Service.Tags", json!({}), json!({ "Tags": [] })),
        ("Service.Meta", json!({}), json!({ "Meta": {} })),
        ("Service.PeerName", json!({}), json!({ "PeerName": "" })),
        ("Service.Port", json!({}), json!({ "Port": 0 })),
        (
            "Service.Proxy",
            json!({}),
            json!({ "Proxy": { "Mode": "", "Expose": {} } }),
        ),
        (
            "Service",
            json!({ "ModifyIndex": 1 }),
            json!({ "ModifyIndex": 2, "ContentHash": "x" }),
        ),
    ] {
        assert!(!service(one, other, name), "{name}");
    }
    assert!(service(
        json!({ "Tags": [""] }),
        json!({ "Tags": [] }),
        "Service.Tags"
    ));
}

#[test]
fn checks_count_by_their_identity_in_any_order() {
    let check = |id: &str, status: &str, output: &str| json!({ "Node": "n", "CheckID": id, "Status": status, "Output": output });
    let differ = |names: &[&str], old: Value, new: Value| {
        differ::<ServiceEntry>(
            names,
            instance(&json!({}), &old),
            instance(&json!({}), &new),
        )
    };
    let old = json!([check("a", "passing", ""), check("b", "critical", "")]);
    let reordered = json!([check("b", "critical", ""), check("a", "passing", "")]);
    let swapped = json!([check("a", "critical", ""), check("b", "passing", "")]);
    let noisy = json!([check("a", "passing", "ok"), check("b", "critical", "")]);
    let replaced = json!([check("a", "passing", ""), check("c", "critical", "")]);
    for names in [["Checks"], ["Checks.Status"]] {
        assert!(!differ(&names, old.clone(), reordered.clone()), "{names:?}");
        assert!(differ(&names, old.clone(), swapped.clone()), "{names:?}");
        assert!(differ(&names, old.clone(), replaced.clone()), "{names:?}");
    }
    assert!(differ(&["Checks"], old.clone(), noisy.clone()));
    assert!(!differ(&["Checks.Status"], old, noisy));
}

#[test]
fn keys_have_their_own_fields() {
    let pair = |value: &str, flags: u64, index: u64| json!({ "Key": "a", "Value": value, "Flags": flags, "CreateIndex": 1, "ModifyIndex": index });
    let differ = |name, old, new| differ::<KvPair>(&[name], old, new);
    assert!(differ("Value", pair("MQ==", 0, 1), pair("Mg==", 0, 2)));
    assert!(!differ("Value", pair("MQ==", 0, 1), pair("MQ==", 7, 2)));
    assert!(differ("Flags", pair("MQ==", 0, 1), pair("MQ==", 7, 2)));
    assert!(!differ("Key", pair("MQ==", 0, 1), pair("Mg==", 7, 2)));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    for (text, parts) in [
        (
            refused::<KvPair>("Vaule"),
            &[
                "`project[0]` cannot be `Vaule` (did you mean `Value`?)",
                "one of Key, ",
            ][..],
        ),
        (refused::<KvPair>("value"), &["did you mean `Value`?"]),
        (
            refused::<ServiceEntry>("Address"),
            &[
                "did you mean `Node.Address` or `Service.Address`?",
                "one of Node, Service, Checks,",
            ],
        ),
        (
            refused::<ServiceEntry>("Service.Adress"),
            &["did you mean `Service.Address`?", " in `Service`"],
        ),
        (
            refused::<ServiceEntry>("Service.Port.x"),
            &["`Service.Port` has no fields; name `Service.Port` itself"],
        ),
        (
            refused::<ServiceEntry>(""),
            &["cannot be ``", "one of Node, "],
        ),
        (refused::<ServiceEntry>("Service."), &["ends with a dot"]),
        (
            refused::<ServiceEntry>("Service.Meta."),
            &["ends with a dot"],
        ),
        (
            refused::<Node>("ModifyIndex"),
            &["`ModifyIndex` only says when something was written"],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

/// Returns the names of all values of a JSON.
fn names(json: &Value, shape: &Shape, before: &str, found: &mut BTreeSet<String>) {
    match (json, shape) {
        (Value::Object(map), Shape::Object { fields }) => {
            for (name, value) in map {
                let path = format!("{before}{name}");
                let field = fields.iter().find(|field| field.name == name);
                let field = field.unwrap_or_else(|| panic!("{path} has no shape"));
                if !field.is_bookkeeping {
                    found.insert(path.clone());
                    names(value, field.shape, &format!("{path}."), found);
                }
            }
        }
        (Value::Object(map), Shape::Map { of }) => {
            for value in map.values() {
                found.insert(format!("{before}*"));
                names(value, of, &format!("{before}*."), found);
            }
        }
        (Value::Array(list), Shape::List { of }) => {
            for value in list {
                names(value, of, before, found);
            }
        }
        _ => {}
    }
}

/// Checks that each field of this JSON has a name, and that a name outside of these has a field in it.
fn matches<I: Shaped>(text: &str, absent: &[&str]) {
    let (mut in_json, mut in_shape) = (BTreeSet::new(), Vec::new());
    names(
        &serde_json::from_str(text).unwrap(),
        I::SHAPE,
        "",
        &mut in_json,
    );
    all_names(I::SHAPE, "", &mut in_shape);
    for name in &in_json {
        assert!(in_shape.contains(name), "{name}");
        of::<I>(&[&name.replace('*', "x")]);
    }
    let missing: Vec<_> = in_shape
        .iter()
        .filter(|name| !in_json.contains(*name))
        .collect();
    assert_eq!(missing, absent);
}

#[test]
fn the_names_are_those_of_consuls_json() {
    matches::<KvPair>(
        r#"{"LockIndex":0,"Key":"a","Flags":0,"Value":"MQ==","Session":"s","CreateIndex":5,"ModifyIndex":6,"Namespace":"","Partition":""}"#,
        &[],
    );
    matches::<ServiceTags>(r#"{"Name":"web","Tags":["v1"]}"#, &[]);
    matches::<Node>(
        r#"{"ID":"i","Node":"n","Address":"a","Datacenter":"d","Partition":"","PeerName":"","TaggedAddresses":{"lan":"a"},"Meta":{"a":"b"},"Locality":{"Region":"r","Zone":"z"},"CreateIndex":1,"ModifyIndex":2}"#,
        &[],
    );
}
