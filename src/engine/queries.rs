//! Reads: who may have which answer, and how much of it.

use super::Engine;
use super::permission::{Sight, require, require_switch};
use super::state::Call;
use crate::domain::ids::{AgentIx, CallId, Name, QueueIx};
use crate::domain::input::{Actor, Answer, Kind, Query};
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn done(body: Value) -> Answer {
    Answer::Done { status: 200, version: None, body }
}

impl Engine {
    pub(super) fn query(&self, actor: &Actor, query: Query) -> Result<Answer, Problem> {
        let watch = || require(actor, Permission::Watch).map(|()| self.sight(actor));
        let reads = || require(actor, Permission::ReadConfiguration);
        match query {
            Query::Object(object) => reads().and_then(|()| self.read_object(&object)),
            Query::List { kind, parent, limit, after } => {
                // Whoever works chooses among these labels at the desk.
                let chosen = matches!(kind, Kind::BreakReason | Kind::Disposition);
                if !(chosen && actor.may(Permission::Work)) {
                    reads()?;
                }
                self.list(kind, &parent, limit, after.as_deref())
            }
            Query::Imports => {
                require(actor, Permission::Users)?;
                Ok(self.imports())
            }
            Query::Import(id) => {
                require(actor, Permission::Users)?;
                self.import_view(&id)
            }
            Query::Configuration => reads().map(|()| done(self.configuration())),
            Query::Views => self.list_views(actor),
            Query::View { user, id } => self.read_view(actor, &user, &id),
            Query::Checks { queue } => reads().and_then(|()| self.checks(&queue)),
            Query::Staff { queue } => {
                let sight = watch()?;
                self.require_queue(&sight, &queue)?;
                self.staff(&queue, &sight)
            }
            Query::QueueCalls { queue, limit } => {
                let sight = watch()?;
                self.require_queue(&sight, &queue)?;
                self.queue_calls(&queue, limit)
            }
            Query::Call(id) => {
                self.require_call(actor, id)?;
                let answer = self.read_call(id)?;
                let Answer::Done { body, .. } = answer else { return Ok(answer) };
                Ok(done(self.shown_to(actor, id, body)))
            }
            Query::Story(id) => self.require_call(actor, id).map(|()| Answer::Nothing),
            Query::FindCall { switch, switch_call } => self.find(actor, &switch, &switch_call),
            Query::Calls { limit, after } => {
                if !actor.may(Permission::ReadLog) {
                    require(actor, Permission::Watch)?;
                }
                let sight = self.sight(actor);
                Ok(self.calls(limit, after, |call| self.sees_call(actor, &sight, call)))
            }
            Query::Profile { user } => {
                self.self_or_steer(actor, &user)?;
                self.profile(&user)
            }
            Query::Message(id) => watch().and_then(|_| self.message(&id)),
            Query::Users { limit, after, filter } => {
                reads().and_then(|()| self.users(limit, after.as_deref(), &filter))
            }
            Query::Callbacks { queue, limit, after } => {
                let sight = watch()?;
                let sees = |call: &Call| self.sees_call(actor, &sight, call);
                self.callbacks(queue.as_deref(), limit, after, sees)
            }
            Query::Agent { user } => Ok(done(self.agent_json(self.in_sight(actor, &user)?))),
            Query::Agents { limit, after } => {
                let sight = watch()?;
                Ok(self.agents_page(limit, after.as_deref(), &sight))
            }
            Query::Candidates(id) => {
                let sight = watch()?;
                self.require_call(actor, id)?;
                self.candidates_of(id, &sight)
            }
            Query::Next { user } => {
                let items = self.next_for(self.in_sight(actor, &user)?);
                Ok(done(json!({ "items": items, "next": null })))
            }
            Query::Desk { user } => Ok(done(self.desk_json(self.self_or_steer(actor, &user)?))),
            Query::Watch => self.scope(actor).map(done),
            Query::Feed => {
                require(actor, Permission::Feed)?;
                match self.sight(actor) {
                    Sight::All => Ok(Answer::Nothing),
                    // The history is the whole account's: who sees a part only cannot have it.
                    Sight::Some { .. } => Err(Problem::forbidden(Permission::Feed.word())),
                }
            }
            Query::Alerts { open, limit, after } => {
                self.alerts(actor, open, (limit, after.as_deref()))
            }
            Query::Hooks => self.hooks(actor),
            Query::Schedules => self.schedules(actor).map(done),
            Query::Figures => self.whose_figures(actor).map(done),
            Query::Audit => require(actor, Permission::Audit).map(|()| Answer::Nothing),
            Query::Sign(query) => self.sign_query(actor, query),
            Query::Rights { actor: who, action, subject } => {
                let own = actor.user.as_deref() == Some(who.as_str());
                if !own {
                    reads()?;
                }
                self.check_rights(&who, &action, subject.as_deref())
            }
            Query::Invariants => {
                watch()?;
                let broken = self.invariants();
                Ok(done(json!({ "held": broken.is_empty(), "broken": broken })))
            }
        }
    }

