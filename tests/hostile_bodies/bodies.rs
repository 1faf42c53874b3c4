//! A watch reports a hostile answer, delivers nothing of it, stays within its memory, and recovers with the next
//! good answer.

use crate::case::Case;
use crate::memory::{MIB, Memory};
use crate::reply::Reply;
use crate::server::pair;

/// The default of [`consul_watch::ConsulConfig::with_max_body_size`].
const LIMIT: usize = 32 * MIB;

/// The memory of two watches that each read a body up to the limit: the body, and room for it to grow.
const BODIES: usize = 2 * 3 * LIMIT;

/// The memory of everything else.
const SMALL: usize = 16 * MIB;

#[actix_rt::test]
async fn a_body_beyond_the_limit() {
    let mut memory = Memory::start();
    let mut case = Case::start(LIMIT).await;
    case.suffers(
        "100 MB with their length",
        Reply::long(100_000_000),
        "larger than 32 MiB",
    )
    .await;
    memory.grew_at_most(SMALL, "a length that is refused at sight");
    memory.restart();
    case.suffers(
        "100 MB in chunks",
        Reply::long_in_chunks(100_000_000),
        "larger than 32 MiB",
    )
    .await;
    memory.grew_at_most(BODIES, "chunks up to the limit");
}

#[actix_rt::test]
async fn a_compressed_body_that_grows_without_end() {
    let memory = Memory::start();
    for encoding in ["gzip", "deflate"] {
        let bomb = Reply::bomb(encoding, 1024);
        let mut case = Case::start(4 * MIB).await;
        case.suffers(encoding, bomb, "larger than 4 MiB").await;
    }
    memory.grew_at_most(
        64 * MIB,
        "bombs of a gibibyte each, against a limit of 4 MiB",
    );
}

#[actix_rt::test]
async fn a_head_without_end() {
    let memory = Memory::start();
    let mut case = Case::start(LIMIT).await;
    let endless = Reply::wire(|out| {
        out.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            out.write_all(
                b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
            )?;
        }
    });
    case.suffers("a head without end", endless, "is not HTTP")
        .await;
    memory.grew_at_most(SMALL, "a head without end");
}

#[actix_rt::test]
async fn a_million_entries() {
    let memory = Memory::start();
    let mut case = Case::start(128 * MIB).await;
    // The list turns out to be invalid after all of them are read.
    let pair = r#"{"Key":"app/a","CreateIndex":1,"ModifyIndex":1,"LockIndex":0},"#;
    case.fails(
        "a million pairs and no end of the list",
        Reply::list(1_000_000, pair, "7"),
        "cannot be read",
    )
    .await;
    memory.grew_at_most(640 * MIB, "a million pairs, in a body of 62 MB");
    case.recovers("a million pairs").await;
    case.suffers(
        "empty objects",
        Reply::list(1_000_000, "{},", "{}]"),
        "cannot be read",
    )
    .await;
    case.suffers(
        "nulls",
        Reply::list(1_000_000, "null,", "null]"),
        "cannot be read",
    )
    .await;
}

#[actix_rt::test]
async fn deep_nesting() {
    let memory = Memory::start();
    let mut case = Case::start(LIMIT).await;
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(1_000_000), close.repeat(1_000_000));
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[", "")] {
        case.suffers("deep alone", Reply::of(deep(open, close)), "cannot be read")
            .await;
    }
    let inside = |field: &str| {
        let node = format!(
            r#"[{{"Node":"here","Address":"x","{field}":{}"#,
            deep("[", "")
        );
        let pair = pair("app/a", "x", 5);
        // An unknown field is skipped, so its content has to be invalid in itself.
        let keys = format!(
            "{},\"{field}\":{}",
            pair.trim_end_matches("}]"),
            deep("[", "")
        );
        Reply::by_path(keys, node)
    };
    for field in ["Unknown", "Value", "Meta", "TaggedAddresses", "CreateIndex"] {
        case.suffers(field, inside(field), "cannot be read").await;
    }
    memory.grew_at_most(BODIES, "brackets a million deep");
}

