//! Presence over every combination of what it depends on, against `engine.md` 2 written down a
//! second time: its tables as lists that are read from the top, from facts alone and without a look
//! at the engine's own.

use super::presence::{Work, pair, whole, work_of};
use super::state::{Agent, Pair, State, WrapUpRun};
use super::tests::{Floor, offered};
use crate::domain::event::{Cause, Next};
use crate::domain::ids::{CallId, OfferId, QueueIx, SwitchIx};
use crate::domain::input::Kind;
use crate::domain::media::Media;
use crate::domain::objects::User;
use crate::domain::objects::queue::Needs;
use crate::domain::objects::user::{Assignment, UserState};
use crate::domain::presence::{BlockedBy, Detail, Presence, Status};
use crate::domain::rows::PairRow;
use crate::domain::switching::Happening;
use serde_json::json;
use std::sync::Arc;

/// A queue, seen from the agent: `Here` is the one whose settings vary, `There` another one for
/// voice, `Chat` one for chat. The agent may be a member of all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Here,
    There,
    Chat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Idle,
    Busy(Detail, Place),
    /// A call that the engine did not route.
    OwnCall,
}

/// How the agent could be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    endpoint: bool,
    desk: bool,
    grace: bool,
}

/// The phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Present,
    /// Said by the switch.
    Lost,
    /// Could not be reached too often: counts as lost.
    Unreached,
}

/// Everything that presence may depend on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    job: Job,
    voice_over_others: bool,
    wrap_up: Option<Place>,
    needs: Needs,
    capacity: u8,
    assignment: Assignment,
    active: bool,
    blocked: bool,
    status: Status,
    opted_in: bool,
    next: bool,
    way: Way,
    device: Device,
    delay: bool,
}

const JOBS: [(Job, bool); 12] = [
    (Job::Idle, true),
    (Job::Busy(Detail::Reserved, Place::Here), true),
    (Job::Busy(Detail::Reserved, Place::There), true),
    (Job::Busy(Detail::Ringing, Place::Here), true),
    (Job::Busy(Detail::Ringing, Place::There), true),
    (Job::Busy(Detail::Talking, Place::Here), true),
    (Job::Busy(Detail::Talking, Place::There), true),
    (Job::Busy(Detail::Holding, Place::Here), true),
    (Job::Busy(Detail::Holding, Place::There), true),
    (Job::OwnCall, true),
    (Job::Busy(Detail::Talking, Place::Chat), true),
    (Job::Busy(Detail::Talking, Place::Chat), false),
];
const WAYS: [Way; 6] = [
    Way { endpoint: true, desk: false, grace: false },
    Way { endpoint: true, desk: true, grace: false },
    Way { endpoint: true, desk: false, grace: true },
    Way { endpoint: false, desk: true, grace: false },
    Way { endpoint: false, desk: false, grace: true },
    Way { endpoint: false, desk: false, grace: false },
];
const WRAP_UPS: [Option<Place>; 3] = [None, Some(Place::Here), Some(Place::There)];

/// Takes one of `all` off a number in mixed radix.
fn pick<T: Copy>(rest: &mut usize, all: &[T]) -> T {
    let chosen = all[*rest % all.len()];
    *rest /= all.len();
    chosen
}

/// Combinations of what is costly to arrange.
const OUTER: usize = 12 * 3 * 2 * 2 * 3 * 2;
/// Combinations of the rest.
const INNER: usize = 2 * 4 * 2 * 2 * 6 * 3 * 2;

fn facts(outer: usize, inner: usize) -> Facts {
    let (mut o, mut i) = (outer, inner);
    let (job, voice_over_others) = pick(&mut o, &JOBS);
    let found = Facts {
        job,
        voice_over_others,
        wrap_up: pick(&mut o, &WRAP_UPS),
        needs: pick(&mut o, &[Needs::Ready, Needs::Online]),
        capacity: pick(&mut o, &[1, 2]),
        assignment: pick(&mut o, Assignment::ALL),
        active: pick(&mut o, &[true, false]),
        blocked: pick(&mut i, &[false, true]),
        status: pick(&mut i, Status::ALL),
        opted_in: pick(&mut i, &[true, false]),
        next: pick(&mut i, &[false, true]),
        way: pick(&mut i, &WAYS),
        device: pick(&mut i, &[Device::Present, Device::Lost, Device::Unreached]),
        delay: pick(&mut i, &[false, true]),
    };
    assert_eq!((o, i), (0, 0), "the sizes are those of the lists");
    found
}

// ---- engine.md 2, once more ---------------------------------------------------------------------

