//! A queue's `strategy` on the wire: a preset's name, its plan's fields beside it in the queue; or
//! an object that says all of the plan itself.

use super::queue::{OnMiss, QueueKind, RingFor};
use super::strategy::{By, Order, Plan, Preset, Ties, Wider, Window};
use crate::domain::fields::{Fields, ID, not_yet, whole};
use serde_json::{Map, Value, json};

/// The longest duration of a plan: a day.
const DAY_MS: u64 = 86_400_000;
/// How long an offer of width 1 rings, where not "total".
const RING_MS: u64 = 15_000;
/// Steps of a growing width at most.
const WIDTHS: usize = 20;
/// Fields of a plan that stand in the queue beside a preset's name, and in the object else.
const FLAT: [&str; 6] =
    ["ring_for_ms", "total_ms", "on_miss", "attempts", "again", "again_after_ms"];

impl Preset {
    /// The plan that the name stands for, with nothing changed (`engine.md` 5).
    #[must_use]
    pub fn plan(self) -> Plan {
        let one = RingFor::Ms(RING_MS);
        let (order, width, ring_for, on_miss) = match self {
            Preset::Simultaneous => (Order::LongestIdle, None, RingFor::Total, OnMiss::Next),
            Preset::LeastCalls => (Order::LeastCalls, Some(1), RingFor::Total, OnMiss::Exit),
            Preset::Sequential => (Order::InOrder, Some(1), one, OnMiss::Next),
            Preset::Skilled => (Order::Stars, Some(1), one, OnMiss::Requeue),
            Preset::LongestIdle => (Order::LongestIdle, Some(1), one, OnMiss::Requeue),
            Preset::RoundRobin => (Order::RoundRobin, Some(1), one, OnMiss::Requeue),
            Preset::Random => (Order::Random, Some(1), one, OnMiss::Requeue),
            Preset::Weighted => (Order::Weighted, Some(1), one, OnMiss::Requeue),
            Preset::LeastVersatile => (Order::LeastVersatile, Some(1), one, OnMiss::Requeue),
            Preset::LeastTalk => (Order::LeastTalk, Some(1), one, OnMiss::Requeue),
            Preset::LeastOccupied => (Order::LeastOccupied, Some(1), one, OnMiss::Requeue),
        };
        Plan { preset: Some(self), width, ring_for, on_miss, ..Plan::of(order) }
    }

    /// Whether a queue of this preset must state `total_ms`.
    #[must_use]
    pub fn needs_total(self) -> bool {
        matches!(self, Preset::Simultaneous | Preset::LeastCalls | Preset::Sequential)
    }
}

impl Plan {
    /// What an explicit strategy is that says nothing but its order.
    #[must_use]
    pub fn of(order: Order) -> Plan {
        Plan {
            preset: None,
            order,
            width: Some(1),
            wider: Vec::new(),
            ring_for: RingFor::Ms(RING_MS),
            on_miss: OnMiss::Requeue,
            attempts: None,
            again: true,
            again_after_ms: 5_000,
            window: Window::Day,
            ties: Ties::LongestIdle,
            by: By::Stars,
        }
    }

    /// Writes the plan into the shown form of a queue.
    pub(super) fn show(&self, total_ms: Option<u64>, queue: &mut Map<String, Value>) {
        let ring_for = match self.ring_for {
            RingFor::Ms(ms) => Some(ms),
            RingFor::Total => None,
        };
        let put = |map: &mut Map<String, Value>, values: [Value; 6]| {
            for (name, value) in FLAT.iter().zip(values) {
                map.insert((*name).to_owned(), value);
            }
        };
        let mut flat = [
            json!(ring_for),
            json!(total_ms),
            json!(self.on_miss.word()),
            json!(self.attempts),
            json!(self.again),
            json!(self.again_after_ms),
        ];
        if let Some(preset) = self.preset {
            queue.insert("strategy".to_owned(), json!(preset.word()));
            return put(queue, flat);
        }
        let mut map = Map::new();
        map.insert("order".to_owned(), json!(self.order.word()));
        map.insert("width".to_owned(), self.show_width());
        if self.ring_for == RingFor::Total {
            flat[0] = json!("total");
        }
        put(&mut map, flat);
        let window = self.order.counts().then(|| self.window.word());
        map.insert("window".to_owned(), json!(window));
        let tied = may_tie(self.order).then(|| self.ties.word());
        map.insert("ties".to_owned(), json!(tied));
        let by = (self.order == Order::Weighted).then(|| match &self.by {
            By::Stars => json!("stars"),
            By::Skill(skill) => json!({ "skill": skill }),
        });
        map.insert("by".to_owned(), by.unwrap_or(Value::Null));
        queue.insert("strategy".to_owned(), Value::Object(map));
    }

