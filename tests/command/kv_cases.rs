//! Calls of `kv` that are compared with `consul kv`.

/// The comparison of both texts on standard error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errors {
    Same,
    /// Both begin with this text; the reason behind it is in the words of each.
    Begin(&'static str),
    /// Each prints its own.
    Own,
}

/// One call of both commands on the same keys.
pub(crate) struct Case {
    /// The arguments behind `kv`. `{app/a}` is the ModifyIndex of this key, `{session}` a session, and `{folder}` a
    /// folder with the file `data`.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) stdin: &'static str,
    pub(crate) errors: Errors,
    pub(crate) since: (u32, u32),
    pub(crate) why: Option<&'static str>,
}

impl Case {
    const fn new(arguments: &'static [&'static str]) -> Self {
        Self {
            arguments,
            stdin: "",
            errors: Errors::Same,
            since: (1, 8),
            why: None,
        }
    }

    const fn stdin(self, stdin: &'static str) -> Self {
        Self { stdin, ..self }
    }

    const fn errors(self, errors: Errors) -> Self {
        Self { errors, ..self }
    }

    const fn since(self, minor: u32) -> Self {
        Self {
            since: (1, minor),
            ..self
        }
    }

    const fn differs(self, why: &'static str) -> Self {
        Self {
            why: Some(why),
            errors: Errors::Own,
            ..self
        }
    }
}

const WHOLE_STORE: &str =
    "refused, since a variable that is not set would ask for every key; no name at all does";
const ANOTHER_KEY: &str = "refused, since it is not the key that was named";

/// A case with an empty text, whose warnings or errors are in the words of each.
const fn empty(arguments: &'static [&'static str]) -> Case {
    Case::new(arguments).errors(Errors::Own)
}

const QUERY: Errors = Errors::Begin("Error querying Consul agent: ");

