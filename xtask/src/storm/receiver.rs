//! The receiver of what the watches deliver: an HTTP server whose paths are the numbers of the watches.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use serde_json::Value;

/// One delivery: its time and the nodes of the instances in it.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) at: Instant,
    pub(super) nodes: Vec<String>,
}

/// The deliveries of each watch, in their order.
#[derive(Debug, Clone)]
pub(super) struct Deliveries(Arc<Mutex<Vec<Vec<Delivery>>>>);

impl Deliveries {
    pub(super) fn new(watches: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![Vec::new(); watches])))
    }

    pub(super) fn record(&self, watch: usize, list: &Value) {
        let entries = list.as_array().into_iter().flatten();
        let nodes = entries.filter_map(|entry| Some(entry["Node"]["Node"].as_str()?.to_owned()));
        let delivery = Delivery {
            at: Instant::now(),
            nodes: nodes.collect(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_watch) = all.get_mut(watch) {
            of_watch.push(delivery);
        }
    }

    pub(super) fn all(&self) -> Vec<Vec<Delivery>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Starts the server on a free port of loopback. It ends with the process.
pub(super) fn start(deliveries: &Deliveries) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let deliveries = deliveries.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let deliveries = deliveries.clone();
            thread::spawn(move || serve(stream, &deliveries));
        }
    });
    Ok(address)
}

/// Serves one connection until its end.
fn serve(stream: TcpStream, deliveries: &Deliveries) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let head = reader.by_ref().lines().map_while(Result::ok);
        let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
        let Some((watch, length)) = target(&head) else {
            return Ok(());
        };
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if let Ok(list) = serde_json::from_slice(&body) {
            deliveries.record(watch, &list);
        }
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(reply)?;
    }
}

/// The number of the watch and the length of the body.
fn target(head: &[String]) -> Option<(usize, usize)> {
    let path = head.first()?.split(' ').nth(1)?;
    let watch = path.trim_start_matches('/').parse().ok()?;
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = name.eq_ignore_ascii_case("content-length");
        length.then(|| value.trim().parse().ok())?
    })?;
    Some((watch, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_watch_and_the_length() {
        let head = ["POST /7 HTTP/1.1", "Host: a", "content-length: 12"];
        let head = head.map(str::to_owned);
        assert_eq!(target(&head), Some((7, 12)));
        assert_eq!(target(&head[..2]), None);
        assert_eq!(target(&[]), None);
    }

    #[test]
    fn a_list_is_recorded_by_its_nodes() {
        let deliveries = Deliveries::new(1);
        let list = serde_json::json!([{ "Node": { "Node": "x1" } }]);
        deliveries.record(0, &list);
        deliveries.record(0, &Value::Null);
        deliveries.record(9, &Value::Null);
        let all = deliveries.all();
        assert_eq!(all[0][0].nodes, ["x1"]);
        assert!(all[0][1].nodes.is_empty());
    }
}
