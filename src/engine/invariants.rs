//! What must hold after every record (`engine.md` 12): checked by full scans against the tables, in
//! debug builds, in tests, in the demo.

use super::Engine;
use super::derived::{NeedIndex, QueueIndex};
use super::needs;
use super::presence;
use super::state::{Call, QueueState, Stage};
use crate::domain::ids::QueueIx;
use crate::domain::presence::Status;
use crate::domain::rows::PairRow;
use std::collections::{BTreeMap, BTreeSet};

/// The broken invariants, in words.
#[must_use]
pub fn broken(engine: &Engine) -> Vec<String> {
    let mut broken = Vec::new();
    capacity(engine, &mut broken);
    one_place(engine, &mut broken);
    for queue in engine.state.queues.iter().filter(|q| !q.deleted) {
        ringing(engine, queue, &mut broken);
        tables(engine, queue, &mut broken);
        conservation(engine, queue, &mut broken);
    }
    watchers(engine, &mut broken);
    deadlines(engine, &mut broken);
    broken
}

/// 1: offers take capacity; beyond it there are none but those booked as facts.
fn capacity(engine: &Engine, broken: &mut Vec<String>) {
    for agent in &engine.state.agents {
        for (offer, id) in &agent.offers {
            let made = engine.state.call(*id).and_then(|c| c.offer(*offer));
            match made {
                None => broken.push(format!("{} holds the unknown offer {offer}", agent.id)),
                Some(o) if o.closed.is_some() => {
                    broken.push(format!("{} holds the closed offer {offer}", agent.id));
                }
                Some(_) => {}
            }
        }
        // Facts (late answers, own calls) may exceed; then no offer may be open but those made
        // before the fact.
        // Ordered offers may exceed, too, and stand beside those that were there before.
        for (offer, id) in &agent.offers {
            let Some(call) = engine.state.call(*id) else { continue };
            let Some(made) = call.offer(*offer) else { continue };
            let same = agent.offers.iter().filter(|(o, c)| {
                let other = engine.state.call(*c);
                let ordered = other.and_then(|c| c.offer(*o)).is_some_and(|o| o.over);
                !ordered && other.is_some_and(|c| c.media == call.media)
            });
            let limit = usize::from(agent.user.capacity_of(call.media));
            if same.count() > limit.max(1) {
                broken.push(format!("{} is rung beyond the capacity by {}", agent.id, made.id));
            }
        }
    }
}

/// 2: arrived = ended + live; a call is in exactly one place.
fn one_place(engine: &Engine, broken: &mut Vec<String>) {
    let state = &engine.state;
    let live = state.calls.sorted().iter().filter(|(_, c)| !c.is_ended()).count() as u64;
    if state.arrived != state.ended_count + live {
        broken.push(format!(
            "{} arrived, but {} ended and {live} live",
            state.arrived, state.ended_count
        ));
    }
    for (id, call) in state.calls.sorted() {
        let legs = call.legs.len();
        match call.stage {
            Stage::New => broken.push(format!("{id} is nowhere")),
            Stage::Waiting if legs > 0 => broken.push(format!("{id} waits and is with an agent")),
            Stage::Waiting if !engine.derived.placed.contains(id) => {
                broken.push(format!("{id} waits in no table"));
            }
            Stage::Connected | Stage::Ended if call.open_count() > 0 => {
                broken.push(format!("{id} is {:?} and still rings", call.stage));
            }
            Stage::Connected if legs == 0 => broken.push(format!("{id} is with nobody")),
            Stage::Ended if legs > 0 => broken.push(format!("{id} ended with an agent on it")),
            Stage::Ended if call.end.is_none() => broken.push(format!("{id} ended without an end")),
            _ => {}
        }
        one_answer(engine, call, broken);
    }
}

/// 5: at most one answer is joined by the engine; the others are withdrawn.
fn one_answer(engine: &Engine, call: &Call, broken: &mut Vec<String>) {
    use crate::domain::objects::switch::Connects;
    let answered =
        call.offers.iter().filter(|o| o.closed.as_ref().is_some_and(|c| &*c.outcome == "answered"));
    // Others join what one has answered.
    let by_offer = call.legs.iter().filter(|leg| leg.offer.0 != 0).count();
    let at_once = by_offer > 1 && engine.connects(call) == Connects::Engine;
    if at_once {
        broken.push(format!("{} is joined with {} agents", call.id, answered.count()));
    }
}