/// What is asked: a queue that might offer a call, or (`None`) a direct call.
#[derive(Clone, Copy, Debug)]
struct View {
    place: Place,
    media: Media,
    needs: Needs,
    opted_in: bool,
}

fn view(facts: &Facts, place: Place) -> View {
    match place {
        Place::Here => {
            View { place, media: Media::Voice, needs: facts.needs, opted_in: facts.opted_in }
        }
        Place::There => View { place, media: Media::Voice, needs: Needs::Ready, opted_in: true },
        Place::Chat => View { place, media: Media::Chat, needs: Needs::Ready, opted_in: true },
    }
}

/// Units of capacity in use. A wrap-up holds one, which direct calls do not count.
fn units(f: &Facts, media: Media, wrap_up_counts: bool) -> u8 {
    let of_job = match f.job {
        Job::Idle => None,
        Job::Busy(_, Place::Chat) => Some(Media::Chat),
        Job::Busy(..) | Job::OwnCall => Some(Media::Voice),
    };
    let wrap_up = wrap_up_counts && f.wrap_up.is_some() && media == Media::Voice;
    u8::from(of_job == Some(media)) + u8::from(wrap_up)
}

/// "`blocked_by`, the first that fits". `stands`: as if the desk's connection stood.
fn blocked_by(f: &Facts, asked: Option<View>, stands: bool) -> Option<BlockedBy> {
    use BlockedBy as B;
    let media = asked.map_or(Media::Voice, |v| v.media);
    let used = |media| units(f, media, asked.is_some());
    let mut reasons = Vec::new();
    let mut fits = |fits: bool, reason: B| {
        if fits {
            reasons.push(reason);
        }
    };
    fits(f.status == Status::Offline, B::Offline);
    fits(!f.active || f.assignment == Assignment::Pending, B::Inactive);
    fits(f.blocked, B::Blocked);
    fits(f.assignment == Assignment::Training, B::Training);
    fits(f.status == Status::OnBreak, B::Break);
    if let Some(v) = asked {
        fits(!v.opted_in, B::OptedOut);
        fits(f.status == Status::Online && v.needs == Needs::Ready, B::NotReady);
    }
    fits(f.next, B::NextPending);
    fits(f.way.grace && !stands, B::Reconnecting);
    fits(f.device != Device::Present && media == Media::Voice, B::DeviceLost);
    fits(!f.way.endpoint && !f.way.desk && !f.way.grace, B::NoWayToRing);
    if asked.is_some() {
        // "No queue or group offers come, of any media; direct calls ring."
        fits(f.wrap_up.is_some(), B::WrapUp);
    }
    match media {
        Media::Voice => fits(used(Media::Chat) > 0 && !f.voice_over_others, B::MediaBlocked),
        _ => fits(used(Media::Voice) > 0, B::MediaBlocked),
    }
    fits(used(media) >= f.capacity, B::Capacity);
    if asked.is_some() {
        fits(f.delay, B::Delay);
    }
    reasons.first().copied()
}

fn works_for(f: &Facts, place: Place) -> bool {
    matches!(f.job, Job::Busy(_, at) if at == place) || f.wrap_up == Some(place)
}

/// The colour of a pair.
fn pair_presence(f: &Facts, v: View) -> Presence {
    if f.status == Status::Offline {
        return Presence::Offline;
    }
    if !v.opted_in || (f.status == Status::Online && v.needs == Needs::Ready) {
        return Presence::OptedOut;
    }
    // While reconnecting the colour stays as if the connection stood.
    if blocked_by(f, Some(v), true).is_none() || works_for(f, v.place) {
        return Presence::Available;
    }
    Presence::Busy
}

/// The colour of an agent who is a member of `places`.
fn whole_presence(f: &Facts, places: &[Place]) -> Presence {
    let pairs: Vec<View> = places.iter().map(|p| view(f, *p)).collect();
    if f.status == Status::Offline {
        return Presence::Offline;
    }
    if f.status == Status::OnBreak {
        return Presence::Busy;
    }
    let out = |v: &&View| pair_presence(f, **v) == Presence::OptedOut;
    if !pairs.is_empty() && pairs.iter().filter(out).count() == pairs.len() {
        return Presence::OptedOut;
    }
    let offerable_somewhere = pairs.iter().any(|v| blocked_by(f, Some(*v), true).is_none());
    let direct = pairs.is_empty() && blocked_by(f, None, true).is_none();
    if offerable_somewhere || direct || places.iter().any(|p| works_for(f, *p)) {
        return Presence::Available;
    }
    Presence::Busy
}

