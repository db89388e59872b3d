//! The frames of switches' links and of dashboards.

use super::events::answered;
use crate::domain::switching::EventResult;
use crate::live::Viewer;
use crate::live::handle::Resume;
use crate::live::view::{AgentFilter, Filter, RATES_MS};
use crate::live::wire::{self as live_wire, Subscription};
use crate::reporting::figures::{FIGURES, Wish};
use crate::switch::wire::{self, Told};
use serde_json::{Value, json};

/// Whatever a switch says: no JSON (400, the link ends), no such frame (422 and why), or each of its
/// events is read or answered in its place.
pub fn link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let frame: Option<Value> = serde_json::from_str(text).ok();
    let said = match (wire::read(text), &frame) {
        (Ok(said), Some(_)) => said,
        (Ok(said), None) => panic!("{said:?} was read of what is no JSON"),
        (Err(problem), frame) => {
            assert_eq!(problem.status, if frame.is_none() { 400 } else { 422 }, "{problem:?}");
            let told: Value =
                serde_json::from_str(&wire::refusal(&problem).text()).expect("a frame is JSON");
            assert_eq!(told["problem"]["code"], problem.code);
            return;
        }
    };
    let frame = frame.unwrap_or_default();
    assert_eq!(said.done, frame["done"].as_u64());
    let named = frame["events"].as_array().map_or(0, Vec::len);
    assert_eq!(said.events.len(), named);
    let rejected: Vec<EventResult> = said
        .events
        .iter()
        .filter_map(|event| event.as_ref().err())
        .map(|e| (**e).clone())
        .collect();
    let told: Value = serde_json::from_str(&Told::Results(&rejected).text()).expect("JSON");
    assert_eq!(told["results"].as_array().map(Vec::len), Some(rejected.len()));
    for (i, event) in said.events.into_iter().enumerate() {
        answered(event, &format!("/events/{i}"));
    }
}

/// Whatever a dashboard says: refused in a few words, or a view, which written as a frame again is
/// read as the same view.
pub fn live(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A place to resume from may also come in a header.
    if let Some(Resume { epoch, seq }) = live_wire::last_event_id(text) {
        let again = live_wire::last_event_id(&format!("{epoch}:{seq}"));
        assert_eq!(again, Some(Resume { epoch, seq }));
    }
    let viewer = Viewer::of_all("acme");
    match live_wire::read(text, &viewer) {
        Err(why) => assert!(!why.is_empty()),
        Ok(wanted) => {
            assert!(RATES_MS.contains(&wanted.view.every_ms));
            assert_eq!(live_wire::read(&written(&wanted), &viewer), Ok(wanted));
        }
    }
}

/// A list of figures as a frame holds it.
fn figures(wish: &Wish) -> Value {
    let mut list = json!({ "by": wish.by.word(), "window": wish.window.word(),
        "threshold_s": wish.threshold.seconds() });
    if let Some(ids) = &wish.ids {
        list["ids"] = json!(ids);
    }
    if let Some(places) = &wish.figures {
        list["figures"] = places.iter().map(|place| FIGURES[*place].name).collect();
    }
    list
}

fn written(wanted: &Subscription) -> String {
    let Subscription { view, resume, figures: wishes } = wanted;
    let queues = match &view.queues {
        Filter::None => Value::Null,
        Filter::All => json!("*"),
        Filter::Ids(ids) => json!(ids),
    };
    let agents = match &view.agents {
        AgentFilter::None => Value::Null,
        AgentFilter::All => json!("*"),
        AgentFilter::Ids(ids) => json!(ids),
        AgentFilter::Queue(id) => json!({ "queue": id }),
    };
    let resume = resume.as_ref().map(|place| json!({ "epoch": place.epoch, "seq": place.seq }));
    let subscribe = json!({ "queues": queues, "agents": agents, "calls": view.calls, "alerts": view.alerts,
                            "every_ms": view.every_ms,
                            "figures": wishes.iter().map(figures).collect::<Vec<_>>() });
    json!({ "subscribe": subscribe, "resume": resume }).to_string()
}