/// 6: ringing offers never exceed width and `max_ringing`.
fn ringing(engine: &Engine, queue: &QueueState, broken: &mut Vec<String>) {
    let mut open = 0;
    for (_, id) in &engine.derived.index[queue.ix.at()].waiting {
        let Some(call) = engine.state.call(*id) else { continue };
        let count = call.open_count() as u32;
        open += count;
        let made_under = call.open_offers().all(|o| o.queue == queue.ix);
        if !made_under {
            broken.push(format!("{id} rings for a queue that it has left"));
        }
    }
    if open != engine.derived.index[queue.ix.at()].ringing {
        let counted = engine.derived.index[queue.ix.at()].ringing;
        broken.push(format!("{} counts {counted} ringing, there are {open}", queue.id));
    }
}

/// 10: counters and tables are what a full scan finds.
fn tables(engine: &Engine, queue: &QueueState, broken: &mut Vec<String>) {
    let index = &engine.derived.index[queue.ix.at()];
    let mut counted = QueueIndex::default();
    let mut offerable = BTreeSet::new();
    for ix in &queue.members {
        let Some(row) = fresh_row(engine, *ix, queue.ix) else { continue };
        let agent = engine.state.agent(*ix);
        let work = presence::work_of(&engine.state, agent);
        let or_grace = agent.pair(queue.ix).is_some_and(|pair| {
            presence::offerable_or_grace(&engine.state, agent, pair, &work, &row)
        });
        counted.count(&row, or_grace, true);
        if row.offerable {
            offerable.insert(*ix);
        }
        if engine.pair_row(*ix, queue.ix) != Some(row) {
            let id = &engine.state.agent(*ix).id;
            broken.push(format!("{id} in {} is seen otherwise than is so", queue.id));
        }
    }
    let same = counted.presence == index.presence
        && counted.offerable == index.offerable
        && counted.logged_in == index.logged_in
        && counted.delayed == index.delayed
        && counted.offerable_or_grace == index.offerable_or_grace;
    if !same {
        broken.push(format!("{}: counters differ from a count", queue.id));
    }
    let listed: BTreeSet<_> = index.agents.iter().map(|(_, ix)| *ix).collect();
    if listed != offerable || index.agents.len() != listed.len() {
        broken.push(format!("{}: the index differs from a scan", queue.id));
    }
    for (key, ix) in &index.agents {
        let now = super::refresh::key_under(
            &engine.state,
            &engine.derived,
            *ix,
            queue.ix,
            queue.ix,
            crate::domain::ids::NeedIx(0),
        );
        if now != *key {
            let id = &engine.state.agent(*ix).id;
            broken.push(format!("{}: {id} stands at an old key", queue.id));
        }
    }
    if !super::draw::holds(&index.groups, &queue.config.plan, &index.agents) {
        broken.push(format!("{}: the lots differ from the index", queue.id));
    }
    for by_need in &index.by_need {
        let plan = &engine.state.queue(by_need.home).config.plan;
        if !super::draw::holds(&by_need.groups, plan, &by_need.agents) {
            broken.push(format!("{}: a requirement's lots differ from its index", queue.id));
        }
        let need = engine.derived.needs.get(by_need.need);
        let fit: BTreeSet<_> = offerable
            .iter()
            .copied()
            .filter(|ix| needs::fits_from(engine.state.agent(*ix), queue.ix, by_need.home, need))
            .collect();
        let listed: BTreeSet<_> = by_need.agents.iter().map(|(_, ix)| *ix).collect();
        if listed != fit || by_need.agents.len() != listed.len() {
            broken.push(format!("{}: a requirement's index differs from a scan", queue.id));
        }
        requirement(engine, queue, by_need, broken);
    }
    let talking = engine
        .state
        .calls
        .sorted()
        .iter()
        .filter(|(_, c)| c.stage == Stage::Connected && c.queue == Some(queue.ix))
        .count();
    if talking != index.talking as usize {
        broken.push(format!("{}: {} talking counted, {talking} are", queue.id, index.talking));
    }
}

