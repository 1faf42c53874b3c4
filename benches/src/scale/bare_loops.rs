//! Many bare loops in one process: awc, no actors, no error handling.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_rt::spawn;
use awc::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::counters::RoundCounters;
use super::ipc::{Commands, print_line};
use super::keys::folder;
use super::url::Url;
use crate::measure::monotonic_ns;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

/// The outcome of the loops so far.
#[derive(Default)]
struct Fate {
    /// Loops with at least one response.
    answered: Cell<usize>,
    /// Loops that ended by an error.
    refused: Cell<usize>,
}

/// Runs loops that each watch a folder until an error ends them. Arguments: `URL CERTIFICATE|- COUNT`.
pub(super) fn hold(args: &[&str]) -> Result<(), String> {
    let (url, count) = arguments(args)?;
    actix::System::new().block_on(async move {
        let client = url.client(0)?;
        let mut commands = Commands::wait_for_go().await?;
        let (counters, fate) = (RoundCounters::of(count), Rc::new(Fate::default()));
        for n in 0..count {
            let url = format!(
                "{}/v1/kv/{}/?recurse&wait=300s&index=",
                url.address,
                folder(n)
            );
            let (client, counters, fate) = (client.clone(), Rc::clone(&counters), Rc::clone(&fate));
            spawn(async move {
                let mut index = 0;
                let mut first = true;
                while let Some(next) = ask_once(&client, &format!("{url}{index}"), &counters).await
                {
                    if std::mem::take(&mut first) {
                        fate.answered.set(fate.answered.get() + 1);
                    }
                    index = next;
                }
                fate.refused.set(fate.refused.get() + 1);
            });
        }
        loop {
            let command = commands.next().await;
            match command.split_once(' ') {
                None if command == "states" => {
                    let refused = fate.refused.get();
                    let answered = fate.answered.get();
                    print_line(&format!(
                        "states held={} refused={refused} answered={answered}",
                        count - refused
                    ));
                }
                Some(("count", round)) => {
                    let round = round.parse().map_err(|error| format!("{round}: {error}"))?;
                    print_line(&format!("count {}", counters.borrow().delivered(round)));
                }
                _ => return Err(format!("unknown command: {command}")),
            }
        }
    })
}

/// Queries once, records the values and returns the index; `None` after an error.
async fn ask_once(client: &Client, url: &str, counters: &RefCell<RoundCounters>) -> Option<u64> {
    let mut answer = client.get(url).send().await.ok()?;
    let index = answer
        .headers()
        .get("x-consul-index")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    let body = answer.body().limit(1 << 20).await.ok()?;
    for pair in serde_json::from_slice::<Vec<Pair<'_>>>(&body).ok()? {
        let value = STANDARD.decode(pair.value.unwrap_or_default()).ok()?;
        counters.borrow_mut().note(pair.key, &value);
    }
    Some(index)
}

/// Connections opened at once: half of Consul's limit, so that none is refused.
const MAX_CONCURRENT: usize = 100;

/// Queries each folder once, all at the same time. Arguments: `URL CERTIFICATE|- COUNT`.
pub(super) fn ask(args: &[&str]) -> Result<(), String> {
    let (url, count) = arguments(args)?;
    actix::System::new().block_on(async move {
        let client = url.client(MAX_CONCURRENT)?;
        let mut commands = Commands::wait_for_go().await?;
        let counters = RoundCounters::of(count);
        let asked: Vec<_> = (0..count)
            .map(|n| {
                let url = format!("{}/v1/kv/{}/?recurse", url.address, folder(n));
                let (client, counters) = (client.clone(), Rc::clone(&counters));
                spawn(async move { ask_once(&client, &url, &counters).await })
            })
            .collect();
        let mut failed = 0_usize;
        for task in asked {
            failed += usize::from(!matches!(task.await, Ok(Some(_))));
        }
        print_line(&format!("answered {} {failed}", monotonic_ns()));
        commands.next().await;
        Ok(())
    })
}

fn arguments(args: &[&str]) -> Result<(Url, usize), String> {
    let [address, certificate, count] = args else {
        return Err("usage: URL CERTIFICATE|- COUNT".to_owned());
    };
    let count = count.parse().map_err(|error| format!("{count}: {error}"))?;
    Ok((Url::new(address, certificate), count))
}