    fn show_width(&self) -> Value {
        let offers = |most: Option<u32>| most.map_or(json!("all"), |most| json!(most));
        if self.wider.is_empty() {
            return offers(self.width);
        }
        let first = json!({ "after_ms": 0, "offers": offers(self.width) });
        let rest = self
            .wider
            .iter()
            .map(|wider| json!({ "after_ms": wider.after_ms, "offers": offers(wider.offers) }));
        Value::Array(std::iter::once(first).chain(rest).collect())
    }
}

/// Orders under which several may be first alike, and one of them may be drawn.
fn may_tie(order: Order) -> bool {
    !matches!(order, Order::InOrder | Order::RoundRobin | Order::Random | Order::Weighted)
}

/// Before a merge patch: where it turns a preset into an object, the preset's plan is not merged
/// with it.
pub fn forget_preset(stored: &mut Value, patch: &Value) {
    let turns = stored.get("strategy").is_some_and(Value::is_string)
        && patch.get("strategy").is_some_and(Value::is_object);
    if let (true, Some(map)) = (turns, stored.as_object_mut()) {
        for name in FLAT {
            map.remove(name);
        }
    }
}

/// Reads the plan, and `total_ms` where it stands in it ([`read_total`] reads it beside a preset).
pub(super) fn read(f: &mut Fields<'_>, kind: QueueKind) -> (Plan, Option<u64>) {
    let default = match kind {
        QueueKind::Queue => Preset::LongestIdle,
        QueueKind::Group => Preset::Simultaneous,
    };
    match f.raw("strategy") {
        Some(Value::Object(_)) => read_object(f),
        _ => {
            let preset = f.word("strategy", Preset::parse, Preset::ALL, default);
            (read_beside(f, preset), None)
        }
    }
}

/// A preset, and what of its plan is changed beside it.
fn read_beside(f: &mut Fields<'_>, preset: Preset) -> Plan {
    let plan = preset.plan();
    Plan {
        ring_for: f.int_or_null("ring_for_ms", 1..=DAY_MS, None).map_or(plan.ring_for, RingFor::Ms),
        on_miss: f.word("on_miss", OnMiss::parse, OnMiss::ALL, plan.on_miss),
        attempts: f.int_or_null("attempts", 1..=10_000, None),
        again: f.flag("again", plan.again),
        again_after_ms: f.int("again_after_ms", 0..=DAY_MS, plan.again_after_ms),
        ..plan
    }
}

/// `total_ms` beside a preset.
pub(super) fn read_total(f: &mut Fields<'_>, preset: Preset) -> Option<u64> {
    if preset.needs_total() && !f.is_set("total_ms") {
        f.missing("total_ms", &format!("how long a call rings in all, for {preset}"));
        return None;
    }
    f.int_or_null("total_ms", 1..=DAY_MS, None)
}

fn read_object(f: &mut Fields<'_>) -> (Plan, Option<u64>) {
    for name in FLAT {
        if f.is_set(name) {
            f.wrong(name, "conflict", "stands in the strategy where that is an object");
        }
    }
    let read = f.nested("strategy", |f| {
        let order = read_order(f);
        let (width, wider) = read_width(f);
        let ring_for = read_ring_for(f);
        let plan = Plan {
            width,
            wider,
            ring_for,
            on_miss: f.word("on_miss", OnMiss::parse, OnMiss::ALL, OnMiss::Requeue),
            attempts: f.int_or_null("attempts", 1..=10_000, None),
            again: f.flag("again", true),
            again_after_ms: f.int("again_after_ms", 0..=DAY_MS, 5_000),
            window: read_window(f, order),
            ties: read_ties(f, order),
            by: read_by(f, order),
            ..Plan::of(order)
        };
        let total = f.int_or_null("total_ms", 1..=DAY_MS, None);
        if ring_for == RingFor::Total && !f.is_set("total_ms") {
            f.missing("total_ms", "how long a call rings in all, where ring_for_ms is \"total\"");
        }
        (plan, total)
    });
    read.unwrap_or((Plan::of(Order::LongestIdle), None))
}

fn read_order(f: &mut Fields<'_>) -> Order {
    match f.raw("order") {
        None | Some(Value::Null) => {
            f.missing("order", "which agent is first, such as \"longest_idle\"");
            Order::LongestIdle
        }
        Some(_) => f.word("order", Order::parse, Order::ALL, Order::LongestIdle),
    }
}

