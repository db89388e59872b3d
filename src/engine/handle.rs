//! One input, from the door to the decision.

use super::agents::Wish;
use super::permission::{require, require_switch, to_change};
use super::state::{Agent, Stage};
use super::{Decision, Engine};
use crate::domain::event::Event;
use crate::domain::ids::{CallId, OfferId};
use crate::domain::input::{Actor, Answer, Command, Input};
use crate::domain::media::Media;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use crate::domain::switching::{EventResult, ResultStatus, SwitchEvent};
use crate::domain::time::Millis;
use serde_json::json;

/// An ended call is remembered so long, ms: late events find it, and it can be read.
const REMEMBER_MS: u64 = 600_000;
/// … and at most so many of them.
const REMEMBER_MAX: usize = 20_000;

impl Engine {
    /// Decides about one input. `now` never runs back.
    pub fn handle(&mut self, now: Millis, input: Input) -> Decision {
        if let Input::Query { actor, query } = input {
            let acting = self.acting(&actor);
            let answer = acting.and_then(|actor| self.query(&actor, query));
            let answer = answer.unwrap_or_else(Answer::Refused);
            return Decision { answer: Some(answer), seq: self.state.seq, ..Decision::default() };
        }
        let before = (self.state.seq, self.state.at);
        self.state.seq += 1;
        self.state.at = before.1.max(now);
        self.begin_day();
        if !self.out.is_empty() {
            self.sweep_sessions();
        }
        // Most records have no more events than this.
        self.out.reserve(8);
        let began = self.out.len();
        let answer = self.decide(input);
        if self.out.len() > began {
            self.follow();
        }
        self.close_record(before, answer)
    }

    fn close_record(&mut self, before: (u64, Millis), answer: Answer) -> Decision {
        let events = std::mem::take(&mut self.out);
        if events.is_empty() {
            // Nothing was decided: there is no record, and its number goes to the next.
            (self.state.seq, self.state.at) = before;
            return Decision { answer: Some(answer), seq: before.0, ..Decision::default() };
        }
        self.refresh();
        self.settle_pending();
        let desks = self.desk_views();
        let changes = self.changes(self.rows);
        let desks =
            desks.into_iter().map(|ix| (self.state.agent(ix).id.clone(), self.desk_json(ix)));
        let desks = desks.collect();
        let commands = self.new_commands();
        let doors = self.doors_after(&events);
        self.clear_touched();
        self.sweep_deadlines();
        Decision {
            answer: Some(answer),
            seq: self.state.seq,
            vault: std::mem::take(&mut self.vault.changes),
            commands,
            changes,
            desks,
            doors,
            events,
        }
    }

    /// Commands that this record put into outboxes.
    fn new_commands(
        &mut self,
    ) -> Vec<(crate::domain::ids::Name, crate::domain::switching::Command)> {
        let told = std::mem::take(&mut self.derived.told);
        told.into_iter()
            .filter_map(|(switch, seq)| {
                let s = self.state.switch(switch);
                let told = s.outbox.iter().rev().find(|t| t.seq == seq)?;
                Some((s.id.clone(), self.command(told)?))
            })
            .collect()
    }

    fn desk_views(&self) -> Vec<crate::domain::ids::AgentIx> {
        let mut agents: Vec<_> = self
            .derived
            .touched
            .agents
            .iter()
            .copied()
            .filter(|ix| !self.state.agent(*ix).desks.is_empty())
            .collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }

    /// What follows any decision: the next status of who has ended work, exits that are due,
    /// matching, exits that matching leaves; until nothing changes.
    pub(super) fn follow(&mut self) {
        loop {
            self.apply_next();
            self.settle_exits_due();
            self.start_counts();
            // A direct call that cannot ring goes elsewhere.
            if self.ring_picked() {
                continue;
            }
            // Where a call went it may have to leave again.
            if self.leave_after_pass() || self.match_all() {
                continue;
            }
            if !self.settle_calls() {
                break;
            }
        }
        self.park();
        self.forget();
    }