/// Keys and counts of a requirement's index.
fn requirement(engine: &Engine, queue: &QueueState, index: &NeedIndex, broken: &mut Vec<String>) {
    let (state, derived) = (&engine.state, &engine.derived);
    for (key, ix) in &index.agents {
        let now = super::refresh::key_under(state, derived, *ix, queue.ix, index.home, index.need);
        let kept = index.keys.get(ix).is_none_or(|kept| kept == key);
        if now != *key || !kept {
            let (id, home) = (&state.agent(*ix).id, &state.queue(index.home).id);
            broken.push(format!("{}: {id} stands at an old key for {home}", queue.id));
        }
    }
    let Some(counted) = index.logged_in else { return };
    let need = derived.needs.get(index.need);
    let there = |ix: &&crate::domain::ids::AgentIx| {
        let agent = state.agent(**ix);
        agent.status != Status::Offline && needs::fits_from(agent, queue.ix, index.home, need)
    };
    if queue.members.iter().filter(there).count() != counted as usize {
        broken.push(format!("{}: logged-in members are counted wrong", queue.id));
    }
}

/// Queues know whose calls their members may take.
fn watchers(engine: &Engine, broken: &mut Vec<String>) {
    let mut wanted: BTreeMap<(QueueIx, QueueIx), u32> = BTreeMap::new();
    for queue in &engine.state.queues {
        for (_, id) in &engine.derived.index[queue.ix.at()].waiting {
            let Some(placed) = engine.derived.placed.get(id) else { continue };
            for added in &engine.derived.needs.get(placed.need).also {
                *wanted.entry((*added, queue.ix)).or_default() += 1;
            }
        }
    }
    let known: BTreeMap<(QueueIx, QueueIx), u32> = (engine.derived.index.iter().enumerate())
        .flat_map(|(at, index)| {
            index.watchers.iter().map(move |(home, n)| ((QueueIx(at as u32), *home), *n))
        })
        .collect();
    if known != wanted {
        broken.push(format!("calls for other queues' members: {wanted:?}, known {known:?}"));
    }
}

fn fresh_row(engine: &Engine, ix: crate::domain::ids::AgentIx, queue: QueueIx) -> Option<PairRow> {
    let agent = engine.state.agent(ix);
    let work = presence::work_of(&engine.state, agent);
    Some(presence::pair(&engine.state, agent, agent.pair(queue)?, &work))
}

/// 3: for each waiting call and each candidate there is an offer, or one code says why not.
fn conservation(engine: &Engine, queue: &QueueState, broken: &mut Vec<String>) {
    for (_, id) in &engine.derived.index[queue.ix.at()].waiting {
        let Some(call) = engine.state.call(*id) else { continue };
        let Some(placed) = engine.derived.placed.get(id) else { continue };
        let members = engine.sources(queue.ix, placed.need);
        for ix in members.flat_map(|from| &engine.state.queue(from).members) {
            let rung = call.open_offers().any(|o| o.agent == *ix);
            if rung || !engine.is_fit_now(*ix, queue.ix, placed.need) {
                continue;
            }
            if engine.held_by(call, *ix).is_none() {
                let agent = &engine.state.agent(*ix).id;
                broken.push(format!("{id} waits in {} although {agent} could take it", queue.id));
            }
        }
    }
}

/// Every open offer has a deadline, every wrap-up an end: the tables know them.
fn deadlines(engine: &Engine, broken: &mut Vec<String>) {
    let known: BTreeSet<(u8, u64)> =
        engine.derived.deadlines.iter().map(|e| (e.0.1, e.0.2)).collect();
    let check = |class: u8, id: u64, what: &str, broken: &mut Vec<String>| {
        if !known.contains(&(class, id)) {
            broken.push(format!("{what} has no deadline in the table"));
        }
    };
    for (id, call) in engine.state.calls.sorted() {
        for offer in call.open_offers() {
            check(super::refresh::class::OFFER, offer.id.0, &offer.id.to_string(), broken);
        }
        if super::deadlines::call_deadline(&engine.state, call).is_some() {
            check(super::refresh::class::CALL, id.0, &id.to_string(), broken);
        }
        if super::deadlines::pass_deadline(&engine.state, call).is_some() {
            check(super::refresh::class::PASS, id.0, &id.to_string(), broken);
        }
    }
    for agent in &engine.state.agents {
        if super::deadlines::agent_deadline(&engine.state, agent).is_some() {
            check(super::refresh::class::AGENT, u64::from(agent.ix.0), &agent.id, broken);
        }
    }
}
