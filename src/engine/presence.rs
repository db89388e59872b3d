//! Presence (`engine.md` 2): derived from status, work and membership; never stored, never chosen.

use super::state::{Agent, Pair, State};
use crate::domain::ids::QueueIx;
use crate::domain::media::Media;
use crate::domain::objects::queue::Needs;
use crate::domain::objects::user::Assignment;
use crate::domain::presence::{BlockedBy, Detail, Presence, Status};
use crate::domain::rows::PairRow;

/// One piece of work of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What it shows as.
    pub detail: Detail,
    /// For which queue; `None` for calls that the engine did not route.
    pub queue: Option<QueueIx>,
    /// Whose capacity it takes.
    pub media: Media,
}

/// All work of an agent, in the precedence of `detail`.
#[must_use]
pub fn work_of(state: &State, agent: &Agent) -> Vec<Work> {
    let mut work = Vec::new();
    for id in &agent.calls {
        let Some(call) = state.call(*id) else { continue };
        let detail = if call.held { Detail::Holding } else { Detail::Talking };
        work.push(Work { detail, queue: call.queue, media: call.media });
    }
    for _ in &agent.own_calls {
        work.push(Work { detail: Detail::Talking, queue: None, media: Media::Voice });
    }
    for (offer, id) in &agent.offers {
        let Some(call) = state.call(*id) else { continue };
        let ringing = call.offer(*offer).is_some_and(|o| o.ringing);
        let detail = if ringing { Detail::Ringing } else { Detail::Reserved };
        work.push(Work { detail, queue: call.queue, media: call.media });
    }
    for run in &agent.wrap_ups {
        work.push(Work { detail: Detail::WrapUp, queue: Some(run.queue), media: run.media });
    }
    work.sort_by_key(|w| w.detail);
    work
}

/// An agent in one queue.
#[must_use]
pub fn pair(state: &State, agent: &Agent, pair: &Pair, work: &[Work]) -> PairRow {
    let queue = &state.queue(pair.queue).config;
    let blocked_by = blocked(state, agent, Some(pair), work, false);
    let as_if_connected = match blocked_by {
        Some(BlockedBy::Reconnecting) => blocked(state, agent, Some(pair), work, true),
        other => other,
    };
    let works_here = work.iter().any(|w| w.queue == Some(pair.queue));
    let out = !pair.opted_in || (agent.status == Status::Online && queue.needs == Needs::Ready);
    let presence = if agent.status == Status::Offline {
        Presence::Offline
    } else if out {
        Presence::OptedOut
    } else if as_if_connected.is_none() || works_here {
        Presence::Available
    } else {
        Presence::Busy
    };
    let here = work.iter().find(|w| w.queue == Some(pair.queue)).map(|w| w.detail);
    let elsewhere = work.iter().any(|w| w.queue != Some(pair.queue));
    PairRow {
        presence,
        detail: detail(agent, here, elsewhere),
        offerable: blocked_by.is_none(),
        blocked_by,
        source: pair.source,
    }
}

/// Whether a pair is offerable, or would be if the desk connection stood.
#[must_use]
pub fn offerable_or_grace(
    state: &State,
    agent: &Agent,
    pair: &Pair,
    work: &[Work],
    row: &PairRow,
) -> bool {
    let reconnecting = row.blocked_by == Some(BlockedBy::Reconnecting);
    row.offerable || (reconnecting && blocked(state, agent, Some(pair), work, true).is_none())
}

/// The agent as a whole: presence and whether some queue could offer a call.
#[must_use]
pub fn whole(
    state: &State,
    agent: &Agent,
    pairs: &[PairRow],
    work: &[Work],
) -> (Presence, bool, Option<Detail>) {
    let offerable = pairs.iter().any(|p| p.offerable);
    let shown = detail(agent, work.first().map(|w| w.detail), false);
    let green = pairs.iter().any(|p| p.presence == Presence::Available)
        || work.iter().any(|w| w.queue.is_some_and(|q| agent.pair(q).is_some()));
    let presence = if agent.status == Status::Offline {
        Presence::Offline
    } else if agent.status == Status::OnBreak {
        Presence::Busy
    } else if !pairs.is_empty() && pairs.iter().all(|p| p.presence == Presence::OptedOut) {
        Presence::OptedOut
    } else if green || (pairs.is_empty() && blocked(state, agent, None, work, true).is_none()) {
        Presence::Available
    } else {
        Presence::Busy
    };
    (presence, offerable, shown)
}

