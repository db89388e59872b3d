//! Every decision explains itself: what holds a call back, who could take it and who not and why.

use super::Engine;
use super::needs::{self, Unmet};
use super::state::{Call, Stage, State};
use crate::domain::ids::{AgentIx, CallId};
use crate::domain::input::Answer;
use crate::domain::objects::Queue;
use crate::domain::presence::HeldBy;
use crate::domain::problem::Problem;
use serde_json::{Value, json};

/// What keeps a call back as a whole. Of the codes, `tried_in_pass` and `max_ringing` concern single
/// candidates and the queue, and are not told here.
#[must_use]
pub fn hold_of(state: &State, call: &Call, config: &Queue) -> Option<HeldBy> {
    let switch = state.switch(call.switch);
    let able = &switch.config.capabilities;
    let open = call.open_count() as u32;
    let budget_spent = able.offers_per_call.is_some_and(|max| call.legs_made() + 1 >= max);
    let attempts_spent = config.plan.attempts.is_some_and(|max| call.attempts >= max);
    let round_open = !able.adds_leg && call.open_offers().any(|o| !o.at_desk);
    let first = [
        (call.frozen_until.is_some(), HeldBy::Frozen),
        (call.replay_until.is_some(), HeldBy::Replay),
        (switch.parked.contains_key(&call.subject), HeldBy::EventGap),
        (switch.suspected, HeldBy::SwitchSuspect),
        (budget_spent, HeldBy::SwitchBudget),
        (call.closing_until.is_some() || round_open, HeldBy::RoundClosing),
        (call.picked.is_some(), HeldBy::Assigned),
        (
            call.exit_due.is_some()
                || attempts_spent
                || call.total_at(config).is_some_and(|at| at <= state.at),
            HeldBy::ExitDue,
        ),
        (config.plan.width.is_some_and(|width| open >= width), HeldBy::Width),
    ];
    first.iter().find(|(fits, _)| *fits).map(|(_, held)| *held)
}

impl Engine {
    /// Why a candidate is not offered a waiting call now; `None` when it is, or nothing keeps it.
    pub(super) fn held_by(&self, call: &Call, agent: AgentIx) -> Option<HeldBy> {
        let queue = call.queue?;
        let config = &self.state.queue(queue).config;
        let hold = hold_of(&self.state, call, config);
        if let Some(hold) = hold.filter(|h| *h != HeldBy::Width) {
            return Some(hold);
        }
        if call.hold.is_some_and(|(preferred, _)| preferred != agent) {
            return Some(HeldBy::PreferredHold);
        }
        if call.tried.contains(&agent) {
            return Some(HeldBy::TriedInPass);
        }
        let full =
            config.max_ringing.is_some_and(|max| self.derived.index[queue.at()].ringing >= max);
        hold.or(full.then_some(HeldBy::MaxRinging))
    }

    /// For a waiting call: each member and the first reason against it.
    pub(super) fn candidates_of(&self, id: CallId) -> Result<Answer, Problem> {
        let call =
            self.state.call(id).ok_or_else(|| Problem::not_found("call", &id.to_string()))?;
        let queue = call.queue.filter(|_| call.stage == Stage::Waiting);
        let Some(queue) = queue else {
            return Err(Problem::conflict("not_waiting", "only a waiting call has candidates"));
        };
        let config = &self.state.queue(queue).config;
        let need = self.derived.placed.get(&id).map(|p| p.need).unwrap_or_default();
        let items: Vec<Value> = self
            .state
            .queue(queue)
            .members
            .iter()
            .map(|ix| {
                let row = self.pair_row(*ix, queue);
                let agent = self.state.agent(*ix);
                let unmet = needs::unmet(agent, queue, self.derived.needs.get(need));
                let rung = call.open_offers().any(|o| o.agent == *ix);
                let against = match (row.and_then(|r| r.blocked_by), unmet) {
                    _ if rung => Some(("rung", "this call rings here".to_owned())),
                    (Some(blocked), _) => Some((blocked.word(), self.blocked_words(*ix, blocked))),
                    (None, Some(unmet)) => Some(("not_fitting", self.unmet_words(unmet))),
                    (None, None) => self
                        .held_by(call, *ix)
                        .map(|held| (held.word(), held_words(held).to_owned())),
                };
                json!({
                    "user": agent.id,
                    "name": self.name_of(*ix),
                    "candidate": row.is_some_and(|r| r.offerable) && unmet.is_none(),
                    "against": against.as_ref().map(|(code, _)| code),
                    "detail": against.as_ref().map(|(_, words)| words),
                })
            })
            .collect();
        let held = hold_of(&self.state, call, config);
        Ok(Answer::Done {
            status: 200,
            version: None,
            body: json!({
                "call": id.to_string(),
                "queue": self.state.queue(queue).id,
                "held_by": held.map(HeldBy::word),
                "items": items,
            }),
        })
    }