pub(crate) const CASES: &[Case] = &[
    Case::new(&["get", "app/a"]),
    Case::new(&["get", "/app/a"]),
    Case::new(&["get", "app/binary"]),
    Case::new(&["get", "app/empty"]),
    Case::new(&["get", "none"]),
    Case::new(&["get"]),
    Case::new(&["get", ""]),
    Case::new(&["get", "a", "b"]),
    Case::new(&["get", "-base64", "app/a"]),
    Case::new(&["get", "-base64", "app/binary"]),
    Case::new(&["get", "-detailed", "app/a"]),
    Case::new(&["get", "-detailed", "app/flags"]),
    Case::new(&["get", "-detailed", "app/lines"]),
    Case::new(&["get", "-detailed", "app/locked"]),
    Case::new(&["get", "-detailed", "-base64", "app/a"]),
    Case::new(&["get", "-recurse"]),
    Case::new(&["get", "-recurse", "app"]),
    Case::new(&["get", "-recurse", "app/"]),
    Case::new(&["get", "-recurse", "/"]),
    Case::new(&["get", "app//a"]).errors(Errors::Own),
    Case::new(&["get", "//app/./a"]).errors(Errors::Own),
    Case::new(&["get", "-recurse", "app//"]).errors(Errors::Own),
    Case::new(&["get", "-keys", "//app/"]).errors(Errors::Own),
    Case::new(&["export", "app//"]).errors(Errors::Own),
    Case::new(&["get", "-recurse", "//"]).differs(WHOLE_STORE),
    Case::new(&["export", "app/../"]).differs(WHOLE_STORE),
    Case::new(&["delete", "app//a"]).differs(ANOTHER_KEY),
    Case::new(&["delete", "-recurse", "app//"]).differs(ANOTHER_KEY),
    Case::new(&["delete", "-recurse", "//"]).differs(ANOTHER_KEY),
    Case::new(&["get", "-recurse", "none"]),
    Case::new(&["get", "-recurse", "-detailed", "app/"]),
    Case::new(&["get", "-recurse", "-base64", "app/"]),
    Case::new(&["get", "-keys"]),
    Case::new(&["get", "-keys", "app"]),
    Case::new(&["get", "-keys", "app/"]),
    Case::new(&["get", "-keys", "-separator=", "app"]),
    Case::new(&["get", "-keys", "-separator", "l", "app/"]),
    Case::new(&["get", "-keys", "-separator=", ""]),
    Case::new(&["get", "-keys", "-recurse", "app/"]).since(16),
    Case::new(&["get", "-keys", "-recurse", "-detailed", "app/"]).since(16),
    Case::new(&["get", "-recurse=false", "app/a"]),
    Case::new(&["get", "--base64=true", "-stale", "app/a"]),
    Case::new(&["get", "-recurse", "-recurse=false", "app/a"]).errors(Errors::Own),
    Case::new(&["get", "app/a", "-base64"]),
    Case::new(&["get", "--", "app/a"]),
    Case::new(&["get", "-token=", "-ca-file=", "app/a"]).errors(Errors::Own),
    Case::new(&["get", "-recurse=maybe", "app/a"]).errors(Errors::Own),
    Case::new(&["get", "-x", "app/a"]).errors(Errors::Own),
    Case::new(&["get", "-http-addr=127.0.0.1:1", "app/a"]).errors(QUERY),
    Case::new(&["get", "-datacenter=none", "app/a"]).errors(QUERY),
    Case::new(&["get", "-token=00000000-0000-0000-0000-000000000001", "app/a"]),
    empty(&["get", "-base64=", "app/a"]),
    empty(&["get", "-detailed=", "app/a"]),
    empty(&["get", "-keys=", "app/a"]),
    empty(&["get", "-recurse=", "app/a"]),
    empty(&["get", "-stale=", "app/a"]),
    empty(&["get", "-separator=", "app/a"]),
    empty(&["get", "-token", "", "app/a"]),
    empty(&["get", "-token-file=", "app/a"]),
    empty(&["get", "-http-addr=", "app/a"]),
    empty(&["get", "-ca-path=", "-client-cert=", "-client-key=", "app/a"]),
    empty(&["get", "-tls-server-name=", "-datacenter=", "app/a"]),
    empty(&["get", "-namespace=", "-partition=", "app/a"]).since(16),
    Case::new(&["put", "new", "1"]),
    Case::new(&["put", "app/a", "2"]),
    Case::new(&["put", "new"]),
    Case::new(&["put", "new", ""]),
    Case::new(&["put", "folder/"]),
    Case::new(&["put", "größe 1?#%41", "ä"]).errors(Errors::Own),
    Case::new(&["put", "new", "-"]).stdin("from stdin\n"),
    Case::new(&["put", "new", "-5"]),
    Case::new(&["put", "new", "-cas"]),
    Case::new(&["put", "new", "@{folder}/data"]),
    Case::new(&["put", "new", "@{folder}/none"]),
    Case::new(&["put", "new", "@{folder}"]),
    Case::new(&["put"]),
    Case::new(&["put", "a", "b", "c"]),
    Case::new(&["put", "-base64", "new", "aGVsbG8="]),
    Case::new(&["put", "-base64", "new", "-"]).stdin("aGVs\nbG8=\n"),
    Case::new(&["put", "-base64", "new", "aGVsb"])
        .differs("refused with the same text and exit status 1; Consul's command writes the part it could decode"),
    Case::new(&["put", "-flags=42", "new", "1"]),
    Case::new(&["put", "-flags", "0x2a", "new", "1"]),
    Case::new(&["put", "-flags=-1", "new", "1"]).errors(Errors::Own),
    Case::new(&["put", "-flags=1_0", "new", "1"]),
    Case::new(&["put", "-flags=0x_1_F", "new", "1"]),
    Case::new(&["put", "-flags=0_17", "new", "1"]),
    Case::new(&["put", "-flags=0b1_0", "new", "1"]),
    Case::new(&["put", "-flags=0O17", "new", "1"]),
    Case::new(&["put", "-flags=1__0", "new", "1"]).errors(Errors::Own),
    Case::new(&["put", "-flags=1_", "new", "1"]).errors(Errors::Own),
    Case::new(&["put", "-flags=08", "new", "1"]).errors(Errors::Own),
    Case::new(&["put", "-flags=+1", "new", "1"]).errors(Errors::Own),
    Case::new(&["put", "-cas", "-modify-index=0x_1", "app/a", "2"]),
    Case::new(&["put", "app/flags", "1"]),
    Case::new(&["put", "-cas", "new", "1"]).since(16),
    Case::new(&["put", "-cas", "app/a", "2"]).since(16),
    Case::new(&["put", "-cas", "-modify-index={app/a}", "app/a", "2"]),
    Case::new(&["put", "-cas", "-modify-index=1", "app/a", "2"]),
    Case::new(&["put", "-modify-index=1", "app/a", "2"]),
    Case::new(&["put", "-acquire", "-session={session}", "app/a", "2"]),
    Case::new(&["put", "-acquire", "-session={session}", "-flags=3", "new", "2"]),
    Case::new(&["put", "-release", "-session={session}", "app/a", "2"]),
    Case::new(&["put", "-release", "-session={session}", "app/locked", "2"]),
    Case::new(&["put", "-acquire", "app/a", "2"]),
    Case::new(&["put", "-release", "-session=", "app/a", "2"]).errors(Errors::Own),
    Case::new(&["put", "-acquire", "-session=none", "app/a", "2"])
        .errors(Errors::Begin("Error! Failed writing data: ")),
    Case::new(&["put", "", "2"]).errors(Errors::Begin("Error! Failed writing data: ")),
    Case::new(&["put", "/lead", "1"])
        .differs("drops the slash, as every other command of both does"),
    Case::new(&["put", "a//b", "1"]).since(16).differs(NO_URL),
    Case::new(&["put", "a/../b", "1"]).since(16).differs(NO_URL),
    Case::new(&["put", "app//a", "1"]).differs(NO_URL),
    Case::new(&["put", "a\nb", "1"]).errors(Errors::Begin("Error! Failed writing data: ")),
    empty(&["put", "-acquire=", "new", "1"]),
    empty(&["put", "-base64=", "new", "MQ=="]),
    empty(&["put", "-cas=", "new", "1"]),
    empty(&["put", "-release=", "new", "1"]),
    empty(&["put", "-stale=", "new", "1"]),
    empty(&["put", "-flags=", "new", "1"]),
    empty(&["put", "-flags", "", "new", "1"]),
    empty(&["put", "-modify-index=", "app/a", "2"]),
    empty(&["put", "-modify-index", "", "app/a", "2"]),
    empty(&["put", "-cas", "-modify-index=", "new", "1"]),
    empty(&["put", "-session=", "app/a", "2"]),
    empty(&["put", "-acquire", "-session", "", "app/a", "2"]),
    Case::new(&["delete", "app/a"]),
    Case::new(&["delete", "/app/a"]),
    Case::new(&["delete", "none"]),
    Case::new(&["delete"]),
    Case::new(&["delete", "a", "b"]),
    Case::new(&["delete", "-recurse", "app"]),
    Case::new(&["delete", "-recurse", "app/"]),
    Case::new(&["delete", "-recurse", "none"]),
    Case::new(&["delete", "-recurse"]),
    Case::new(&["delete", "-recurse", "/"]),
    Case::new(&["delete", "-recurse", ""])
        .differs("refused, since a variable that is not set would delete every key; without the argument it does"),
    Case::new(&["delete", "-cas", "-modify-index={app/a}", "app/a"]),
    Case::new(&["delete", "-cas", "-modify-index=1", "app/a"]),
    Case::new(&["delete", "-cas", "app/a"]).since(16),
    Case::new(&["delete", "-modify-index=1", "app/a"]),
    Case::new(&["delete", "-cas", "-modify-index=1", "-recurse", "app"]),
    empty(&["delete", "-cas=", "app/a"]),
    empty(&["delete", "-recurse=", "app/a"]),
    empty(&["delete", "-stale=", "app/a"]),
    empty(&["delete", "-modify-index=", "app/a"]),
    empty(&["delete", "-modify-index", "", "app/a"]),
    empty(&["delete", "-cas", "-modify-index=", "app/a"]),
    empty(&["delete", "-recurse", "-modify-index=", "app"]),
    Case::new(&["export"]),
    Case::new(&["export", "app"]),
    Case::new(&["export", "/app/"]),
    Case::new(&["export", "none"]),
    Case::new(&["export", "a", "b"]),
    empty(&["export", "-stale=", "app"]),
    empty(&["export", "-token=", "-datacenter=", "app"]),
    Case::new(&["import", "-"]).stdin(EXPORTED),
    Case::new(&["import", EXPORTED]),
    Case::new(&["import", "@{folder}/none"]),
    Case::new(&["import", "[]"]),
    Case::new(&["import", "null"]),
    Case::new(&["import"]),
    Case::new(&["import", ""]),
    Case::new(&["import", "a", "b"]),
    Case::new(&["import", "x"]).errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", "{}"]).errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", r#"[{"key":"x","value":"MQ=="},{"key":"y","value":"!"}]"#]),
    Case::new(&["import", r#"[{"KEY":"x","Flags":1,"value":"MQ==","more":1}]"#]),
    Case::new(&["import", "-prefix=copy", EXPORTED]).since(16),
    Case::new(&["import", "-prefix=copy/", EXPORTED]).since(16),
    Case::new(&["import", "-prefix=", EXPORTED]).since(16).errors(Errors::Own),
    empty(&["import", "-stale=", EXPORTED]),
    Case::new(&["import", " "]).errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", "["]).errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", "[] x"]).errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", r#"[{"key":"x","flags":-1}]"#])
        .errors(Errors::Begin("Cannot unmarshal data: ")),
    Case::new(&["import", r#"[{"key":"x","KEY":"z","value":"MQ=="},{"KEY":"u","key":"v"}]"#]),
    Case::new(&["import", r#"[{"key":"a\nb","value":"MQ=="}]"#])
        .errors(Errors::Begin("Error! Failed writing data for key a")),
    Case::new(&["import", "[null]"]).differs("refused with exit status 1; Consul's command panics"),
    Case::new(&["import", r#"[{"key":"\ud800","value":"MQ=="}]"#])
        .differs("refused, since half a surrogate pair is no character; Consul's command writes another key"),
    Case::new(&["import", "@{folder}/latin1"])
        .differs("refused, since a name that is not UTF-8 would become another; Consul's command writes that one"),
    Case::new(&["import", "@{folder}/marked"])
        .differs("accepted: editors on Windows begin a file with a byte-order mark"),
    Case::new(&["import", "@{folder}/deep"]),
    Case::new(&["import", r#"[{"key":"x//y","value":"MQ=="}]"#])
        .since(16)
        .differs("refused, since no URL can name the key; Consul's command writes another, `x/y`"),
    Case::new(&[]).errors(Errors::Own),
    Case::new(&["list"]).errors(Errors::Own),
];

const EXPORTED: &str = r#"[
	{ "key": "in/a", "flags": 7, "value": "MQ==" },
	{ "key": "in/folder/", "flags": 0, "value": "" }
]"#;

/// Consul's router answers with a redirect to another key. Before Go 1.26 the command reads that key then, and since
/// then it writes it.
const NO_URL: &str = "refused, since no URL can name the key; Consul's command says `Success!` for another key, or fails";
