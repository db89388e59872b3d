//! An agent dials out from the desk: who may, whom, and under which number. The switch dials and tells
//! of it as of any call that the engine did not route (`agent.call_started`).

use super::Engine;
use super::derived::Extension;
use crate::domain::event::Event;
use crate::domain::ids::AgentIx;
use crate::domain::input::{Actor, Answer, DialWish};
use crate::domain::objects::GroupDefaults;
use crate::domain::objects::queue::QueueKind;
use crate::domain::problem::Problem;
use crate::domain::switching::Effect;
use serde_json::json;

impl Engine {
    /// What holds of an agent's group and the account (seeds S3-13, S3-15).
    pub(super) fn group_settings(&self, ix: AgentIx) -> GroupDefaults {
        let queues = self.state.agent(ix).pairs.iter().map(|p| &self.state.queue(p.queue).config);
        let general = &self.state.account.group_settings;
        match queues.into_iter().find(|queue| queue.kind == QueueKind::Group) {
            Some(group) => general.overridden(&group.settings),
            None => general.clone(),
        }
    }

    /// `POST …/agents/{user}/dial`
    pub(super) fn dial(&mut self, actor: &Actor, wish: DialWish) -> Result<Answer, Problem> {
        let ix = self.self_or_steer(actor, &wish.user)?;
        let agent = self.state.agent(ix);
        if !agent.user.may_work() || agent.blocked {
            let detail = format!("{} may not work now; change that first", agent.id);
            return Err(Problem::conflict("not_active", detail));
        }
        if !agent.has_endpoint {
            let detail = "the user has no endpoint on which to be joined with who is dialled";
            return Err(Problem::conflict("no_way_to_ring", detail));
        }
        self.may_dial(ix, &wish.to)?;
        let caller_id = self.dials_as(ix, wish.caller_id)?;
        let mut errors = Vec::new();
        let switch = self.dialing_switch(wish.switch.as_deref(), &mut errors);
        let Some(switch) = switch.filter(|_| errors.is_empty()) else {
            return Err(Problem::invalid(errors));
        };
        let by = actor.name.clone();
        let body = json!({ "user": wish.user, "to": wish.to, "caller_id": caller_id,
            "switch": self.state.switch(switch).id });
        self.emit(Event::AgentDialed { agent: ix, by, switch, to: wish.to, caller_id });
        Ok(Answer::Done { status: 202, version: None, body })
    }

    /// Whether the agent may dial that: out at all (S3-09), and an extension of another domain (S1-24).
    fn may_dial(&self, ix: AgentIx, to: &str) -> Result<(), Problem> {
        let user = &self.state.agent(ix).user;
        let (name, said) = match to.split_once('@') {
            Some((name, domain)) => (name, Some(domain)),
            None => (to, None),
        };
        let theirs = match self.derived.extensions.get(name) {
            Some(Extension::User(other)) => Some(self.state.agent(*other).user.domain.as_deref()),
            Some(Extension::Group(_)) => Some(None),
            None => None,
        };
        let domain = said.or(theirs.flatten());
        if domain.is_some() && domain != user.domain.as_deref() && !user.may_dial_domains {
            return Err(Problem::forbidden("dial_domains"));
        }
        let is_within = theirs.is_some() && said.is_none_or(|said| theirs == Some(Some(said)));
        if !is_within && !self.group_settings(ix).outbound {
            return Err(Problem::forbidden("outbound"));
        }
        Ok(())
    }

    /// The number that is shown: the one that was asked for, if the agent may show it (S1-17), else the
    /// user's own setting, else the group's.
    fn dials_as(&self, ix: AgentIx, asked: Option<String>) -> Result<Option<String>, Problem> {
        let user = &self.state.agent(ix).user;
        let group = self.group_settings(ix);
        let usual = user.caller_id.clone().or(group.caller_id);
        let Some(asked) = asked.filter(|asked| Some(asked) != usual.as_ref()) else {
            return Ok(usual);
        };
        let values = self.vault.user(self.state.agent(ix).personal);
        let is_own = values.is_some_and(|values| values.personal.numbers.contains(&asked));
        let may = if is_own {
            user.may_use_own_number
        } else {
            user.caller_ids.contains(&asked)
                && user.may_choose_caller_id
                && group.may_choose_caller_id
        };
        if may { Ok(Some(asked)) } else { Err(Problem::forbidden("caller_id")) }
    }

    /// The command to the switch.
    pub(super) fn dialed(&self, ix: AgentIx, to: &str, caller_id: Option<&String>) -> Effect {
        let agent = self.state.agent(ix);
        let endpoint = self.vault.user(agent.personal).and_then(|values| values.endpoint.clone());
        Effect::CallOriginate {
            offer: None,
            agent: agent.id.clone(),
            endpoint: Some(endpoint.unwrap_or_else(|| "".into())),
            to: to.into(),
            caller_id: caller_id.cloned(),
        }
    }
}