    /// Callers whom no agent is rung for at once are told to wait; in a replay or behind a gap, when
    /// that is over.
    fn park(&mut self) {
        let mut waiting: Vec<CallId> = Vec::new();
        for event in &self.out {
            match event {
                Event::CallQueued { call, .. }
                | Event::Thawed { call }
                | Event::ReplayEnded { call }
                | Event::Heard { call: Some(call), .. }
                    if self.state.call(*call).is_some_and(|c| c.at_door) =>
                {
                    waiting.push(*call);
                }
                _ => {}
            }
        }
        waiting.dedup();
        for id in waiting {
            let Some(call) = self.state.call(id) else { continue };
            let gap = self.state.switch(call.switch).parked.contains_key(&call.subject);
            let waits = call.stage == Stage::Waiting
                && call.at_door
                && call.open_count() == 0
                && !call.stands_still()
                && !gap;
            if let Some(position) = waits.then(|| self.position(call)).flatten() {
                self.emit(Event::CallParked { call: id, position });
            }
        }
    }

    /// Memory of calls that ended long enough ago goes with the next record.
    fn forget(&mut self) {
        let now = self.state.at;
        let ended_at =
            |id: &CallId| self.state.call(*id).and_then(|c| c.end.as_ref()).map(|e| e.at);
        let horizon = Millis(now.0 - REMEMBER_MS as i64);
        let over = self.state.ended.len().saturating_sub(REMEMBER_MAX);
        let crowded = (over > 0).then(|| self.state.ended.get(over)).flatten().and_then(ended_at);
        let oldest = self.state.ended.front().and_then(ended_at);
        let before = crowded.map_or(horizon, |c| c.max(horizon));
        if oldest.is_some_and(|at| at < before) {
            self.emit(Event::CallsForgotten { ended_before: before });
        }
    }

    fn decide(&mut self, input: Input) -> Answer {
        match input {
            Input::Switch { actor, source, event } => self.hear(&actor, &source, event),
            Input::Command { actor, command } => {
                // A desk closes also when its user may no longer come in.
                let acting = match &command {
                    Command::DeskClosed { .. } => Ok(actor),
                    _ => self.acting(&actor).map(std::borrow::Cow::into_owned),
                };
                let answer = acting.and_then(|actor| self.audited(&actor, command));
                answer.unwrap_or_else(Answer::Refused)
            }
            Input::Query { .. } => Answer::Nothing,
            Input::Deadline => {
                self.meet_deadline();
                Answer::Nothing
            }
            Input::Acknowledged { switch, seq } => {
                if let Some(ix) = self.derived.switches.get(switch.as_str()).copied() {
                    let open = self.state.switch(ix).outbox.front().is_some_and(|t| t.seq <= seq);
                    if open {
                        self.emit(Event::CommandsDone { switch: ix, seq });
                    } else {
                        self.spoke(ix);
                    }
                }
                Answer::Nothing
            }
            Input::SwitchSpoke { switch } => {
                if let Some(ix) = self.derived.switches.get(switch.as_str()).copied() {
                    self.spoke(ix);
                }
                Answer::Nothing
            }
            Input::SwitchLink { switch, open } => {
                if let Some(ix) = self.derived.switches.get(switch.as_str()).copied() {
                    if self.state.switch(ix).linked != open {
                        self.emit(Event::SwitchPromised { switch: ix, link: Some(open) });
                    }
                    if open {
                        self.spoke(ix);
                    }
                }
                Answer::Nothing
            }
            Input::SwitchUnreachable { switch } => {
                if let Some(ix) = self.derived.switches.get(switch.as_str()).copied()
                    && !self.state.switch(ix).suspected
                {
                    self.emit(Event::SwitchSuspected { switch: ix });
                }
                Answer::Nothing
            }
            Input::Resumed { away_ms } => {
                self.resumed(away_ms);
                Answer::Nothing
            }
        }
    }

    fn resumed(&mut self, away_ms: u64) {
        self.emit(Event::Resumed { away_ms });
        self.desks_lost();
        let with_calls: Vec<_> = self
            .state
            .switches
            .iter()
            .filter(|s| !s.deleted && !self.derived.switch_calls[s.ix.at()].is_empty())
            .map(|s| s.ix)
            .collect();
        for switch in with_calls {
            self.emit(Event::SyncAsked { switch });
        }
    }

    fn hear(&mut self, actor: &Actor, source: &str, event: SwitchEvent) -> Answer {
        let rejected = |code, detail: String| {
            Answer::Event(EventResult {
                id: event.id.clone(),
                status: ResultStatus::Rejected,
                code: Some(code),
                call_id: None,
                error: Some(crate::domain::problem::FieldError::new("/source", code, detail)),
            })
        };
        let acting = self.acting(actor);
        if let Err(problem) = acting.and_then(|actor| require_switch(&actor, source)) {
            return rejected(problem.code, problem.detail);
        }
        let Some(ix) = self.derived.switches.get(source).copied() else {
            let detail = format!("there is no switch {source:?}; set it up first");
            return rejected("unknown_switch", detail);
        };
        Answer::Event(self.switch_event(ix, source, event))
    }