    pub(super) fn blocked_words(&self, ix: AgentIx, blocked: crate::domain::presence::BlockedBy) -> String {
        use crate::domain::presence::BlockedBy as B;
        let agent = self.state.agent(ix);
        match blocked {
            B::Offline => "is logged out".into(),
            B::Inactive => "is not active in this account".into(),
            B::Blocked => "is blocked".into(),
            B::Training => "is in training".into(),
            B::Break => "is on a break".into(),
            B::OptedOut => "has opted out of this queue".into(),
            B::NotReady => "is online, and this queue needs ready".into(),
            B::NextPending => "goes to another status after the present work".into(),
            B::Reconnecting => "lost the connection of the desk a moment ago".into(),
            B::DeviceLost => "has a phone that is not registered".into(),
            B::NoWayToRing => "has neither an endpoint nor an open desk".into(),
            B::WrapUp => "is in after-call work".into(),
            B::MediaBlocked => "works on another medium".into(),
            B::Capacity => "has as many calls as the capacity allows".into(),
            B::Delay => match agent.delay_until {
                Some(until) => format!("is left alone until {until} after the last offer"),
                None => "is left alone for a while".into(),
            },
        }
    }

    fn unmet_words(&self, unmet: Unmet) -> String {
        let skill = |ix: crate::domain::ids::SkillIx| &self.state.skills[ix.at()].id;
        match unmet {
            Unmet::Stars(least) => format!("has fewer than {least} stars here"),
            Unmet::NotNamed => "is not among the users that the step names".into(),
            Unmet::UnknownSkill => "nobody holds a required skill: it does not exist".into(),
            Unmet::Skill(ix) => format!("does not hold the skill {}", skill(ix)),
            Unmet::Level(ix, min, max) if max == u16::MAX => {
                format!("holds {} below {min}", skill(ix))
            }
            Unmet::Level(ix, min, max) => format!("holds {} outside {min}…{max}", skill(ix)),
        }
    }

    /// The waiting calls that an agent is next for: of each of the agent's queues, those that this
    /// agent could be offered, in the order of their claims.
    pub(super) fn next_for(&self, ix: AgentIx) -> Vec<Value> {
        let agent = self.state.agent(ix);
        let mut next = Vec::new();
        for pair in &agent.pairs {
            let queue = self.state.queue(pair.queue);
            let row = self.pair_row(ix, pair.queue);
            let index = &self.derived.index[pair.queue.at()];
            let fitting = index.waiting.iter().filter_map(|(rank, id)| {
                let placed = self.derived.placed.get(id)?;
                let fits = needs::meets(agent, pair.queue, self.derived.needs.get(placed.need));
                // A call that rings here already, or as often as it may, waits for nobody more.
                let call = self.state.call(*id)?;
                let rings = hold_of(&self.state, call, &queue.config) == Some(HeldBy::Width)
                    || call.open_offers().any(|o| o.agent == ix);
                (fits && !rings).then_some((*rank, *id))
            });
            if let Some((rank, id)) = fitting.into_iter().next() {
                let held = self.state.call(id).and_then(|c| self.held_by(c, ix));
                next.push((
                    std::cmp::Reverse(queue.config.weight),
                    rank,
                    id,
                    json!({
                        "call": id.to_string(),
                        "queue": queue.id,
                        "blocked_by": row.and_then(|r| r.blocked_by),
                        "held_by": held.map(HeldBy::word),
                    }),
                ));
            }
        }
        next.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
        next.into_iter().map(|(.., row)| row).collect()
    }
}

pub(super) fn held_words(held: HeldBy) -> &'static str {
    match held {
        HeldBy::Frozen => "the call waits for its switch to speak after a restart",
        HeldBy::Replay => "late events of the call are still coming",
        HeldBy::EventGap => "an earlier event of the call is missing",
        HeldBy::SwitchSuspect => "the call's switch is silent",
        HeldBy::SwitchBudget => "the switch can ring no more agents for this call",
        HeldBy::RoundClosing => "the call's present round must end first",
        HeldBy::ExitDue => "the call leaves the queue when its open offers have ended",
        HeldBy::Assigned => "a supervisor picked another agent for it",
        HeldBy::PreferredHold => "the call waits for another agent, who is preferred",
        HeldBy::TriedInPass => "was tried in this pass",
        HeldBy::Width => "as many ring for this call as its plan allows",
        HeldBy::MaxRinging => "as many ring for this queue as it allows",
    }
}