/// "`detail`, the first that fits (null when offline)"; `None` asks for the agent as a whole.
fn detail(f: &Facts, seen_from: Option<Place>) -> Option<Detail> {
    use Detail as D;
    let seen = |at: Option<Place>| seen_from.is_none() || at == seen_from;
    let job = match f.job {
        Job::Idle => None,
        Job::Busy(what, at) => Some((what, Some(at))),
        Job::OwnCall => Some((D::Talking, None)),
    };
    let does = |what: D| job.is_some_and(|(done, at)| done == what && seen(at));
    let elsewhere = job.is_some_and(|(_, at)| !seen(at))
        || f.wrap_up.is_some_and(|at| seen_from.is_some() && seen_from != Some(at));
    let table = [
        (does(D::Talking), D::Talking),
        (does(D::Holding), D::Holding),
        (does(D::Ringing), D::Ringing),
        (does(D::Reserved), D::Reserved),
        (f.wrap_up.is_some() && seen(f.wrap_up), D::WrapUp),
        (f.status == Status::OnBreak, D::Break),
        (f.assignment == Assignment::Training, D::Training),
        (f.blocked, D::Blocked),
        (f.way.grace, D::Reconnecting),
        (f.device != Device::Present, D::DeviceLost),
        (elsewhere, D::OtherWork),
        (f.delay, D::Delay),
        (true, D::Idle),
    ];
    let found = table.iter().find(|(fits, _)| *fits).map(|(_, detail)| *detail);
    found.filter(|_| f.status != Status::Offline)
}

// ---- the engine's answer -------------------------------------------------------------------------

/// A floor with a call for every kind of work, and an agent on whom any facts can be put.
struct World {
    state: State,
    agent: Agent,
    pairs: Vec<Pair>,
    here: [Arc<crate::domain::objects::Queue>; 2],
    /// Call, and its offer where it has one, by kind of work.
    calls: Vec<(Job, CallId, Option<OfferId>)>,
}

const PLACES: [(Place, &str); 3] =
    [(Place::Here, "here"), (Place::There, "there"), (Place::Chat, "chat")];

impl World {
    fn new() -> World {
        let mut floor = Floor::new();
        for (place, id) in PLACES {
            let media = if place == Place::Chat { "chat" } else { "voice" };
            floor.put(Kind::Queue, "", id, json!({ "name": id, "media": media }));
        }
        floor.agent("usr_ann", "here");
        floor.put(Kind::Member, "there", "usr_ann", json!({}));
        floor.put(Kind::Member, "chat", "usr_ann", json!({}));
        let mut calls = Vec::new();
        for (place, queue) in [(Place::Here, "here"), (Place::There, "there")] {
            for detail in [Detail::Reserved, Detail::Ringing] {
                // Another agent is rung for the call; the offer is then put on ours.
                let helper = format!("usr_{queue}_{detail}");
                floor.agent(&helper, queue);
                floor.status(&helper, Status::Ready);
                let subject = format!("{queue}-{detail}");
                let offers = offered(&floor.arrive(&subject, queue));
                if detail == Detail::Ringing {
                    floor.event(&subject, Happening::OfferRinging { offer: offers[0] });
                }
                let id = floor.engine.state.last_call;
                calls.push((Job::Busy(detail, place), id, Some(offers[0])));
            }
        }
        let mut held = Vec::new();
        for (place, queue) in PLACES {
            for detail in [Detail::Talking, Detail::Holding] {
                floor.arrive(&format!("{queue}-{detail}"), queue);
                let id = floor.engine.state.last_call;
                calls.push((Job::Busy(detail, place), id, None));
                held.extend((detail == Detail::Holding).then_some(id));
            }
        }
        let mut state = floor.engine.state.clone();
        for id in held {
            state.calls.get_mut(&id).expect("a call").held = true;
        }
        let agent = state.agents[0].clone();
        let with = |needs| {
            let mut queue = (*state.queues[0].config).clone();
            queue.needs = needs;
            Arc::new(queue)
        };
        let here = [with(Needs::Ready), with(Needs::Online)];
        World { pairs: agent.pairs.clone(), agent, here, calls, state }
    }