/// Why this agent cannot be offered a call now, the first reason that fits. `pair: None` asks for a
/// direct call. `connected`: as if the desk connection stood.
#[must_use]
pub fn blocked(
    state: &State,
    agent: &Agent,
    pair: Option<&Pair>,
    work: &[Work],
    connected: bool,
) -> Option<BlockedBy> {
    let queue = pair.map(|p| &*state.queue(p.queue).config);
    let media = queue.map_or(Media::Voice, |q| q.media);
    let user = &agent.user;
    // The order is the table's of `engine.md` 2; tests go through all of it. Asked for each queue of
    // an agent at each change, hence no table of conditions that are all worked out first.
    let needs_ready = queue.is_some_and(|q| q.needs == Needs::Ready);
    let by_status = if agent.status == Status::Offline {
        Some(BlockedBy::Offline)
    } else if !user.may_work() {
        Some(BlockedBy::Inactive)
    } else if agent.blocked {
        Some(BlockedBy::Blocked)
    } else if user.assignment == Assignment::Training {
        Some(BlockedBy::Training)
    } else if agent.status == Status::OnBreak {
        Some(BlockedBy::Break)
    } else if pair.is_some_and(|p| !p.opted_in) {
        Some(BlockedBy::OptedOut)
    } else if agent.status == Status::Online && needs_ready {
        Some(BlockedBy::NotReady)
    } else if agent.next.is_some() {
        Some(BlockedBy::NextPending)
    } else {
        None
    };
    let by_device = || {
        if !connected && agent.grace_until.is_some() {
            Some(BlockedBy::Reconnecting)
        } else if (agent.device_lost || agent.device_unreached) && media == Media::Voice {
            Some(BlockedBy::DeviceLost)
        } else if !agent.has_endpoint && agent.desks.is_empty() && agent.grace_until.is_none() {
            Some(BlockedBy::NoWayToRing)
        } else if pair.is_some() && !agent.wrap_ups.is_empty() {
            Some(BlockedBy::WrapUp)
        } else {
            None
        }
    };
    if let Some(why) = by_status.or_else(by_device) {
        return Some(why);
    }
    // A wrap-up's unit does not count against direct calls of its medium.
    let counts = |w: &&Work| pair.is_some() || w.detail != Detail::WrapUp || w.media != media;
    let on = |voice: bool| work.iter().filter(counts).any(|w| (w.media == Media::Voice) == voice);
    let voice = media == Media::Voice;
    if (!voice && on(true)) || (voice && on(false) && !state.account.voice_over_others) {
        return Some(BlockedBy::MediaBlocked);
    }
    let used = work.iter().filter(counts).filter(|w| w.media == media).count();
    if used >= usize::from(user.capacity_of(media)) {
        return Some(BlockedBy::Capacity);
    }
    (pair.is_some() && agent.delay_until.is_some()).then_some(BlockedBy::Delay)
}

/// The first detail that fits; `None` when offline, also while work runs on. `own` is the work that belongs to the viewer's
/// question (of this queue, or any), `other` whether there is work besides.
fn detail(agent: &Agent, own: Option<Detail>, other: bool) -> Option<Detail> {
    if agent.status == Status::Offline {
        return None;
    }
    let user = &agent.user;
    let rest = [
        (agent.status == Status::OnBreak, Detail::Break),
        (user.assignment == Assignment::Training, Detail::Training),
        (agent.blocked, Detail::Blocked),
        (agent.grace_until.is_some(), Detail::Reconnecting),
        (agent.device_lost || agent.device_unreached, Detail::DeviceLost),
        (other, Detail::OtherWork),
        (agent.delay_until.is_some(), Detail::Delay),
    ];
    own.or_else(|| rest.iter().find(|(fits, _)| *fits).map(|(_, detail)| *detail))
        .or(Some(Detail::Idle))
}
