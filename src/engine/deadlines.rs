//! Deadlines: fields in the state. `next_deadline` gives the earliest and its reason; the table
//! behind it may hold stale entries, the owner's own fields rule.

use super::Engine;
use super::derived::Derived;
use super::refresh::class;
use super::state::{Agent, Call, Parked, Stage, State, SwitchState};
use super::windows;
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, CallId, Name, OfferId, QueueIx, SwitchIx};
use crate::domain::objects::user::UserKind;
use crate::domain::presence::Status;
use crate::domain::switching::FailReason;
use crate::domain::time::Millis;
use std::cmp::Reverse;

/// A switch that promised to speak is suspected after so long a silence, ms.
pub const SILENCE_MS: u64 = 30_000;

/// What an agent waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentDue {
    /// A wrap-up's end.
    WrapUp(CallId),
    /// The delay's end.
    Delay,
    /// The block's end.
    Block,
    /// A lease by request.
    Lease,
    /// The grace of a lost desk.
    Grace,
    /// Nothing heard for `max_unleased_ms`.
    Unleased,
    /// Something counted in this queue leaves its window.
    Counted(QueueIx),
}

/// The earliest of an agent's deadlines.
#[must_use]
pub fn agent_deadline(state: &State, agent: &Agent) -> Option<(Millis, AgentDue)> {
    let wrap_up = agent.wrap_ups.iter().map(|w| (w.until, AgentDue::WrapUp(w.call)));
    let block = agent.user.blocked_until.filter(|_| agent.blocked);
    let leased =
        !agent.desks.is_empty() || agent.grace_until.is_some() || agent.lease_until.is_some();
    let kept = agent.forced_by.is_some() && agent.status == Status::OnBreak;
    let never = state.account.max_unleased_ms == 0
        || agent.user.kind == UserKind::Pbx
        || agent.status == Status::Offline
        || agent.next.is_some()
        // Who talks is not forgotten.
        || !agent.calls.is_empty()
        || kept;
    let unleased = (!leased && !never).then(|| agent.active_at.plus(state.account.max_unleased_ms));
    let rest = [
        (agent.delay_until, AgentDue::Delay),
        (block, AgentDue::Block),
        (agent.lease_until, AgentDue::Lease),
        (agent.grace_until, AgentDue::Grace),
        (unleased, AgentDue::Unleased),
    ];
    let rest = rest.into_iter().filter_map(|(at, due)| at.map(|at| (at, due)));
    let counted = agent
        .pairs
        .iter()
        .filter_map(|pair| Some((windows::leaves_at(pair)?, AgentDue::Counted(pair.queue))));
    wrap_up.chain(rest).chain(counted).min_by_key(|(at, _)| *at)
}

/// What a live call waits for; of the same instant the first is handled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallDue {
    /// Its switch, after a restart.
    Thaw,
    /// The end of its replay.
    Replay,
    /// An event ahead of a gap has waited long enough.
    Gap,
    /// The end of its round at the switch.
    RoundClosed,
    /// `total_ms`.
    Total,
    /// `max_wait_ms`.
    MaxWait,
    /// The hold for a preferred agent.
    Hold,
    /// The next step.
    Step,
    /// The plan's next width.
    Wider,
    /// The caller is told the place.
    Announce,
    /// A callback may be offered.
    Callback,
    /// A callback was kept long enough.
    Expired,
    /// The customer has been dialled long enough.
    Dialed,
}

