//! Programs that cannot be run: an error names the program and what to do, and nothing else happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use actix::prelude::*;
use consul_watch::handlers::{
    Environment, Exec, ExecHandler, Exit, OutputTo, Program, ProgramError, RunEnded, Script,
    ScriptHandler,
};
use consul_watch::{Changed, Key, KvPair};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

#[test]
fn a_nul_is_refused_wherever_it_is() {
    let nul = "a\0; rm -rf x";
    let with = |name: &str, value: &str| Environment::inherited().set(name, value);
    for (program, part) in [
        (Program::new(nul), "name or line"),
        (Program::shell(nul), "name or line"),
        (Program::new("true").arg("x").arg(nul), "argument 2"),
        (Program::shell("true").arg(nul), "argument 1"),
        (Program::new("true").directory(nul), "working directory"),
        (
            Program::new("true").environment(with("A", nul)),
            "variable A",
        ),
        (
            Program::new("true").environment(with("A\0B", "")),
            "variable A\u{fffd}B",
        ),
    ] {
        let error = ScriptHandler::new(Script::service(program.clone())).expect_err("a NUL");
        assert!(matches!(error, ProgramError::Nul { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(part) && !text.contains('\0'),
            "{part}: {text}"
        );
        assert!(ExecHandler::new(Exec::new(program)).is_err());
    }
    for name in ["", "A=B", "="] {
        let error = Program::new("true")
            .environment(with(name, "x"))
            .validate()
            .expect_err("no name");
        assert!(matches!(error, ProgramError::Variable { .. }), "{error}");
    }
}

struct Listener(UnboundedSender<RunEnded>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<RunEnded> for Listener {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, _: &mut Self::Context) {
        // A test that has ended wants nothing more.
        let _ = self.0.send(ended);
    }
}

fn state() -> Changed<Key> {
    let pair = KvPair {
        key: "app".to_owned(),
        value: Some("x".into()),
        lock_index: 0,
        flags: 0,
        session: None,
        create_index: 1,
        modify_index: 1,
        ..KvPair::default()
    };
    Changed::first(Key::new("app"), Some(Arc::new(pair)), 1)
}

/// Runs a program and returns its outcome.
async fn run(program: Program) -> Exit {
    let (out, mut ended) = unbounded_channel();
    let script = Script::command(program)
        .output(OutputTo::Log)
        .events(Listener(out).start().recipient());
    let handler = ScriptHandler::new(script).expect("it can be tried").start();
    // The handler ends with its run, and may be gone before it acknowledges.
    handler.do_send(state());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended.recv()).await;
    ended.expect("a run ends").expect("the listener runs").exit
}

#[actix_rt::test]
async fn what_cannot_be_run_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = |name: &str, text: &str, mode: u32| {
        fs::write(path(name), text).expect("it can be written");
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).expect("it is ours");
        path(name)
    };
    let here = path("");
    for (program, name, remedy) in [
        (
            Program::new("no-such-program-anywhere"),
            "no-such-program-anywhere".to_owned(),
            "not on the PATH",
        ),
        (Program::new(path("absent")), path("absent"), "no such file"),
        (
            Program::new(path("absent/../../x")),
            path("absent/../../x"),
            "no such file",
        ),
        (
            Program::new(file("text", "x", 0o644)),
            path("text"),
            "is not executable",
        ),
        (
            Program::new(file("no-interpreter", "#!/no/such\n", 0o755)),
            path("no-interpreter"),
            "interpreter",
        ),
        (
            Program::new(file("binary", "\x7fELF\0", 0o755)),
            path("binary"),
            "neither a program of this machine nor a script",
        ),
        (Program::new(here.clone()), here, "it is a directory"),
        (
            Program::new("true").directory(path("gone")),
            "true".to_owned(),
            "working directory",
        ),
        (
            Program::new("true").directory(path("text")),
            "true".to_owned(),
            "working directory",
        ),
    ] {
        let Exit::Failed(error) = run(program).await else {
            panic!("{name} was run")
        };
        let text = error.to_string();
        assert!(
            text.contains(&format!("cannot run `{name}`")) && text.contains(remedy),
            "{remedy}: {text}"
        );
    }
}

/// Arguments are no shell's: what looks like a command is a text.
#[actix_rt::test]
async fn an_argument_is_not_a_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = [
        "; touch x",
        "$(touch x)",
        "`touch x`",
        "--",
        "-c",
        "\n touch x",
        "| touch x",
    ];
    let program = Program::new("true").args(hostile).directory(folder.path());
    assert!(run(program).await.is_success());
    // A line's parameters are not a part of the line either.
    let line = Program::shell("test \"$1\" = '; touch x'")
        .args(hostile)
        .directory(folder.path());
    assert!(run(line).await.is_success());
    assert_eq!(
        fs::read_dir(folder.path()).expect("the folder").count(),
        0,
        "nothing was touched"
    );
}