    fn find(&self, actor: &Actor, switch: &str, switch_call: &str) -> Result<Answer, Problem> {
        if actor.role == Role::Switch {
            require_switch(actor, switch)?;
            return self.find_call(switch, switch_call, |_| true);
        }
        if !actor.may(Permission::ReadLog) {
            require(actor, Permission::Watch)?;
        }
        let sight = self.sight(actor);
        self.find_call(switch, switch_call, |call| self.sees_call(actor, &sight, call))
    }

    /// Whose figures an actor may see: all of the floor that is in sight, or the own.
    fn whose_figures(&self, actor: &Actor) -> Result<Value, Problem> {
        let sight = match actor.may(Permission::Reports) || actor.may(Permission::Watch) {
            true => self.sight(actor),
            false => {
                require(actor, Permission::Work)?;
                let users = self.actor_ix(actor).into_iter().collect();
                return Ok(self.in_view(users, |_| false));
            }
        };
        match &sight {
            Sight::All => Ok(json!({ "all": true })),
            Sight::Some { users, .. } => {
                Ok(self.in_view(users.clone(), |queue| self.sees_queue(&sight, queue)))
            }
        }
    }

    /// Who works by which calendar, and the calendars. Of whom is said by [`Query::Figures`].
    fn schedules(&self, actor: &Actor) -> Result<Value, Problem> {
        self.whose_figures(actor)?;
        let users = self.state.agents.iter().filter_map(|agent| {
            let calendar = agent.user.schedule.as_deref()?;
            Some((agent.id.to_string(), calendar.into()))
        });
        let users: serde_json::Map<String, Value> = users.collect();
        let calendars = self.state.calendars.iter();
        let calendars = calendars.filter_map(|(id, item)| Some((id, item.value.as_ref()?)));
        let calendars: BTreeMap<_, _> = calendars.collect();
        let time_zone = &self.state.account.time_zone;
        Ok(json!({ "time_zone": time_zone, "users": users, "calendars": calendars }))
    }

    fn in_view(&self, users: BTreeSet<AgentIx>, sees: impl Fn(QueueIx) -> bool) -> Value {
        let users: Vec<&Name> = users.iter().map(|ix| &self.state.agent(*ix).id).collect();
        let queues = self.state.queues.iter().filter(|queue| sees(queue.ix));
        let queues: Vec<&Name> = queues.map(|queue| &queue.id).collect();
        json!({ "all": false, "users": users, "queues": queues })
    }

    /// A queue that is out of sight is not there.
    fn require_queue(&self, sight: &Sight, queue: &str) -> Result<(), Problem> {
        let ix = self.queue_named(queue)?;
        if self.sees_queue(sight, ix) {
            return Ok(());
        }
        Err(Problem::not_found("queue or group", queue))
    }

    /// Whose call it is: who watches the floor sees those of the own part of it, an agent own calls, a
    /// switch its own.
    fn require_call(&self, actor: &Actor, id: CallId) -> Result<(), Problem> {
        let missing = || Problem::not_found("call", &id.to_string());
        let whole = actor.may(Permission::Watch) || actor.may(Permission::ReadLog);
        let sight = self.sight(actor);
        let Some(call) = self.state.call(id) else {
            // Its story may be kept: for who sees all.
            return if whole && matches!(sight, Sight::All) { Ok(()) } else { Err(missing()) };
        };
        if self.sees_call(actor, &sight, call) { Ok(()) } else { Err(missing()) }
    }