/// `null` is the default, as for every field of the object: a merge patch can only leave out.
fn read_ring_for(f: &mut Fields<'_>) -> RingFor {
    match f.raw("ring_for_ms") {
        Some(Value::String(word)) if word == "total" => RingFor::Total,
        Some(Value::String(_)) => {
            f.wrong("ring_for_ms", "unknown_value", "must be a whole number or \"total\"");
            RingFor::Total
        }
        _ => RingFor::Ms(f.int_or_null("ring_for_ms", 1..=DAY_MS, None).unwrap_or(RING_MS)),
    }
}

/// A number, "all", or how it grows.
fn read_width(f: &mut Fields<'_>) -> (Option<u32>, Vec<Wider>) {
    match f.raw("width") {
        None | Some(Value::Null) => (Some(1), Vec::new()),
        Some(Value::Array(_)) => read_growing(f),
        Some(value) => match offers_of(value) {
            Ok(offers) => (offers, Vec::new()),
            Err((code, detail)) => {
                f.wrong("width", code, detail);
                (Some(1), Vec::new())
            }
        },
    }
}

fn offers_of(value: &Value) -> Result<Option<u32>, (&'static str, String)> {
    if value.as_str() == Some("all") {
        return Ok(None);
    }
    whole(value, &(1..=10_000)).map(Some).map_err(|(code, detail)| {
        (code, format!("{detail}; or \"all\", or a list of {{ \"after_ms\", \"offers\" }}"))
    })
}

fn read_growing(f: &mut Fields<'_>) -> (Option<u32>, Vec<Wider>) {
    let items = f.items("width", WIDTHS);
    let mut steps: Vec<Wider> = Vec::new();
    for (at, item) in items {
        let before = steps.last().copied();
        let step = f.part(item, at, |f| read_wider(f, before));
        steps.push(step);
    }
    if steps.is_empty() {
        f.wrong("width", "required", "must say at least the width at after_ms 0");
        return (Some(1), Vec::new());
    }
    let first = steps.remove(0);
    (first.offers, steps)
}

fn read_wider(f: &mut Fields<'_>, before: Option<Wider>) -> Wider {
    let after_ms = f.int("after_ms", 0..=DAY_MS, 0);
    let offers = match f.raw("offers").map(offers_of) {
        Some(Ok(offers)) => offers,
        Some(Err((code, detail))) => {
            f.wrong("offers", code, detail);
            None
        }
        None => {
            f.missing("offers", "how many may ring, or \"all\"");
            None
        }
    };
    let later = before.map_or(after_ms == 0, |before| after_ms > before.after_ms);
    if !later {
        let detail = "must be 0 at first, and later than the one before";
        f.wrong("after_ms", "out_of_range", detail);
    }
    let most = |offers: Option<u32>| offers.unwrap_or(u32::MAX);
    if before.is_some_and(|before| most(offers) <= most(before.offers)) {
        f.wrong("offers", "out_of_range", "must be more than before: a width only grows");
    }
    Wider { after_ms, offers }
}

fn read_window(f: &mut Fields<'_>, order: Order) -> Window {
    if f.is_set("window") && !order.counts() {
        let detail = format!("the order {order} counts nothing; leave it out");
        f.wrong("window", "not_allowed", detail);
    }
    f.word_or_null("window", Window::parse, Window::ALL).unwrap_or_default()
}

fn read_ties(f: &mut Fields<'_>, order: Order) -> Ties {
    let ties = f.word_or_null("ties", Ties::parse, Ties::ALL).unwrap_or_default();
    if ties == Ties::Random && order == Order::InOrder {
        f.wrong("ties", "not_yet", not_yet("a draw among members of one position"));
    } else if f.is_set("ties") && !may_tie(order) {
        let detail = format!("the order {order} leaves no ties; leave it out");
        f.wrong("ties", "not_allowed", detail);
    }
    ties
}

fn read_by(f: &mut Fields<'_>, order: Order) -> By {
    let by = match f.raw("by") {
        None | Some(Value::Null) => By::Stars,
        Some(Value::String(word)) if word == "stars" => By::Stars,
        Some(Value::Object(_)) => {
            By::Skill(f.nested("by", |f| f.text("skill", ID)).unwrap_or_default())
        }
        Some(_) => {
            f.wrong("by", "unknown_value", "must be \"stars\" or { \"skill\": the skill's id }");
            By::Stars
        }
    };
    if f.is_set("by") && order != Order::Weighted {
        f.wrong("by", "not_allowed", format!("the order {order} draws by no weight; leave it out"));
    }
    by
}