    /// Does what is asked for, and tells who asked, when it led to something.
    fn audited(&mut self, actor: &Actor, command: Command) -> Result<Answer, Problem> {
        let note = self.note(actor, &command);
        let before = self.out.len();
        let answer = self.command_of(actor, command)?;
        if let Some(note) = note.filter(|_| self.out.len() > before) {
            self.tell(actor, note, &answer);
        }
        Ok(answer)
    }

    fn command_of(&mut self, actor: &Actor, command: Command) -> Result<Answer, Problem> {
        match command {
            Command::ReportAlert(report) => {
                require(actor, Permission::Account)?;
                self.report_alert(report)
            }
            Command::HookTold { hook, notices, closed_until } => {
                self.hook_told(actor, hook, (notices, closed_until))
            }
            Command::ReportSent { report, until } => self.report_sent(actor, report, until),
            Command::Acknowledge { alert } => self.acknowledge(actor, &alert),
            Command::Notify { users, text } => self.notify(actor, users.as_deref(), &text),
            Command::ReadMessage { user, message } => {
                self.self_or_steer(actor, &user)?;
                self.read_message(&user, &message)
            }
            Command::Bulk { bulk, users, mode } => self.bulk(actor, &bulk, users.as_deref(), mode),
            Command::Apply { document, prune, dry_run } => {
                self.apply_document(actor, &document, prune, dry_run)
            }
            Command::Import(import) => self.import(actor, &import),
            Command::UndoImport { import } => self.undo_import(actor, &import),
            Command::ChangeTeam { team, add, remove } => {
                require(actor, Permission::Teams)?;
                self.change_team(&team, &add, &remove, &actor.name)
            }
            Command::SetOffline { user, to } => self.set_offline(actor, &user, to),
            Command::PutView { user, id, view, only_if } => {
                self.put_view(actor, &user, &id, *view, only_if)
            }
            Command::DeleteView { user, id, only_if } => {
                self.delete_view(actor, &user, &id, only_if)
            }
            Command::Dial(wish) => self.dial(actor, wish),
            Command::EraseUser { user } => {
                self.may_erase(actor, &user)?;
                self.erase_user(&user, &actor.name)
            }
            Command::Put { object, body, merge, only_if, dry_run } => {
                self.may_put(actor, &object, &body, merge)?;
                self.put(&object, &body, merge, only_if, dry_run, &actor.name)
            }
            Command::Delete { object, only_if, dry_run } => {
                require(actor, to_change(object.kind))?;
                self.delete(&object, only_if, dry_run, &actor.name)
            }
            Command::SetStatus { user, status, reason, when, lease_ms } => {
                let ix = self.self_or_steer(actor, &user)?;
                let wish = Wish { status, reason, when, lease_ms };
                self.set_status(ix, &wish, &actor.name)?;
                Ok(self.agent_answer(ix))
            }
            Command::ForceStatus { user, status, reason, when } => {
                let ix = self.steered(actor, &user)?;
                let wish = Wish { status, reason, when, lease_ms: None };
                self.force_status(ix, &wish, &actor.name)?;
                Ok(self.agent_answer(ix))
            }
            Command::ClearForced { user } => {
                let ix = self.steered(actor, &user)?;
                let a = self.state.agent(ix);
                if a.forced_by.is_some() || a.next.as_ref().is_some_and(|n| n.forced_by.is_some()) {
                    self.emit(Event::ForcedCleared { agent: ix, by: actor.name.clone() });
                }
                Ok(self.agent_answer(ix))
            }
            Command::SetOptedIn { queue, user, opted_in } => {
                self.set_opted_in(actor, &queue, &user, opted_in)
            }
            Command::Accept { offer } => self.accept(actor, offer),
            Command::Refuse { offer } => self.refuse(actor, offer),
            Command::EndWrapUp { call, disposition } => {
                require(actor, Permission::Work)?;
                let actor = actor.clone();
                self.end_wrap_up(call, disposition.as_deref(), &|engine, agent: &Agent| {
                    engine.may_steer(&actor, agent.ix) || actor.user.as_deref() == Some(&agent.id)
                })?;
                Ok(Answer::Done {
                    status: 200,
                    version: None,
                    body: json!({ "call": call.to_string() }),
                })
            }
            Command::EndCall { call } => self.hang_up(actor, call),
            Command::Hold { call, hold } => self.ask_hold(actor, call, hold),
            Command::Transfer { call, to, kind } => self.ask_transfer(actor, call, to, kind),
            Command::Supervise { call, mode: Some(mode) } => self.supervise(actor, call, mode),
            Command::Supervise { call, mode: None } => self.supervise_no_more(actor, call),
            Command::Assign { call, user } => self.assign(actor, call, &user),
            Command::ChangeCall { call, change } => self.change_call(actor, call, &change),
            Command::MakeCallback(wish) => self.make_callback(actor, &wish),
            Command::ChangeCallback { call, change } => self.change_callback(actor, call, &change),
            Command::CancelCallback { call } => self.cancel_callback(actor, call),
            Command::DeskOpened { user, desk } => {
                let ix = self.self_or_steer(actor, &user)?;
                self.desk_opened(ix, desk);
                Ok(Answer::Done { status: 200, version: None, body: self.desk_json(ix) })
            }
            Command::DeskClosed { user, desk } => {
                let ix = self.user_named(&user)?;
                self.desk_closed(ix, desk);
                Ok(Answer::Nothing)
            }
            Command::Sign(command) => self.sign(actor, *command),
        }
    }