    /// Puts the outer facts in place; the work that follows from them.
    fn arrange(&mut self, f: &Facts) -> Vec<Work> {
        self.state.account.voice_over_others = f.voice_over_others;
        self.state.queues[0].config = self.here[usize::from(f.needs == Needs::Online)].clone();
        let agent = &mut self.agent;
        agent.calls.clear();
        agent.offers.clear();
        agent.own_calls.clear();
        agent.wrap_ups.clear();
        if f.job == Job::OwnCall {
            agent.own_calls.push((SwitchIx(0), "own".into()));
        }
        if let Some((_, call, offer)) = self.calls.iter().find(|(job, ..)| *job == f.job) {
            match offer {
                Some(offer) => agent.offers.push((*offer, *call)),
                None => agent.calls.push(*call),
            }
        }
        assert!(
            matches!(f.job, Job::Idle | Job::OwnCall) || !work_of(&self.state, agent).is_empty()
        );
        if let Some(place) = f.wrap_up {
            let queue = QueueIx(u32::from(place == Place::There));
            let until = self.state.at.plus(1_000);
            let call = CallId(1);
            agent.wrap_ups.push(WrapUpRun { call, queue, media: Media::Voice, until });
        }
        let mut user: User = (*agent.user).clone();
        user.capacity = [(Media::Voice, f.capacity), (Media::Chat, f.capacity)].into();
        user.assignment = f.assignment;
        user.state = if f.active { UserState::Active } else { UserState::Deactivated };
        agent.user = Arc::new(user);
        work_of(&self.state, agent)
    }

    /// Puts the inner facts on the agent.
    fn set(&mut self, f: &Facts) {
        let soon = self.state.at.plus(1_000);
        let agent = &mut self.agent;
        agent.status = f.status;
        agent.blocked = f.blocked;
        self.pairs[0].opted_in = f.opted_in;
        let status = Status::OnBreak;
        agent.next =
            f.next.then_some(Next { status, reason: None, forced_by: None, cause: Cause::Own });
        agent.has_endpoint = f.way.endpoint;
        agent.desks.clear();
        agent.desks.extend(f.way.desk.then_some(1));
        agent.grace_until = f.way.grace.then_some(soon);
        agent.device_lost = f.device == Device::Lost;
        agent.device_unreached = f.device == Device::Unreached;
        agent.delay_until = f.delay.then_some(soon);
    }

    /// The rows of the agent's pairs, checked one by one.
    fn check_pairs(&self, f: &Facts, work: &[Work]) -> Vec<PairRow> {
        let check = |(nth, (place, _)): (usize, &(Place, &str))| {
            let asked = view(f, *place);
            let wanted = PairRow {
                presence: pair_presence(f, asked),
                detail: detail(f, Some(*place)),
                offerable: blocked_by(f, Some(asked), false).is_none(),
                source: crate::domain::objects::queue::Source::Direct,
                blocked_by: blocked_by(f, Some(asked), false),
            };
            let found = pair(&self.state, &self.agent, &self.pairs[nth], work);
            assert_eq!(found, wanted, "of the pair {place:?} for {f:?}");
            found
        };
        PLACES.iter().enumerate().map(check).collect()
    }

    /// The agent as a whole, as a member of the first `count` places.
    fn check_whole(&mut self, f: &Facts, work: &[Work], rows: &[PairRow], count: usize) {
        self.agent.pairs.clear();
        self.agent.pairs.extend_from_slice(&self.pairs[..count]);
        let places = [Place::Here, Place::There, Place::Chat];
        let wanted = (
            whole_presence(f, &places[..count]),
            rows[..count].iter().any(|row| row.blocked_by.is_none()),
            detail(f, None),
        );
        let found = whole(&self.state, &self.agent, &rows[..count], work);
        assert_eq!(found, wanted, "of an agent with {count} memberships for {f:?}");
    }
}

#[test]
fn presence_is_the_first_row_that_fits_in_every_combination() {
    let mut world = World::new();
    let mut seen = std::collections::BTreeSet::new();
    for outer in 0..OUTER {
        let work = world.arrange(&facts(outer, 0));
        for inner in 0..INNER {
            let f = facts(outer, inner);
            world.set(&f);
            let rows = world.check_pairs(&f, &work);
            for count in [0, 1, 3] {
                world.check_whole(&f, &work, &rows, count);
            }
            seen.extend(rows.iter().map(|row| (row.presence, row.blocked_by, row.detail)));
        }
    }
    // The combinations reach every word, so that no row of the tables goes untested.
    for word in BlockedBy::ALL {
        assert!(seen.iter().any(|(_, blocked, _)| *blocked == Some(*word)), "{word} never came");
    }
    for word in Detail::ALL {
        assert!(seen.iter().any(|(_, _, detail)| *detail == Some(*word)), "{word} never came");
    }
    for word in Presence::ALL {
        assert!(seen.iter().any(|(presence, ..)| presence == word), "{word} never came");
    }
}