/// The earliest of a call's deadlines. While it stands still (frozen, or in a replay), and once it is
/// connected, its queue has none for it.
#[must_use]
pub fn call_deadline(state: &State, call: &Call) -> Option<(Millis, CallDue)> {
    if call.is_ended() {
        return None;
    }
    // Looked at with each event of the call: the rare ones cost a comparison each. Of the same
    // instant the first is kept.
    let mut first: Option<(Millis, CallDue)> = None;
    let mut take = |at: Option<Millis>, due: CallDue| {
        if let Some(at) = at
            && first.is_none_or(|(earliest, _)| at < earliest)
        {
            first = Some((at, due));
        }
    };
    take(call.frozen_until, CallDue::Thaw);
    take(call.replay_until, CallDue::Replay);
    let parked = &state.switch(call.switch).parked;
    if !parked.is_empty() {
        take(parked.get(&call.subject).and_then(Parked::first_until), CallDue::Gap);
    }
    if let Some(queue) = call.queue
        && call.stage == Stage::Waiting
        && !call.stands_still()
    {
        let config = &*state.queue(queue).config;
        take(call.closing_until, CallDue::RoundClosed);
        take(call.total_at(config), CallDue::Total);
        if call.exit_due.is_none() {
            take(call.max_wait_at(config), CallDue::MaxWait);
        }
        take(call.hold.map(|(_, ms)| call.waited_at(ms.into())), CallDue::Hold);
        take(call.next_step(config).map(|(_, at)| at), CallDue::Step);
        take(call.wider_at(config), CallDue::Wider);
        if config.announce.is_some() && state.switch(call.switch).config.capabilities.announce {
            take(call.announced_at(config), CallDue::Announce);
        }
        if let Some(callback) = call.to_call_back() {
            take(callback.not_before, CallDue::Callback);
            if call.open_count() == 0 && call.picked.is_none() {
                take(Some(call.arrived_at.plus(config.callback.keep_ms)), CallDue::Expired);
            }
        }
    }
    if let Some(callback) = &call.callback {
        take(callback.dialing_until, CallDue::Dialed);
    }
    first
}

/// When the spacing since a waiting call's pass began has passed.
#[must_use]
pub fn pass_deadline(state: &State, call: &Call) -> Option<Millis> {
    if call.stage != Stage::Waiting || call.stands_still() || call.pass_spaced {
        return None;
    }
    let plan = &state.queue(call.queue?).config.plan;
    let runs = plan.again && !call.tried.is_empty();
    call.pass_began_at.filter(|_| runs).map(|at| at.plus(plan.again_after_ms))
}

/// A switch's deadline: its silence.
fn switch_deadline(switch: &SwitchState) -> Option<Millis> {
    let promised = (switch.beats || switch.linked) && !switch.suspected && !switch.deleted;
    promised.then(|| switch.heard_at.plus(SILENCE_MS))
}

/// Events of calls that are not known wait, too: one entry a switch, behind all calls.
fn strangers_id(switch: SwitchIx) -> u64 {
    u64::MAX - u64::from(switch.0)
}

fn strangers_deadline(state: &State, derived: &Derived, ix: SwitchIx) -> Option<(Millis, Name)> {
    let switch = state.switches.get(ix.at())?;
    switch
        .parked
        .iter()
        .filter(|(subject, _)| !derived.subjects.contains(&(ix, (*subject).clone())))
        .filter_map(|(subject, parked)| Some((parked.first_until()?, subject.clone())))
        .min()
}

/// Enters a switch's deadlines into the table.
pub fn arm_switch(state: &State, derived: &mut Derived, ix: SwitchIx) {
    if let Some(at) = state.switches.get(ix.at()).and_then(switch_deadline) {
        derived.deadlines.push(Reverse((at, class::SWITCH, u64::from(ix.0))));
    }
    if let Some((at, _)) = strangers_deadline(state, derived, ix) {
        derived.deadlines.push(Reverse((at, class::CALL, strangers_id(ix))));
    }
}

impl Engine {
    /// The earliest instant at which [`crate::domain::input::Input::Deadline`] is to be handled,
    /// and why.
    pub fn next_deadline(&mut self) -> Option<(Millis, &'static str)> {
        let midnight = self.state.day.map(|_| (self.civil_day().1, "midnight"));
        let due = loop {
            let Some(Reverse((at, class, id))) = self.derived.deadlines.peek().copied() else {
                break None;
            };
            if let Some(reason) = self.live_reason(at, class, id) {
                break Some((at, reason));
            }
            self.derived.deadlines.pop();
            self.derived.forget_armed(at, class, id);
        };
        [midnight, due].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Takes stale entries out when they may be the most: far deadlines that move with each call
    /// (`max_unleased_ms`) would pile up. Costs nothing on average, since the table doubles between.
    pub(super) fn sweep_deadlines(&mut self) {
        const LEAST: usize = 4_096;
        if self.derived.deadlines.len() <= self.derived.deadlines_most.max(LEAST) {
            return;
        }
        let mut entries = std::mem::take(&mut self.derived.deadlines).into_vec();
        entries.sort_unstable();
        entries.dedup();
        let (live, stale): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|Reverse((at, kind, id))| self.live_reason(*at, *kind, *id).is_some());
        for Reverse((at, kind, id)) in stale {
            self.derived.forget_armed(at, kind, id);
        }
        let entries = live;
        self.derived.deadlines_most = entries.len() * 2;
        self.derived.deadlines = entries.into();
    }

