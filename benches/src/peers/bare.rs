//! The floor: a loop around awc that reads the body, decodes it borrowed and looks at the indexes.
//!
//! It has no errors to survive, tells nobody and holds nothing.

use std::borrow::Cow;
use std::time::Duration;

use awc::{Client, Connector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Contender, Side, Watched, child};
use crate::setting::Setting;

pub const TITLE: &str = "bare loop";

pub(super) fn contender(setting: &Setting) -> Contender {
    setting.contender("bare", TITLE, Side::Floor)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair<'a> {
    // The rest is what a real client would look at too.
    #[serde(borrow)]
    #[expect(dead_code, reason = "decoded, since everyone decodes it")]
    key: Cow<'a, str>,
    modify_index: u64,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

pub(super) fn run(args: &[&str]) -> Result<(), String> {
    let (watched, address) = child::arguments(args)?;
    let recurse = if matches!(watched, Watched::Prefix(_)) { "recurse&" } else { "" };
    let url = format!("http://{address}/v1/kv/{}?{recurse}wait=300s&index=", watched.name());
    actix::System::new().block_on(async move {
        let day = Duration::from_secs(86_400);
        let connector = Connector::new().conn_lifetime(day).conn_keep_alive(day);
        let client = Client::builder().connector(connector).disable_timeout().finish();
        child::wait_for_go()?;
        let mut index = 0;
        loop {
            let before = index;
            // Compression costs more than it saves where there is no network between.
            let question = client.get(format!("{url}{index}")).no_decompress();
            let mut answer = question.send().await.map_err(|error| error.to_string())?;
            index = answer
                .headers()
                .get("x-consul-index")
                .and_then(|index| index.to_str().ok()?.parse().ok())
                .ok_or("an answer without an index")?;
            let body = answer.body().limit(64 << 20).await.map_err(|error| error.to_string())?;
            let pairs: Vec<Pair<'_>> = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            let changed = pairs.iter().filter(|pair| pair.modify_index > before);
            let Some(last) = changed.max_by_key(|pair| pair.modify_index) else { continue };
            let value = last.value.as_deref().unwrap_or_default();
            let value = STANDARD.decode(value).map_err(|error| error.to_string())?;
            child::seen(&value, child::now());
        }
    })
}
