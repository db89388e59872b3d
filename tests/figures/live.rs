//! Figures on dashboards: all of it first, then what changed, worked out once for equal wishes.

use super::Told;
use callboard::domain::event::Event;
use callboard::domain::ids::QueueIx;
use callboard::domain::time::Millis;
use callboard::live::handle::Connection;
use callboard::live::wire::{self, Subscription};
use callboard::live::{HubHandle, HubMessage, Viewer, channel};
use callboard::reporting::figures::Seen;
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

const FLOOR: &str = "switch s1\nagent ann\nagent bob\nqueue v\nqueue w\nmember v ann\nmember w bob";

/// An account whose figures are told to dashboards, without threads.
struct Desk {
    told: Told,
    hub: HubHandle,
    _messages: tokio::sync::mpsc::Receiver<HubMessage>,
    /// How often figures were asked for.
    asked: Cell<usize>,
}

impl Desk {
    fn new() -> Desk {
        let (hub, messages) = channel("e");
        let mut told = Told::new();
        FLOOR.lines().for_each(|line| told.line(line));
        Desk { told, hub, _messages: messages, asked: Cell::new(0) }
    }

    fn connect(&self, figures: Seen) -> Connection {
        self.hub.connect(Viewer { figures, ..Viewer::of_all("acme") })
    }

    fn subscribe(&self, connection: &Connection, figures: &Value) {
        let text = json!({ "subscribe": { "figures": figures } }).to_string();
        let wanted: Subscription = wire::read(&text, connection.viewer()).expect("a subscription");
        assert_eq!(now(connection.subscribe(wanted)), Some(true));
    }

    fn step(&self) {
        self.hub.figures().step(self.told.now(), |account| {
            self.asked.set(self.asked.get() + 1);
            (**account == *"acme").then_some(&self.told.figures)
        });
    }
}

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = std::pin::pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The next list of figures, of one part.
fn frame(connection: &Connection) -> Option<Value> {
    let texts = now(connection.figures().next())?;
    assert_eq!(texts.len(), 1);
    let frame: Value = serde_json::from_str(&texts[0]).expect("JSON");
    assert_eq!((&frame["type"], &frame["part"]), (&json!("figures"), &json!(1)));
    Some(frame)
}

/// Whether it is all, the figure by id, and who is gone.
fn brief(frame: &Value, name: &str) -> (bool, Vec<(String, i64)>, usize) {
    let items = frame["items"].as_array().expect("items").iter();
    let items = items.map(|item| {
        let value = item["figures"][name].as_i64().unwrap_or(-1);
        (item["id"].as_str().expect("an id").to_owned(), value)
    });
    let gone = frame["removed"].as_array().expect("ids").len();
    (frame["whole"] == json!(true), items.collect(), gone)
}

fn own(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect()
}

#[test]
fn all_of_it_first_then_what_changed_once_a_second() {
    let mut desk = Desk::new();
    let reader = desk.connect(Seen::All);
    desk.subscribe(&reader, &json!([{ "by": "queue", "window": "60m", "figures": ["offered"] }]));
    assert!(frame(&reader).is_none());
    desk.step();
    let first = frame(&reader).expect("all of it");
    assert_eq!(brief(&first, "offered"), (true, own(&[("v", 0), ("w", 0)]), 0));
    assert_eq!(
        (&first["by"], &first["window"], &first["threshold_s"]),
        (&json!("queue"), &json!("60m"), &json!(20))
    );
    assert_eq!(first["seq"], json!(desk.told.figures.seq()));
    desk.told.line("call c1 to v");
    desk.step();
    assert!(frame(&reader).is_none(), "within the same second");
    desk.told.line("at 1s");
    desk.step();
    let second = frame(&reader).expect("a change");
    assert_eq!(brief(&second, "offered"), (false, own(&[("v", 1)]), 0));
    desk.told.line("at 2s");
    desk.step();
    assert!(frame(&reader).is_none(), "nothing changed");
}

#[test]
fn who_missed_something_is_given_all_of_it() {
    let mut desk = Desk::new();
    let (slow, quick) = (desk.connect(Seen::All), desk.connect(Seen::All));
    let wish = json!([{ "by": "queue", "window": "60m", "figures": ["offered"] }]);
    desk.subscribe(&slow, &wish);
    desk.subscribe(&quick, &wish);
    desk.step();
    assert!(frame(&slow).is_some() && frame(&quick).is_some());
    for (line, at) in [("call c1 to v", "at 1s"), ("call c2 to w", "at 2s")] {
        desk.told.line(line);
        desk.told.line(at);
        desk.step();
        assert!(!brief(&frame(&quick).expect("a change"), "offered").0);
    }
    assert_eq!(
        brief(&frame(&slow).expect("all"), "offered"),
        (true, own(&[("v", 1), ("w", 1)]), 0)
    );
    desk.told.line("call c3 to w");
    desk.told.line("at 3s");
    desk.step();
    assert_eq!(brief(&frame(&slow).expect("a change"), "offered"), (false, own(&[("w", 2)]), 0));
    assert_eq!(desk.asked.get(), 4, "equal wishes are worked out once");
}

#[test]
fn a_new_wish_awakens_the_fold_and_one_that_is_there_is_answered_at_once() {
    let desk = Desk::new();
    let awoken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&awoken);
    desk.hub.figures().on_wish(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(desk.hub.figures().due_at(), None);
    let (first, second) = (desk.connect(Seen::All), desk.connect(Seen::All));
    let wish =
        json!([{ "by": "account", "window": "today" }, { "by": "agent", "window": "today" }]);
    desk.subscribe(&first, &wish);
    assert_eq!(awoken.load(Ordering::Relaxed), 1);
    desk.step();
    assert_eq!(desk.hub.figures().due_at(), Some(Millis(desk.told.now().0 + 1_000)));
    desk.subscribe(&second, &wish);
    assert_eq!(awoken.load(Ordering::Relaxed), 1);
    let account = frame(&second).expect("the account's");
    assert_eq!(account["items"][0]["id"], json!("acme"));
    assert_eq!(frame(&second).expect("the agents'")["by"], json!("agent"));
    // Another subscription replaces the wishes, and who leaves has none.
    desk.subscribe(&second, &json!([]));
    drop(first);
    let mut desk = desk;
    desk.told.line("at 1s");
    desk.step();
    assert!(frame(&second).is_none());
    assert_eq!(desk.hub.figures().due_at(), None);
}

#[test]
fn who_sees_a_part_is_told_of_that_part_and_of_who_leaves_it() {
    let mut desk = Desk::new();
    let part = Seen::read(&json!({ "all": false, "users": ["usr_ann"], "queues": ["w"] }));
    let reader = desk.connect(part);
    let wishes = json!([{ "by": "queue", "window": "60m", "figures": ["offered"] },
        { "by": "agent", "window": "60m", "figures": ["offers"] }]);
    desk.subscribe(&reader, &wishes);
    desk.step();
    assert_eq!(brief(&frame(&reader).expect("queues"), "offered"), (true, own(&[("w", 0)]), 0));
    assert_eq!(
        brief(&frame(&reader).expect("agents"), "offers"),
        (true, own(&[("usr_ann", 0)]), 0)
    );
    desk.told.line("at 1s");
    let gone = Event::QueueDeleted { queue: QueueIx(1), by: "owner".into() };
    let seq = desk.told.figures.seq() + 1;
    desk.told.figures.apply(seq, desk.told.now(), &[gone]);
    desk.step();
    assert_eq!(brief(&frame(&reader).expect("a removal"), "offered"), (false, own(&[]), 1));
}