    pub(super) fn sees_call(&self, actor: &Actor, sight: &Sight, call: &Call) -> bool {
        if actor.role == Role::Switch {
            return actor.switch.as_deref() == Some(&self.state.switch(call.switch).id);
        }
        let whole = actor.may(Permission::Watch) || actor.may(Permission::ReadLog);
        let with = |sight: &Sight| {
            let offered = call.offers.iter().map(|offer| offer.agent);
            offered.chain(call.legs.iter().map(|leg| leg.agent)).any(|ix| sight.user(ix))
        };
        match sight {
            Sight::All => whole,
            Sight::Some { .. } if whole => {
                with(sight) || call.queue.is_some_and(|queue| self.sees_queue(sight, queue))
            }
            Sight::Some { .. } => {
                actor.may(Permission::Work)
                    && call
                        .offers
                        .iter()
                        .any(|offer| Some(&self.state.agent(offer.agent).id) == actor.user.as_ref())
            }
        }
    }

    /// What somebody may watch: the whole floor, a part of it, or an agent's own part.
    fn scope(&self, actor: &Actor) -> Result<Value, Problem> {
        let ids = |users: &mut dyn Iterator<Item = crate::domain::ids::AgentIx>| -> Vec<Value> {
            users.map(|ix| json!(self.state.agent(ix).id)).collect()
        };
        if actor.may(Permission::Watch) {
            return Ok(match self.sight(actor) {
                Sight::All => json!({ "scope": "all" }),
                Sight::Some { users, queues } => {
                    let queues = queues.iter().map(|ix| json!(self.state.queue(*ix).id));
                    json!({ "scope": "some", "users": ids(&mut users.iter().copied()),
                        "queues": queues.collect::<Vec<_>>() })
                }
            });
        }
        match (&actor.user, actor.may(Permission::Work)) {
            (Some(user), true) => {
                self.user_named(user)?;
                Ok(json!({ "scope": "agent", "user": user }))
            }
            _ => Err(Problem::forbidden(Permission::Watch.word())),
        }
    }

    /// Waiting calls in the order in which they will be served.
    fn queue_calls(&self, queue: &str, limit: usize) -> Result<Answer, Problem> {
        let queue = self.queue_named(queue)?;
        let waiting = &self.derived.index[queue.at()].waiting;
        let items: Vec<Value> = waiting
            .iter()
            .take(limit)
            .enumerate()
            .filter_map(|(at, (_, id))| {
                let mut body = self.call_json(self.state.call(*id)?);
                body["position"] = (at + 1).into();
                Some(body)
            })
            .collect();
        Ok(done(json!({ "items": items, "next": null, "waiting": waiting.len() })))
    }

    /// One call, live or ended lately.
    pub(super) fn read_call(&self, id: CallId) -> Result<Answer, Problem> {
        let call = self
            .state
            .call(id)
            .ok_or_else(|| Problem::not_found("live or lately ended call", &id.to_string()))?;
        let mut body = self.call_json(call);
        body["position"] = json!(self.position(call));
        Ok(done(body))
    }

    /// A call by the switch's name for it.
    fn find_call(
        &self,
        switch: &str,
        switch_call: &str,
        sees: impl Fn(&Call) -> bool,
    ) -> Result<Answer, Problem> {
        let call = self
            .derived
            .switches
            .get(switch)
            .and_then(|ix| self.derived.subjects.get(&(*ix, Name::from(switch_call))))
            .and_then(|id| self.state.call(*id))
            .filter(|call| sees(call));
        let items: Vec<Value> = call.map(|c| self.call_json(c)).into_iter().collect();
        Ok(done(json!({ "items": items, "next": null })))
    }

    /// Live calls by number.
    fn calls(&self, limit: usize, after: Option<CallId>, sees: impl Fn(&Call) -> bool) -> Answer {
        let mut live: Vec<&Call> = self
            .derived
            .switch_calls
            .iter()
            .flatten()
            .filter_map(|id| self.state.call(*id))
            .filter(|c| after.is_none_or(|after| c.id > after) && sees(c))
            .collect();
        live.sort_unstable_by_key(|c| c.id);
        let next = (live.len() > limit).then(|| live[limit - 1].id.to_string());
        let items: Vec<Value> = live.iter().take(limit).map(|c| self.call_json(c)).collect();
        done(json!({ "items": items, "next": next }))
    }
}
