//! Time: the model finds what falls due by looking at everything.

use super::calls::day_of;
use super::switches::SILENCE_MS;
use super::{Model, State};
use crate::domain::event::{Outcome, Withdrawn};
use crate::domain::objects::queue::Window;
use crate::domain::rows::DayCounts;
use crate::domain::time::Millis;
use crate::sim::fact::Fact;

/// What falls due. The order of the variants is that of deadlines of the same instant and object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Day,
    Pass,
    Silence,
    WrapUp,
    Delay,
    Lease,
    Grace,
    Unleased,
    Block,
    Counted,
    Ring,
    Thaw,
    Replay,
    Gap,
    Round,
    Total,
    MaxWait,
    Hold,
    Step,
    Wider,
    Announce,
    Callback,
    Expired,
    Dialed,
}

/// An instant, the class of its object, the object's number, and what falls due there.
type Deadline = (Millis, u8, usize, Due, usize);

impl Model {
    /// The earliest instant at which something of the rules changes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.deadlines().into_iter().min().map(|d| d.0)
    }

    /// Handles the first deadline, which has come.
    pub fn due(&mut self, now: Millis) -> Vec<Fact> {
        self.now = now;
        if let Some(deadline) = self.deadlines().into_iter().min().filter(|d| d.0 <= now) {
            self.fall_due(deadline);
        }
        self.settle();
        self.note_work();
        std::mem::take(&mut self.facts)
    }

    fn deadlines(&self) -> Vec<Deadline> {
        let mut all = vec![(Millis((self.day + 1) * 86_400_000), 0, 0, Due::Day, 0)];
        for (i, s) in self.switches.iter().enumerate() {
            if (s.heartbeat || s.link) && !s.suspected {
                all.push((s.spoke_at.plus(SILENCE_MS), 1, i, Due::Silence, 0));
            }
        }
        for agent in 0..self.agents.len() {
            self.agent_deadlines(agent, &mut all);
        }
        for offer in self.offers_where(|_| true) {
            all.push((self.offers[offer].until, 3, offer, Due::Ring, 0));
        }
        for call in 0..self.calls.len() {
            self.call_deadlines(call, &mut all);
        }
        for (i, parked) in self.parked.iter().enumerate() {
            let call = self
                .switch_named(&parked.report.switch)
                .and_then(|s| self.call_named(s, &parked.report.subject))
                .unwrap_or(usize::MAX);
            all.push((parked.until, 4, call, Due::Gap, i));
        }
        all
    }

    fn agent_deadlines(&self, agent: usize, all: &mut Vec<Deadline>) {
        let a = &self.agents[agent];
        for (i, wrap_up) in a.wrap_ups.iter().enumerate() {
            all.push((wrap_up.until, 2, agent, Due::WrapUp, i));
        }
        let singles = [
            (a.delay_until, Due::Delay),
            (a.lease_until, Due::Lease),
            (a.grace_until, Due::Grace),
            (self.unleased_at(agent), Due::Unleased),
            (a.user.blocked_until, Due::Block),
        ];
        for (queue, at) in self.leaving(agent) {
            all.push((at, 2, agent, Due::Counted, queue));
        }
        for (at, due) in singles {
            if let Some(at) = at {
                all.push((at, 2, agent, due, 0));
            }
        }
    }

    fn call_deadlines(&self, call: usize, all: &mut Vec<Deadline>) {
        let c = &self.calls[call];
        let mut push = |class: u8, at: Option<Millis>, due: Due| {
            if let Some(at) = at {
                all.push((at, class, call, due, 0));
            }
        };
        if c.state == State::Ended {
            return;
        }
        push(4, c.frozen_until, Due::Thaw);
        push(4, c.replay_until, Due::Replay);
        let callback = c.callback.as_ref();
        push(4, callback.and_then(|c| c.dialing), Due::Dialed);
        if c.state != State::Waiting || self.stands_still(call) {
            return;
        }
        let calls_back = self.calls_back(call);
        if let Some(callback) = callback.filter(|_| calls_back) {
            push(4, callback.not_before, Due::Callback);
            let keep_ms = self.queues[c.queue].config.callback.keep_ms;
            if self.open_offers(call).is_empty() && c.picked.is_none() {
                push(4, Some(callback.made_at.plus(keep_ms)), Due::Expired);
            }
        }
        push(4, c.closing_until, Due::Round);
        push(4, self.total_at(call), Due::Total);
        let config = &self.queues[c.queue].config;
        if c.exit_due.is_none() && !calls_back {
            let max_wait = config.exits.max_wait_ms;
            push(4, max_wait.map(|ms| c.queued_at.plus(ms).plus(c.away_ms)), Due::MaxWait);
        }
        push(4, self.hold_ends_at(call), Due::Hold);
        push(4, self.next_step_at(call), Due::Step);
        if config.plan.again && !c.pass_spaced && !c.tried.is_empty() {
            let spaced = c.pass_began.map(|at| at.plus(config.plan.again_after_ms));
            push(0, spaced, Due::Pass);
        }
        let wider = config.plan.wider.get(c.widths);
        push(4, wider.map(|w| c.queued_at.plus(w.after_ms).plus(c.away_ms)), Due::Wider);
        let announce = config.announce;
        let able = self.switches[c.switch].can.announce && !calls_back;
        let announce = announce.filter(|_| able);
        let next = announce.and_then(|announce| announce.at(c.announced));
        push(4, next.map(|ms| c.queued_at.plus(ms).plus(c.away_ms)), Due::Announce);
    }

    fn fall_due(&mut self, (_, _, id, due, i): Deadline) {
        match due {
            Due::Day => self.new_day(),
            Due::Silence => self.suspect(id),
            Due::WrapUp => self.end_wrap_up(id, i),
            Due::Delay => self.agents[id].delay_until = None,
            Due::Lease => self.lease_over(id),
            Due::Grace => self.grace_over(id),
            Due::Unleased => self.unleased_over(id),
            Due::Block => self.agents[id].user.blocked_until = None,
            Due::Ring => self.ring_over(id),
            Due::Thaw => self.calls[id].frozen_until = None,
            Due::Replay => self.calls[id].replay_until = None,
            Due::Gap => self.gap_over(i),
            Due::Round => {
                self.calls[id].closing.clear();
                self.calls[id].closing_until = None;
            }
            Due::Pass => {
                let due = |d: &Deadline| d.3 == Due::Pass && d.0 <= self.now;
                for (_, _, call, ..) in self.deadlines().into_iter().filter(due) {
                    self.calls[call].pass_spaced = true;
                }
            }
            Due::Wider => self.calls[id].widths += 1,
            Due::Announce => self.announce(id),
            Due::Callback => {
                if let Some(callback) = &mut self.calls[id].callback {
                    callback.not_before = None;
                }
            }
            Due::Expired => self.end(id, Outcome::Failed, Withdrawn::Ended),
            Due::Dialed => self.customer_missed(id),
            Due::Counted => self.slide(id, i),
            Due::Total => self.total_over(id),
            Due::Hold => self.calls[id].hold = None,
            Due::Step => self.step_due(id),
            Due::MaxWait => self.max_wait_over(id),
        }
    }

    /// Counts begin anew.
    fn new_day(&mut self) {
        self.day = day_of(self.now);
        for queue in &mut self.queues {
            queue.today = DayCounts::default();
            if queue.config.plan.window == Window::Day {
                queue.members.iter_mut().for_each(|member| member.count = None);
            }
        }
    }
}