    /// The state of an agent after everything that followed is not known yet: the answer shows the
    /// agent as of the change itself.
    fn agent_answer(&mut self, ix: crate::domain::ids::AgentIx) -> Answer {
        self.follow();
        self.refresh();
        Answer::Done { status: 200, version: None, body: self.agent_json(ix) }
    }

    fn set_opted_in(
        &mut self,
        actor: &Actor,
        queue: &str,
        user: &str,
        opted_in: bool,
    ) -> Result<Answer, Problem> {
        let ix = self.self_or_steer(actor, user)?;
        let queue = self.queue_named(queue)?;
        let agent = self.state.agent(ix);
        if !self.may_steer(actor, ix) && !agent.user.may_opt {
            return Err(Problem::forbidden("opt"));
        }
        if agent.pair(queue).is_none() {
            return Err(Problem::not_found("member", user));
        }
        self.opt(ix, queue, opted_in, &actor.name);
        Ok(self.agent_answer(ix))
    }

    /// An offer of somebody that the actor may act for.
    fn offer_of(
        &self,
        actor: &Actor,
        offer: OfferId,
    ) -> Result<(CallId, crate::domain::ids::AgentIx), Problem> {
        let missing = || Problem::not_found("offer", &offer.to_string());
        let id = *self.derived.offers.get(&offer).ok_or_else(missing)?;
        let made = self.state.call(id).and_then(|c| c.offer(offer)).ok_or_else(missing)?;
        self.self_or_steer(actor, &self.state.agent(made.agent).id).map_err(|_| missing())?;
        if let Some(closed) = &made.closed {
            let why = closed.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            let detail = format!("this offer ended {}{why} at {}", closed.outcome, closed.at);
            return Err(Problem::conflict("offer_closed", detail));
        }
        Ok((id, made.agent))
    }

    fn accept(&mut self, actor: &Actor, offer: OfferId) -> Result<Answer, Problem> {
        let (id, agent) = self.offer_of(actor, offer)?;
        let call =
            self.state.call(id).ok_or_else(|| Problem::not_found("call", &id.to_string()))?;
        let with_device = self.state.agent(agent).has_endpoint && call.media == Media::Voice;
        if with_device {
            if !self.state.switch(call.switch).config.capabilities.answers_for_agent {
                let detail = "the switch cannot answer for you: answer on the phone";
                return Err(Problem::conflict("answer_on_device", detail));
            }
            self.emit(Event::OfferAnswerAsked { offer });
        } else {
            _ = self.answer(offer, true);
        }
        Ok(Answer::Done {
            status: 200,
            version: None,
            body: json!({ "offer": offer.to_string(), "call": id.to_string() }),
        })
    }

    fn refuse(&mut self, actor: &Actor, offer: OfferId) -> Result<Answer, Problem> {
        let (id, _) = self.offer_of(actor, offer)?;
        self.unanswered(id, offer, super::calls::Unanswered::Refused, false);
        Ok(Answer::Done {
            status: 200,
            version: None,
            body: json!({ "offer": offer.to_string(), "call": id.to_string() }),
        })
    }
}
