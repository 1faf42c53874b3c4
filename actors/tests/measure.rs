//! m
mod common;
use common::*;
use consul_watch_actors::*;
#[actix::test]
async fn measure() {
    for n in [100, 500, 1000] {
        let store = Store::new();
        for i in 0..n {
            store.put(&format!("f{i}"), "a", 1);
        }
        let watches = supervisor(&store).arbiters(1).start();
        let q = Merged::of("m", (0..n).map(|i| format!("f{i}")));
        let count = q.count.clone();
        let (r, sight) = Recorder::prompt();
        let t = std::time::Instant::now();
        watches.send(Watch::new(q, r)).await.unwrap().unwrap();
        until("x", || sight.count() == 1).await;
        println!("n={n}: {:?} inputs {} derived {}", t.elapsed(), count.inputs(), count.derived());
        let t = std::time::Instant::now();
        store.put("f3", "a", 2);
        until("x", || sight.count() >= 2).await;
        println!("   change: {:?}", t.elapsed());
    }
}
use actix::Actor;