    /// Whether a table entry still is its owner's deadline, and why it is there.
    fn live_reason(&self, at: Millis, kind: u8, id: u64) -> Option<&'static str> {
        let state = &self.state;
        let (actual, reason) = match kind {
            class::PASS => (pass_deadline(state, state.call(CallId(id))?)?, "pass"),
            class::SWITCH => (switch_deadline(state.switches.get(id as usize)?)?, "switch"),
            class::AGENT => {
                let (at, due) = agent_deadline(state, state.agents.get(id as usize)?)?;
                let reason = match due {
                    AgentDue::WrapUp(_) => "wrap_up",
                    AgentDue::Delay => "delay",
                    AgentDue::Block => "blocked_until",
                    AgentDue::Lease => "lease",
                    AgentDue::Grace => "lease_grace",
                    AgentDue::Unleased => "max_unleased",
                    AgentDue::Counted(_) => "count",
                };
                (at, reason)
            }
            class::OFFER => {
                let call = self.derived.offers.get(&OfferId(id))?;
                let offer = state.call(*call)?.offer(OfferId(id))?;
                offer.closed.is_none().then_some((offer.until, "ring"))?
            }
            _ if id > u64::MAX - u64::from(u32::MAX) => {
                let ix = SwitchIx((u64::MAX - id) as u32);
                (strangers_deadline(state, &self.derived, ix)?.0, "event_gap")
            }
            _ => {
                let (at, due) = call_deadline(state, state.call(CallId(id))?)?;
                let reason = match due {
                    CallDue::Thaw => "frozen",
                    CallDue::Replay => "replay",
                    CallDue::Gap => "event_gap",
                    CallDue::RoundClosed => "round_closing",
                    CallDue::Total => "total",
                    CallDue::MaxWait => "max_wait",
                    CallDue::Hold => "preferred_hold",
                    CallDue::Step => "step",
                    CallDue::Wider => "width",
                    CallDue::Announce => "announce",
                    CallDue::Callback => "callback_spacing",
                    CallDue::Expired => "callback_kept",
                    CallDue::Dialed => "dial",
                };
                (at, reason)
            }
        };
        (actual == at).then_some(reason)
    }

    /// Takes the earliest deadline that has come and decides about it; `false` when none has.
    pub(super) fn meet_deadline(&mut self) -> bool {
        let now = self.state_now();
        if self.next_deadline().is_none_or(|(at, _)| at > now) {
            return false;
        }
        if self.civil_day().1 <= now {
            // The new day itself is begun before any input is handled.
            return true;
        }
        let Some(Reverse((_, kind, id))) = self.derived.deadlines.pop() else { return false };
        match kind {
            class::PASS => self.passes_due(CallId(id)),
            class::SWITCH => self.switch_due(SwitchIx(id as u32)),
            class::AGENT => {
                let ix = AgentIx(id as u32);
                self.derived.disarm(ix);
                if let Some((_, due)) = agent_deadline(&self.state, self.state.agent(ix)) {
                    self.agent_due(ix, due);
                }
            }
            class::OFFER => self.ring_due(OfferId(id)),
            _ if id > u64::MAX - u64::from(u32::MAX) => {
                let ix = SwitchIx((u64::MAX - id) as u32);
                if let Some((_, subject)) = strangers_deadline(&self.state, &self.derived, ix) {
                    self.unpark_late(ix, &subject);
                }
                arm_switch(&self.state, &mut self.derived, ix);
            }
            _ => {
                let id = CallId(id);
                self.derived.armed_calls.remove(&id);
                if let Some((_, due)) =
                    self.state.call(id).and_then(|c| call_deadline(&self.state, c))
                {
                    self.call_due(id, due);
                }
            }
        }
        true
    }

    /// Emits the new day when the account's midnight has passed, also at the very first record.
    pub(super) fn begin_day(&mut self) {
        let now = self.state_now();
        if self.state.day.is_some() && now < self.civil_day().1 {
            return;
        }
        let (day, span) = self.day_of(now);
        if self.state.day != Some(day) {
            self.emit(Event::DayBegan { day });
        }
        self.derived.civil_day = Some(span);
    }

    /// The begin and the end of the account's present day.
    fn civil_day(&mut self) -> (Millis, Millis) {
        let at = self.state.at;
        let span = self.derived.civil_day.unwrap_or_else(|| self.day_of(at).1);
        self.derived.civil_day = Some(span);
        span
    }

    /// When the account's present day began.
    pub(super) fn day_began_at(&mut self) -> Millis {
        self.civil_day().0
    }

    /// The civil day of an instant in the account's zone (days since 1970-01-01), its begin and end.
    fn day_of(&self, at: Millis) -> (i32, (Millis, Millis)) {
        const DAY_MS: i64 = 86_400_000;
        let plain = || {
            let day = at.0.div_euclid(DAY_MS);
            (day as i32, (Millis(day * DAY_MS), Millis((day + 1) * DAY_MS)))
        };
        let Ok(zone) = jiff::tz::TimeZone::get(&self.state.account.time_zone) else {
            return plain();
        };
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else { return plain() };
        let today = instant.to_zoned(zone.clone()).date();
        let Ok(begins) = today.to_zoned(zone.clone()) else { return plain() };
        let Ok(ends) = today.tomorrow().and_then(|d| d.to_zoned(zone)) else { return plain() };
        let epoch = jiff::civil::date(1970, 1, 1);
        let day = epoch.until(today).map_or(0, |span| span.get_days());
        let at = |zoned: &jiff::Zoned| Millis(zoned.timestamp().as_millisecond());
        (day, (at(&begins), at(&ends)))
    }

    fn call_due(&mut self, id: CallId, due: CallDue) {
        match due {
            CallDue::Thaw => self.emit(Event::Thawed { call: id }),
            CallDue::Replay => self.emit(Event::ReplayEnded { call: id }),
            CallDue::Gap => {
                let of = self.state.call(id).map(|c| (c.switch, c.subject.clone()));
                if let Some((switch, subject)) = of {
                    self.unpark_late(switch, &subject);
                }
            }
            CallDue::RoundClosed => self.emit(Event::RoundClosed { call: id }),
            CallDue::Total => self.total_over(id),
            CallDue::MaxWait => self.max_wait_over(id),
            CallDue::Hold => self.emit(Event::HoldEnded { call: id }),
            CallDue::Step => self.step_due(id),
            CallDue::Wider => self.emit(Event::WidthGrown { call: id }),
            CallDue::Announce => self.announce(id),
            CallDue::Callback => self.emit(Event::CallbackDue { call: id }),
            CallDue::Expired => self.callback_expired(id),
            CallDue::Dialed => self.customer_missed(id, FailReason::NoAnswer, true),
        }
    }

    /// The spacing of a call's pass is over, and that of all others whose time has come: which of them
    /// is served first is for their claims to say.
    fn passes_due(&mut self, first: CallId) {
        let mut due = vec![first];
        while let Some(Reverse((at, class::PASS, id))) = self.derived.deadlines.peek().copied()
            && at <= self.state_now()
        {
            self.derived.deadlines.pop();
            due.push(CallId(id));
        }
        for id in due {
            self.derived.armed_passes.remove(&id);
            let passed = |call: &Call| {
                pass_deadline(&self.state, call).is_some_and(|at| at <= self.state_now())
            };
            if self.state.call(id).is_some_and(passed) {
                self.emit(Event::PassSpaced { call: id });
            }
        }
    }

    /// A switch that promised to speak has been silent too long.
    fn switch_due(&mut self, ix: SwitchIx) {
        let now = self.state_now();
        if switch_deadline(self.state.switch(ix)).is_some_and(|at| at <= now) {
            self.emit(Event::SwitchSuspected { switch: ix });
        }
    }
}

impl Derived {
    /// A stale entry has left the table: the same instant may be armed again.
    fn forget_armed(&mut self, at: Millis, kind: u8, id: u64) {
        match kind {
            class::AGENT => {
                let ix = AgentIx(id as u32);
                if self.armed_agents.get(ix.at()).copied().flatten() == Some(at) {
                    self.disarm(ix);
                }
            }
            class::PASS if self.armed_passes.get(&CallId(id)) == Some(&at) => {
                self.armed_passes.remove(&CallId(id));
            }
            class::CALL if self.armed_calls.get(&CallId(id)) == Some(&at) => {
                self.armed_calls.remove(&CallId(id));
            }
            _ => {}
        }
    }

    /// The armed deadline of an agent has been taken from the table, or is none any more.
    pub(super) fn disarm(&mut self, ix: AgentIx) {
        if let Some(armed) = self.armed_agents.get_mut(ix.at()) {
            *armed = None;
        }
    }
}
