//! Views that people save: each one's own, and those that others share.

use super::Engine;
use super::permission::require;
use super::state::{Item, State};
use super::views::{done, with_id};
use crate::domain::event::Event;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::{Actor, Answer, Precondition};
use crate::domain::objects::SavedView;
use crate::domain::objects::saved_view::SharedWith;
use crate::domain::problem::Problem;
use crate::domain::rights::Permission;
use serde_json::{Value, json};

/// A user has at most so many.
const MOST: usize = 100;

impl Engine {
    /// `PUT …/users/{user}/views/{view}`
    pub(super) fn put_view(
        &mut self,
        actor: &Actor,
        user: &str,
        id: &str,
        view: SavedView,
        only_if: Precondition,
    ) -> Result<Answer, Problem> {
        let agent = self.owner_of_views(actor, user)?;
        if view.shared != SharedWith::Nobody {
            require(actor, Permission::Steer)?;
        }
        let present = self.view(user, id).map(|item| item.version);
        only_if.check(present)?;
        let count = self.state.saved_views.get(user).map_or(0, |views| views.len());
        if present.is_none() && count >= MOST {
            let detail = format!("you have {MOST} views already; delete one first");
            return Err(Problem::conflict("too_many", detail));
        }
        self.emit(Event::ViewPut { agent, id: id.into(), view: Box::new(view) });
        let status = if present.is_some() { 200 } else { 201 };
        let item = self.view(user, id).map(|item| (item.version, self.view_json(user, item, true)));
        let (version, body) = item.unwrap_or((self.state.seq, Value::Null));
        Ok(Answer::Done { status, version: Some(version), body })
    }

    /// `DELETE …/users/{user}/views/{view}`
    pub(super) fn delete_view(
        &mut self,
        actor: &Actor,
        user: &str,
        id: &str,
        only_if: Precondition,
    ) -> Result<Answer, Problem> {
        let agent = self.owner_of_views(actor, user)?;
        let present = self.view(user, id).map(|item| item.version);
        if present.is_none() {
            return Err(Problem::not_found("view", id));
        }
        only_if.check(present)?;
        self.emit(Event::ViewDeleted { agent, id: id.into() });
        Ok(Answer::Done { status: 204, version: None, body: Value::Null })
    }

    /// `GET …/users/{user}/views/{view}`
    pub(super) fn read_view(&self, actor: &Actor, user: &str, id: &str) -> Result<Answer, Problem> {
        let own = actor.user.as_deref() == Some(user);
        let item = self.view(user, id).filter(|item| own || self.is_shared_with(actor, user, item));
        let item = item.ok_or_else(|| Problem::not_found("view", id))?;
        let body = self.view_json(user, item, own);
        Ok(Answer::Done { status: 200, version: Some(item.version), body })
    }

    /// `GET …/views`: one's own by name, then those that others share.
    pub(super) fn list_views(&self, actor: &Actor) -> Result<Answer, Problem> {
        if !actor.may(Permission::Watch) {
            require(actor, Permission::Work)?;
        }
        let mut found: Vec<(bool, &str, &str, Value)> = Vec::new();
        for (user, views) in &self.state.saved_views {
            let own = actor.user.as_ref() == Some(user);
            for item in views.values() {
                let Some(view) = &item.value else { continue };
                if own || self.is_shared_with(actor, user, item) {
                    found.push((!own, &view.name, &item.id, self.view_json(user, item, own)));
                }
            }
        }
        found.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        let items: Vec<Value> = found.into_iter().map(|(.., body)| body).collect();
        Ok(done(json!({ "items": items, "next": null })))
    }

    fn view(&self, user: &str, id: &str) -> Option<&Item<SavedView>> {
        self.state.saved_views.get(user)?.get(id)
    }

    fn view_json(&self, user: &str, item: &Item<SavedView>, own: bool) -> Value {
        let mut body =
            with_id(&item.id, item.value.as_ref().map(SavedView::to_json).unwrap_or_default());
        body["user"] = user.into();
        body["own"] = own.into();
        body["version"] = item.version.into();
        body["user_name"] = json!(self.user_name(user));
        body
    }

    /// Nobody saves views for others.
    fn owner_of_views(&self, actor: &Actor, user: &str) -> Result<AgentIx, Problem> {
        let own = self.actor_ix(actor).filter(|_| actor.user.as_deref() == Some(user));
        own.ok_or_else(|| Problem::not_found("user", user))
    }

    fn is_shared_with(&self, actor: &Actor, user: &str, item: &Item<SavedView>) -> bool {
        let may = actor.may(Permission::Watch) || actor.may(Permission::Work);
        let Some(shared) = item.value.as_ref().map(|view| view.shared).filter(|_| may) else {
            return false;
        };
        match shared {
            SharedWith::Nobody => false,
            SharedWith::Account => true,
            SharedWith::Team => {
                let owner = self.derived.users.get(user).copied();
                let own = self.actor_ix(actor);
                owner.zip(own).is_some_and(|(owner, own)| self.team_mates(owner).contains(&own))
            }
        }
    }
}

/// Applies an event about saved views; `false` when it is about something else.
pub(super) fn evolve(state: &mut State, event: &Event) -> bool {
    let id_of = |state: &State, agent: AgentIx| -> Name { state.agent(agent).id.clone() };
    match event {
        Event::ViewPut { agent, id, view } => {
            let (user, version) = (id_of(state, *agent), state.seq);
            let item = Item { id: id.clone(), version, value: Some((**view).clone()) };
            state.saved_views.entry(user).or_default().insert(id.clone(), item);
        }
        Event::ViewDeleted { agent, id } => {
            let user = id_of(state, *agent);
            if let Some(views) = state.saved_views.get_mut(&user) {
                views.remove(id);
                if views.is_empty() {
                    state.saved_views.remove(&user);
                }
            }
        }
        _ => return false,
    }
    true
}
