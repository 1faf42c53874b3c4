//! The documented checks of a receiver, run on a real call: they accept it, and nothing that differs from it.

use std::io::Write;
use std::process::{Command, Stdio};

use consul_watch::handlers::Webhook;

use crate::script_fixture::state;
use crate::webhook_target::{Call, OK, Target};

const KEY: &str = "hunter2 and more";

/// The parts that a receiver has of a request.
#[derive(Clone)]
struct Received {
    method: String,
    target: String,
    signature: String,
    index: String,
    idempotency_key: String,
    body: String,
}

impl Received {
    fn of(call: &Call) -> Self {
        let (method, target) = call.line.split_once(' ').expect("a method and a target");
        let header = |name| call.header(name).to_owned();
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            signature: header("x-consul-watch-signature"),
            index: header("x-consul-index"),
            idempotency_key: header("idempotency-key"),
            body: call.body.clone(),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }

    /// The request as if it had been sent `seconds` ago, signed by nobody.
    fn older(&self, seconds: u64) -> Self {
        let (time, signature) = self.signature.split_once(',').expect("two parts");
        let time: u64 = time
            .strip_prefix("t=")
            .expect("a time")
            .parse()
            .expect("a number");
        self.with(|it| it.signature = format!("t={},{signature}", time - seconds))
    }
}

/// Returns the example of the documentation in this language.
fn documented(language: &str) -> String {
    let text = include_str!("../../docs/daemon.md");
    let section = text.split("## Signatures").nth(1).expect("the section");
    let block = section.split(&format!("```{language}\n")).nth(1);
    block
        .expect("the example")
        .split("```")
        .next()
        .expect("its end")
        .to_owned()
}

/// Runs a command with this input, and returns its exit code.
fn code(command: &mut Command, input: &str) -> Option<i32> {
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("Python, a shell and openssl are there");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A check that refuses at once reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait().expect("it ends").code()
}

fn by_python(received: &Received, later: u64) -> bool {
    let script = format!(
        "{}\nimport sys\n_, key, method, target, signature, index, once, later = sys.argv\n\
         headers = {{'X-Consul-Watch-Signature': signature, 'X-Consul-Index': index, 'Idempotency-Key': once}}\n\
         body = sys.stdin.buffer.read()\n\
         good = is_genuine(key.encode(), method, target, headers, body, time.time() + int(later))\n\
         sys.exit(0 if good else 3)\n",
        documented("python")
    );
    let mut command = Command::new("python3");
    command.args(["-c", &script, KEY, &received.method, &received.target]);
    command.args([
        &received.signature,
        &received.index,
        &received.idempotency_key,
    ]);
    command.arg(later.to_string());
    match code(&mut command, &received.body) {
        Some(0) => true,
        Some(3) => false,
        other => panic!("the Python of the documentation failed: {other:?}"),
    }
}

fn by_shell(received: &Received) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{KEY}\n")).expect("it can be written");
    let (time, signature) = received.signature.split_once(",v2=").unwrap_or(("t=", ""));
    let mut command = Command::new("sh");
    command
        .args(["-c", &documented("sh")])
        .env("KEY_FILE", file.path())
        .env("TIME", time.strip_prefix("t=").unwrap_or_default())
        .env("SIGNATURE", signature)
        .env("METHOD", &received.method)
        .env("TARGET", &received.target)
        .env("INDEX", &received.index)
        .env("IDEMPOTENCY_KEY", &received.idempotency_key);
    match code(&mut command, &received.body) {
        Some(0) => true,
        Some(1) => false,
        other => panic!("the shell of the documentation failed: {other:?}"),
    }
}

#[actix_rt::test]
async fn the_documented_checks_accept_the_call_and_nothing_else() {
    let mut target = Target::start(&[OK]);
    let webhook = Webhook::new(target.url("/hook?team=blue&x=%20")).sign_with(KEY);
    let handler = target.handler(webhook);
    handler
        .send(state("a 'b' \"c\" %s \\n", 7))
        .await
        .expect("handled");
    let genuine = Received::of(&target.call().await);
    assert!(by_python(&genuine, 0), "{:?}", genuine.signature);
    assert!(by_shell(&genuine), "{:?}", genuine.signature);
    assert!(!by_python(&genuine, 400), "it is a repeated one");
    let version_1 = genuine.signature.replace("v2=", "v1=");
    for (what, forged) in [
        ("the method", genuine.with(|it| it.method = "PUT".into())),
        ("the query", genuine.with(|it| it.target.push('1'))),
        (
            "the path",
            genuine.with(|it| it.target = "/other?team=blue&x=%20".into()),
        ),
        ("the index", genuine.with(|it| it.index = "8".into())),
        (
            "the key of the state",
            genuine.with(|it| it.idempotency_key.push('0')),
        ),
        ("the body", genuine.with(|it| it.body.push(' '))),
        ("the time", genuine.older(1)),
        ("no signature", genuine.with(|it| it.signature.clear())),
        (
            "the time as code",
            genuine.with(|it| it.signature.insert_str(2, "a[$(exit 0)]")),
        ),
        (
            "the time as an octal number",
            genuine.with(|it| it.signature.insert(2, '0')),
        ),
        (
            "a time beyond all numbers",
            genuine.with(|it| it.signature.insert_str(2, "9999999999999")),
        ),
        ("version 1", genuine.with(|it| it.signature = version_1)),
    ] {
        assert!(!by_python(&forged, 0), "Python accepts another for {what}");
        assert!(!by_shell(&forged), "the shell accepts another for {what}");
    }
}

#[actix_rt::test]
async fn each_attempt_has_its_own_time() {
    use crate::webhook_target::Answer;
    let mut target = Target::start(&[Answer::Reply("503 Busy", "Retry-After: 2\r\n", ""), OK]);
    let handler = target.handler(Webhook::new(target.url("/")).sign_with(KEY));
    handler.send(state("1", 7)).await.expect("acknowledged");
    let calls = [target.call().await, target.call().await];
    let [first, second] = calls.each_ref().map(Received::of);
    assert_eq!(first.idempotency_key, second.idempotency_key);
    assert_ne!(first.signature, second.signature);
    assert!(by_python(&second, 0));
}
