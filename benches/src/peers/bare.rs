//! The floor: a loop around awc that reads the body, decodes it borrowed and looks at the indexes.
//!
//! It survives no error, has no subscribers and keeps no value. In the second form it hands each value to one actor on
//! another thread.

use std::borrow::Cow;
use std::future;
use std::time::Duration;

use actix::{Actor, Arbiter, Context, Handler, Message};
use awc::{Client, Connector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Contender, Side, Watched, child};
use crate::config::Config;

pub const TITLE: &str = "bare loop";

pub const HANDING_OVER: &str = "bare loop, to another thread";

pub(super) fn contender(config: &Config) -> Contender {
    config.contender("bare", TITLE, Side::Floor)
}

/// The bare loop with its handler on another thread, which is the default of consul-watch.
pub fn handing_over(config: &Config) -> Contender {
    config.contender("bare-handing-over", HANDING_OVER, Side::Floor)
}

/// The value as a message.
#[derive(Message)]
#[rtype(result = "()")]
struct Value(Vec<u8>);

struct App;

impl Actor for App {
    type Context = Context<Self>;
}

impl Handler<Value> for App {
    type Result = ();

    fn handle(&mut self, Value(value): Value, _: &mut Context<Self>) {
        child::seen(&value, child::now());
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair<'a> {
    // A real client reads these fields too.
    #[serde(borrow)]
    #[expect(dead_code, reason = "decoded, since everyone decodes it")]
    key: Cow<'a, str>,
    modify_index: u64,
    // serde copies into an `Option<Cow<str>>`, and base64 has no escapes.
    value: Option<&'a str>,
}

/// Watches and handles on one thread.
pub(super) fn run(args: &[&str]) -> Result<(), String> {
    let url = url(args)?;
    actix::System::new().block_on(async move {
        child::wait_for_go()?;
        watch(&url, |value| child::seen(&value, child::now())).await
    })
}

/// Watches on a separate thread and handles in an actor on this one.
pub(super) fn run_handing_over(args: &[&str]) -> Result<(), String> {
    let url = url(args)?;
    actix::System::new().block_on(async move {
        let (app, watching) = (App.start(), Arbiter::new());
        child::wait_for_go()?;
        watching.spawn_fn(move || {
            actix_rt::spawn(async move {
                if let Err(error) = watch(&url, |value| app.do_send(Value(value))).await {
                    // Its silence is noticed.
                    eprintln!("{error}");
                }
            });
        });
        future::pending().await
    })
}

fn url(args: &[&str]) -> Result<String, String> {
    let (watched, address) = child::arguments(args)?;
    let recurse = if matches!(watched, Watched::Prefix(_)) {
        "recurse&"
    } else {
        ""
    };
    Ok(format!(
        "http://{address}/v1/kv/{}?{recurse}wait=300s&index=",
        watched.name()
    ))
}

async fn watch(url: &str, mut send: impl FnMut(Vec<u8>)) -> Result<(), String> {
    let day = Duration::from_secs(86_400);
    let connector = Connector::new().conn_lifetime(day).conn_keep_alive(day);
    let client = Client::builder()
        .connector(connector)
        .disable_timeout()
        .finish();
    let mut index = 0;
    loop {
        let before = index;
        // On loopback, compression costs more than it saves.
        let question = client.get(format!("{url}{index}")).no_decompress();
        let mut answer = question.send().await.map_err(|error| error.to_string())?;
        index = answer
            .headers()
            .get("x-consul-index")
            .and_then(|index| index.to_str().ok()?.parse().ok())
            .ok_or("an answer without an index")?;
        let body = answer
            .body()
            .limit(64 << 20)
            .await
            .map_err(|error| error.to_string())?;
        let pairs: Vec<Pair<'_>> =
            serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let changed = pairs.iter().filter(|pair| pair.modify_index > before);
        let Some(last) = changed.max_by_key(|pair| pair.modify_index) else {
            continue;
        };
        let value = last.value.unwrap_or_default();
        send(STANDARD.decode(value).map_err(|error| error.to_string())?);
    }
}