#[actix_rt::test]
async fn what_is_no_json_or_none_of_consuls() {
    let _turn = Memory::start();
    let mut case = Case::start(LIMIT).await;
    let good = (
        pair("app/a", "x", 5),
        r#"[{"Node":"here","Address":"x","CreateIndex":1,"ModifyIndex":5}]"#.to_owned(),
    );
    let with = |old: &str, new: &str| {
        assert!(good.0.contains(old) && good.1.contains(old), "{old}");
        Reply::by_path(good.0.replace(old, new), good.1.replace(old, new))
    };
    let unread = "cannot be read";
    // The last of a node's duplicate fields counts, as in Consul's own clients.
    let twice = Reply::by_path(good.0.replace("\"ModifyIndex\"", "\"CreateIndex\""), "7");
    case.suffers("a duplicate field", twice, unread).await;
    for (name, old, new) in [
        (
            "a number below 0",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":-5",
        ),
        (
            "a number beyond 64 bits",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":18446744073709551616",
        ),
        ("a fraction", "\"ModifyIndex\":5", "\"ModifyIndex\":5.5"),
        (
            "a number without end",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":1e999",
        ),
        ("no number", "\"ModifyIndex\":5", "\"ModifyIndex\":NaN"),
        (
            "a text for a number",
            "\"CreateIndex\":1",
            "\"CreateIndex\":\"1\"",
        ),
        (
            "a list for a number",
            "\"CreateIndex\":1",
            "\"CreateIndex\":[1]",
        ),
        (
            "null for a number",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":null",
        ),
        ("an object for the list", "[{", "{"),
        ("another end", "}]", "}}"),
        ("a comma too many", "}]", "},]"),
        ("something after the end", "}]", "}] x"),
        (
            "half an escape",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":5,\"a\":\"\\ud800\\u12",
        ),
        (
            "a control character",
            "\"ModifyIndex\":5",
            "\"ModifyIndex\":5,\"a\u{1}\":\"\n\"",
        ),
    ] {
        case.suffers(name, with(old, new), unread).await;
    }
    for cut in [1, 10, 40] {
        let cut = |text: &str| text.as_bytes()[..text.len() - cut].to_vec();
        case.suffers("a cut", Reply::by_path(cut(&good.0), cut(&good.1)), unread)
            .await;
    }
    let invalid = |text: &str, old: &str| {
        let at = text.find(old).expect("it is there") + 1;
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = 0xff;
        bytes
    };
    let not_utf8 = Reply::by_path(invalid(&good.0, "app/a"), invalid(&good.1, "here"));
    case.suffers("no UTF-8", not_utf8, unread).await;
}

/// The name is too long for any URL, and it is outside the watched prefix.
#[actix_rt::test]
async fn a_key_of_64_kilobytes() {
    let memory = Memory::start();
    let mut case = Case::start(LIMIT).await;
    let long = "/k".repeat(32 * 1024);
    let cut = |text: String| text.trim_end_matches(']').to_owned();
    let node = format!(r#"[{{"Node":"{long}","Address":"x","CreateIndex":1,"ModifyIndex":5}}"#);
    case.suffers(
        "a long key",
        Reply::by_path(cut(pair(&long, "x", 5)), node),
        "cannot be read",
    )
    .await;
    memory.grew_at_most(SMALL, "a key of 64 KB");
}

/// The content of a field of the wrong type may be a secret.
#[actix_rt::test]
async fn a_failure_does_not_tell_what_the_body_holds() {
    let _turn = Memory::start();
    let mut case = Case::start(LIMIT).await;
    for body in [
        r#"[{"Key":"app/a","Value":"eA==","CreateIndex":"hunter2","ModifyIndex":1,"LockIndex":0}]"#,
        r#"[{"Node":"here","Address":"x","CreateIndex":1,"ModifyIndex":"hunter2, expected"}]"#,
        r#"["hunter2"]"#,
        r#""hunter2""#,
        r#"{"Key":"hunter2"}"#,
    ] {
        for text in case
            .suffers(
                "a secret in the wrong place",
                Reply::of(body),
                "cannot be read",
            )
            .await
        {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
