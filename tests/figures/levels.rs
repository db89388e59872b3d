//! Waits within any threshold over random histories, recounted one by one from the feed's events; what is
//! told by request and on dashboards comes from the same fold, which is put away and read back between.

use super::Told;
use super::adherence::scheduled;
use callboard::domain::event::Event;
use callboard::domain::ids::{CallId, Name, QueueIx};
use callboard::domain::time::Millis;
use callboard::reporting::figures::{By, Facts, Figures, Sum, Threshold, Window, Within, begin};
use std::collections::BTreeMap;

/// A call's stay in a queue.
#[derive(Clone, Copy)]
struct Stay {
    queue: QueueIx,
    entered_at: Millis,
    /// How long it waited, and whether an answer ended that.
    end: Option<(u64, bool)>,
}

/// All stays, as the events tell them.
#[derive(Default)]
struct Stays {
    queues: Vec<Option<Name>>,
    open: BTreeMap<CallId, Stay>,
    over: Vec<Stay>,
    taken_back: usize,
}

impl Stays {
    fn enters(&mut self, call: CallId, queue: QueueIx, entered_at: Millis) {
        let stay = Stay { queue, entered_at, end: None };
        self.over.extend(self.open.insert(call, stay));
    }

    /// It is over, at the latest now.
    fn leaves(&mut self, call: CallId, waited: impl FnOnce(Millis) -> u64) {
        if let Some(mut stay) = self.open.remove(&call) {
            stay.end = stay.end.or(Some((waited(stay.entered_at), false)));
            self.over.push(stay);
        }
    }

    fn event(&mut self, event: &Event, at: Millis) {
        match event {
            Event::QueuePut { id, .. } => {
                let is_new = !self.queues.iter().flatten().any(|of| of == id);
                self.queues.extend(is_new.then(|| Some(Name::clone(id))));
            }
            Event::QueueDeleted { queue, .. } => self.queues[queue.at()] = None,
            Event::DirectLineMade {} => self.queues.push(None),
            Event::CallQueued { call, queue, .. } | Event::CallbackMade { call, queue, .. } => {
                self.enters(*call, *queue, at);
            }
            Event::CallAnswered { call, .. } => {
                if let Some(stay) = self.open.get_mut(call) {
                    stay.end = stay.end.or(Some((at.since(stay.entered_at), true)));
                }
            }
            Event::JoinFailed { call, .. } | Event::CustomerMissed { call, .. } => {
                let end = self.open.get_mut(call).and_then(|stay| stay.end.take());
                self.taken_back += usize::from(end.is_some());
            }
            Event::CallAbandoned { call, waited_ms } => self.leaves(*call, |_| *waited_ms),
            Event::CallExited { call, .. }
            | Event::CallMoved { call, .. }
            | Event::CallTransferred { call, .. }
            | Event::CallEnded { call, .. } => self.leaves(*call, |entered| at.since(entered)),
            _ => {}
        }
    }

    fn within(&self, of: Option<QueueIx>, from: Millis, threshold: Threshold) -> Within {
        let mut within = Within::default();
        let stays = self.over.iter().chain(self.open.values());
        let stays = stays.filter(|stay| of.is_none_or(|queue| stay.queue == queue));
        for (waited_ms, answered) in
            stays.filter(|stay| stay.entered_at >= from).filter_map(|stay| stay.end)
        {
            if waited_ms <= threshold.ms() {
                within.left += 1;
                within.answered += i64::from(answered);
            }
        }
        within
    }
}

/// What the formulas are given.
fn told(facts: &Facts, threshold: Threshold) -> Within {
    let sums = |place, of: fn(u8) -> Sum| facts.counts.within(place, of);
    match threshold.preset() {
        Some(place) => Within {
            answered: sums(place, Sum::AnsweredWithin),
            left: sums(place, Sum::LeftWithin),
        },
        None => facts.within.iter().find(|(of, _)| *of == threshold).expect("counted").1,
    }
}

/// Some of any length, one with sums, and one right at each side of a wait that there was.
fn thresholds(stays: &Stays, dice: &mut u64) -> Vec<Threshold> {
    let mut below = |n: u64| {
        *dice =
            dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*dice >> 33) % n
    };
    let mut seconds = vec![1 + below(60), 1 + below(604_800), 20];
    let last = stays.over.iter().rev().find_map(|stay| stay.end);
    let last = last.map_or(0, |(ms, _)| ms / 1_000);
    seconds.extend([last, last + 1]);
    seconds.into_iter().filter_map(Threshold::of_seconds).collect()
}

fn check(seed: u64) -> (usize, i64) {
    let (mut run, mut stays, mut dice) = (Told::new(), Stays::default(), seed);
    let mut most = 0;
    for (at, line) in scheduled(seed).iter().enumerate() {
        run.runner.line(line).unwrap_or_else(|e| panic!("{e}"));
        for (seq, at, events) in run.runner.system.take_log() {
            run.figures.apply(seq, at, &events);
            events.iter().for_each(|event| stays.event(event, at));
        }
        if at % 40 == 17 {
            let json = serde_json::to_string(&run.figures).expect("JSON");
            run.figures = serde_json::from_str::<Figures>(&json).expect("figures");
        }
        if at % 5 > 0 {
            continue;
        }
        let queues = stays.queues.iter().enumerate();
        let queues = queues.filter_map(|(ix, name)| Some((Some(ix), &**name.as_ref()?)));
        let now = run.now().max(run.figures.at());
        for (ix, id) in queues.chain([(None, "")]) {
            let by = if ix.is_some() { By::Queue } else { By::Account };
            let ix = ix.map(|ix| QueueIx(u32::try_from(ix).expect("small")));
            for window in Window::ALL {
                let from = begin(*window, now, "UTC");
                for threshold in thresholds(&stays, &mut dice) {
                    let facts = run.figures.facts((by, id), (from, now), threshold);
                    let told = told(&facts.expect("there"), threshold);
                    let counted = stays.within(ix, from, threshold);
                    let what = format!("seed {seed}, line {at}, {id:?} {window:?} {threshold:?}");
                    assert_eq!(told, counted, "{what}");
                    most = most.max(told.left);
                }
            }
        }
    }
    (stays.taken_back, most)
}

#[test]
fn waits_within_any_threshold_are_those_of_the_feed() {
    let seeds = super::number("CALLBOARD_SEED").map_or_else(
        || 0..super::number("CALLBOARD_SEEDS").map_or(30, |seeds| seeds / 4),
        |seed| seed..seed + 1,
    );
    let all = seeds.end - seeds.start >= 30;
    let seen = seeds.map(check).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1.max(of.1)));
    assert!(
        !all || (seen.0 > 0 && seen.1 > 1),
        "answers came to nothing, and waits ended: {seen:?}"
    );
}
