//! Every decision explains itself: what holds a call back, who could take it and who not and why.

use super::Engine;
use super::needs::{self, Need, Unmet};
use super::permission::Sight;
use super::state::{Call, Stage, State};
use crate::domain::ids::{AgentIx, CallId, QueueIx};
use crate::domain::input::Answer;
use crate::domain::objects::Queue;
use crate::domain::presence::{BlockedBy, HeldBy};
use crate::domain::problem::Problem;
use crate::domain::time::Millis;
use serde_json::{Value, json};
use std::cmp::Reverse;

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
        (call.to_call_back().is_some_and(|c| c.not_before.is_some()), HeldBy::CallbackSpacing),
        (call.picked.is_some(), HeldBy::Assigned),
        (
            call.exit_due.is_some()
                || attempts_spent
                || call.total_at(config).is_some_and(|at| at <= state.at),
            HeldBy::ExitDue,
        ),
        (call.width(config).is_some_and(|width| open >= width), HeldBy::Width),
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
    pub(super) fn candidates_of(&self, id: CallId, sight: &Sight) -> Result<Answer, Problem> {
        let call =
            self.state.call(id).ok_or_else(|| Problem::not_found("call", &id.to_string()))?;
        let queue = call.queue.filter(|_| call.stage == Stage::Waiting);
        let Some(queue) = queue else {
            return Err(Problem::conflict("not_waiting", "only a waiting call has candidates"));
        };
        let config = &self.state.queue(queue).config;
        let need = self.derived.placed.get(&id).map(|p| p.need).unwrap_or_default();
        let wanted = self.derived.needs.get(need);
        let items: Vec<Value> = self
            .sources(queue, need)
            .flat_map(|from| self.state.queue(from).members.iter().map(move |ix| (from, *ix)))
            .filter(|(_, ix)| sight.user(*ix))
            .filter(|(from, ix)| {
                needs::member_of(self.state.agent(*ix), queue, wanted) == Some(*from)
            })
            .map(|(from, ix)| self.candidate(call, (queue, from), wanted, ix))
            .collect();
        let held =
            hold_of(&self.state, call, config).or_else(|| call.hold.map(|_| HeldBy::PreferredHold));
        let steps = call.steps_in(config);
        Ok(Answer::Done {
            status: 200,
            version: None,
            body: json!({
                "call": id.to_string(),
                "queue": self.state.shown_queue(queue),
                "held_by": held.map(HeldBy::word),
                "held_until": held.and_then(|h| self.held_until(call, h)).map(Millis::rfc3339),
                "step": (!steps.is_empty()).then_some(call.step),
                "next_step": next_step_json(call, config),
                "preferred": self.preferred_json(call),
                "items": items,
            }),
        })
    }

    /// A member, seen from a waiting call: `from` is the queue whose member it is.
    fn candidate(
        &self,
        call: &Call,
        (queue, from): (QueueIx, QueueIx),
        wanted: &Need,
        ix: AgentIx,
    ) -> Value {
        let row = self.pair_row(ix, from);
        let unmet = needs::unmet(self.state.agent(ix), from, wanted);
        let fits = row.is_some_and(|r| r.offerable) && unmet.is_none();
        let rung = call.open_offers().any(|o| o.agent == ix);
        let (against, until) = match (row.and_then(|r| r.blocked_by), unmet) {
            _ if rung => (Some(("rung", "this call rings here".to_owned())), None),
            (Some(blocked), _) => {
                let words = self.blocked_words(ix, blocked);
                (Some((blocked.word(), words)), self.blocked_until(ix, blocked))
            }
            (None, Some(unmet)) => (Some(("not_fitting", self.unmet_words(unmet))), None),
            (None, None) => match self.held_by(call, ix) {
                Some(held) => {
                    let words = held_words(held).to_owned();
                    (Some((held.word(), words)), self.held_until(call, held))
                }
                None => (None, None),
            },
        };
        json!({
            "user": self.state.agent(ix).id,
            "name": self.name_of(ix),
            "through": (from != queue).then(|| &self.state.queue(from).id),
            "candidate": fits,
            "against": against.as_ref().map(|(code, _)| code),
            "detail": against.as_ref().map(|(_, words)| words),
            "until": until.map(Millis::rfc3339),
        })
    }

    /// When what keeps a call back ends by itself, where that is known.
    fn held_until(&self, call: &Call, held: HeldBy) -> Option<Millis> {
        match held {
            HeldBy::Frozen => call.frozen_until,
            HeldBy::Replay => call.replay_until,
            HeldBy::RoundClosing => call.closing_until,
            HeldBy::CallbackSpacing => call.to_call_back().and_then(|c| c.not_before),
            HeldBy::PreferredHold => call.hold.map(|(_, ms)| call.waited_at(ms.into())),
            HeldBy::TriedInPass => {
                let plan = &self.state.queue(call.queue?).config.plan;
                let began = call.pass_began_at.filter(|_| plan.again)?;
                Some(began.plus(plan.again_after_ms)).filter(|at| *at > self.state_now())
            }
            _ => None,
        }
    }

    /// When what stands against an agent ends by itself, where that is known.
    fn blocked_until(&self, ix: AgentIx, blocked: BlockedBy) -> Option<Millis> {
        let agent = self.state.agent(ix);
        match blocked {
            BlockedBy::Blocked => agent.user.blocked_until,
            BlockedBy::Reconnecting => agent.grace_until,
            BlockedBy::WrapUp => agent.wrap_ups.iter().map(|w| w.until).max(),
            BlockedBy::Delay => agent.delay_until,
            _ => None,
        }
    }

    /// Whom a call waits for before anybody else, and until when.
    pub(super) fn preferred_json(&self, call: &Call) -> Value {
        let told = call.hold.map(|(agent, ms)| {
            json!({
                "agent": self.state.agent(agent).id,
                "until": call.waited_at(ms.into()).rfc3339(),
            })
        });
        told.unwrap_or_default()
    }

    pub(super) fn blocked_words(&self, ix: AgentIx, blocked: BlockedBy) -> String {
        use BlockedBy as B;
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

    /// The waiting calls that an agent is next for: of each queue, those that this agent could be
    /// offered, also as a member of another one, in the order of their claims.
    pub(super) fn next_for(&self, ix: AgentIx) -> Vec<Value> {
        let agent = self.state.agent(ix);
        let mut homes: Vec<QueueIx> = agent.pairs.iter().map(|p| p.queue).collect();
        for pair in &agent.pairs {
            homes.extend(self.derived.index[pair.queue.at()].watchers.keys());
        }
        homes.sort_unstable();
        homes.dedup();
        let mut next: Vec<_> = homes.into_iter().filter_map(|q| self.next_in(ix, q)).collect();
        next.sort_by_key(|(claim, _)| *claim);
        next.into_iter().map(|(_, row)| row).collect()
    }

    /// The first call of a queue that an agent could be offered, with its claim.
    fn next_in(&self, ix: AgentIx, queue: QueueIx) -> Option<(Claim, Value)> {
        let agent = self.state.agent(ix);
        let config = &self.state.queue(queue).config;
        let fitting = self.derived.index[queue.at()].waiting.iter().filter_map(|(rank, id)| {
            let placed = self.derived.placed.get(id)?;
            let member_of = needs::fits(agent, queue, self.derived.needs.get(placed.need))?;
            // A call that rings here already, or as often as it may, waits for nobody more.
            let call = self.state.call(*id)?;
            let rings = hold_of(&self.state, call, config) == Some(HeldBy::Width)
                || call.open_offers().any(|o| o.agent == ix);
            (!rings).then_some((*rank, call, member_of))
        });
        let (rank, call, member_of) = fitting.into_iter().next()?;
        let held = self.held_by(call, ix);
        let blocked = self.pair_row(ix, member_of).and_then(|row| row.blocked_by);
        let row = json!({
            "call": call.id.to_string(),
            "queue": self.state.queue(queue).id,
            "through": (member_of != queue).then(|| &self.state.queue(member_of).id),
            "step": (!call.steps_in(config).is_empty()).then_some(call.step),
            "next_step": next_step_json(call, config),
            "blocked_by": blocked,
            "blocked_until":
                blocked.and_then(|b| self.blocked_until(ix, b)).map(Millis::rfc3339),
            "held_by": held.map(HeldBy::word),
            "held_until": held.and_then(|h| self.held_until(call, h)).map(Millis::rfc3339),
        });
        Some(((Reverse(config.weight), rank, call.id), row))
    }
}

/// Lower is served first: highest weight, lowest rank, lowest number.
type Claim = (Reverse<i32>, i64, CallId);

/// The step after the present one, and when it begins.
pub(super) fn next_step_json(call: &Call, config: &Queue) -> Value {
    let next = call.next_step(config);
    next.map(|(step, at)| json!({ "step": step, "at": at.rfc3339() })).unwrap_or_default()
}

pub(super) fn held_words(held: HeldBy) -> &'static str {
    match held {
        HeldBy::Frozen => "the call waits for its switch to speak after a restart",
        HeldBy::Replay => "late events of the call are still coming",
        HeldBy::EventGap => "an earlier event of the call is missing",
        HeldBy::SwitchSuspect => "the call's switch is silent",
        HeldBy::SwitchBudget => "the switch can ring no more agents for this call",
        HeldBy::RoundClosing => "the call's present round must end first",
        HeldBy::CallbackSpacing => "the customer is not to be called back yet",
        HeldBy::ExitDue => "the call leaves the queue when its open offers have ended",
        HeldBy::Assigned => "it is for one agent: a supervisor picked them, or it is a direct call",
        HeldBy::PreferredHold => "the call waits for another agent, who is preferred",
        HeldBy::TriedInPass => "was tried in this pass",
        HeldBy::Width => "as many ring for this call as its plan allows",
        HeldBy::MaxRinging => "as many ring for this queue as it allows",
    }
}
