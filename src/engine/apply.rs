//! A whole account as one document, written and applied.
//!
//! It is applied to a copy of the engine, object by object and without looking at what they name;
//! then all that was changed is checked against what is there at the end. So objects may name each
//! other in circles and swap numbers, and a document that is wrong anywhere changed nothing: the
//! copy is dropped. One that is right takes the engine's place, with all its events in one record.

use super::directory::{Checked, check_id, stored, unknown};
use super::permission::{require, to_change};
use super::{Engine, audit};
use crate::domain::document::{self, ACCOUNT, Document, Entry, FAMILIES, Lists};
use crate::domain::event::Changed;
use crate::domain::ids::{AgentIx, Name, QueueIx};
use crate::domain::input::{Actor, Answer, Kind, ObjectRef};
use crate::domain::objects::Member;
use crate::domain::objects::queue::{QueueKind, Source};
use crate::domain::objects::user::{Role, UserState};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a document has led to so far.
#[derive(Default)]
pub(super) struct Work {
    /// As the answer tells it.
    changes: Vec<Value>,
    pub errors: Vec<FieldError>,
    /// Objects that could not be read: what names them is not wrong for that.
    pub unread: Vec<String>,
    /// Bodies to check at the end.
    pub put: Vec<(ObjectRef, Value)>,
    /// Memberships to check at the end: where, and whose.
    pub joined: Vec<(String, QueueIx, AgentIx)>,
    /// Teams that queues name, to be there at the end: where, and which.
    pub linked: Vec<(String, String)>,
    /// Users who lead from now on, to be in a team at the end: where, who, as what.
    pub leading: Vec<(String, String, Role)>,
}

impl Work {
    fn change(&mut self, change: &str, object: String, before: &Value, after: &Value) {
        let told =
            |(field, before, after)| json!({ "field": field, "before": before, "after": after });
        let fields: Vec<Value> = match change {
            "changed" => document::differences(before, after).into_iter().map(told).collect(),
            _ => Vec::new(),
        };
        let object = object.trim_start_matches('/');
        self.changes.push(json!({ "change": change, "object": object, "fields": fields }));
    }

    fn refused(&mut self, at: String, problem: Problem) {
        match problem.errors.is_empty() {
            true => self.errors.push(FieldError::new(at, problem.code, problem.detail)),
            false => self.errors.extend(document::under(&at, problem.errors)),
        }
    }
}

impl Engine {
    /// The account as a document: every field, no secrets. Who was erased is not in it.
    pub(super) fn configuration(&self) -> Value {
        let mut all = Map::new();
        all.insert(ACCOUNT.to_owned(), self.state.account.to_json());
        for (name, kind) in FAMILIES {
            let mut objects = Map::new();
            for id in self.ids_of(*kind) {
                let object = ObjectRef { kind: *kind, parent: String::new(), id: id.to_string() };
                if let Some(body) = self.written(&object) {
                    objects.insert(id.to_string(), body);
                }
            }
            all.insert((*name).to_owned(), Value::Object(objects));
        }
        Value::Object(all)
    }

    fn ids_of(&self, kind: Kind) -> Vec<Name> {
        let named = |ix: &AgentIx| {
            let personal = self.vault.user(self.state.agent(*ix).personal);
            personal.is_some_and(|values| values.personal.first_name.is_some())
        };
        match kind {
            Kind::User => {
                let mut ids = self.derived.users.keys();
                ids.retain(|id| self.derived.users.get(id).is_some_and(named));
                ids
            }
            Kind::Queue | Kind::Group => {
                let mut ids = self.derived.queues.keys();
                ids.retain(|id| self.of_family(kind, id).is_some());
                ids
            }
            Kind::Role => self.state.roles.keys().cloned().collect(),
            kind => self.ids(kind, "").unwrap_or_default(),
        }
    }

    /// An object as a document holds it.
    fn written(&self, object: &ObjectRef) -> Option<Value> {
        let mut body = self.stored_json(object)?;
        if let Some(webhook) = body.get_mut("webhook").and_then(Value::as_object_mut) {
            webhook.retain(|field, _| field == "url");
        }
        if let Some(queue) = self.derived.queues.get(object.id.as_str())
            && matches!(object.kind, Kind::Queue | Kind::Group)
        {
            let own = self.own_members(*queue);
            let name = |ix: &AgentIx| self.state.agent(*ix).id.to_string();
            body["members"] = own.iter().map(|(ix, m)| (name(ix), m.to_json())).collect();
            if object.kind == Kind::Queue {
                let teams = self.teams_of(*queue);
                body["teams"] = teams.iter().map(|(id, m)| (id.to_string(), m.to_json())).collect();
            }
        }
        if object.kind == Kind::Team {
            let members = &self.state.teams.get(object.id.as_str())?.members;
            let mut members: Vec<&Name> =
                members.iter().map(|ix| &self.state.agent(*ix).id).collect();
            members.sort_unstable();
            body["members"] = json!(members);
        }
        Some(body)
    }

    /// Members of a queue who are so by themselves, not by way of a team.
    fn own_members(&self, queue: QueueIx) -> BTreeMap<AgentIx, Member> {
        let members = self.state.queue(queue).members.iter();
        let pair = |ix: &AgentIx| {
            let pair = self.state.agent(*ix).pair(queue).filter(|p| p.source == Source::Direct)?;
            Some((*ix, Member { stars: pair.stars, position: pair.position }))
        };
        members.filter_map(pair).collect()
    }

    fn teams_of(&self, queue: QueueIx) -> BTreeMap<Name, Member> {
        let teams = self.state.teams.iter();
        teams.filter_map(|(id, t)| Some((id.clone(), *t.queues.get(&queue)?))).collect()
    }

    /// `PUT …/configuration`.
    pub(super) fn apply_document(
        &mut self,
        actor: &Actor,
        document: &Document,
        prune: bool,
        dry_run: bool,
    ) -> Result<Answer, Problem> {
        require(actor, Permission::Account)?;
        let mut trial = self.clone();
        let changes = trial.carry_out(actor, document, prune)?;
        let count = |word: &str| changes.iter().filter(|c| c["change"] == word).count();
        let body = json!({
            "dry_run": dry_run,
            "made": count("made"), "changed": count("changed"), "removed": count("removed"),
            "changes": changes,
        });
        if !dry_run && !changes.is_empty() {
            *self = trial;
        }
        Ok(Answer::Done { status: 200, version: None, body })
    }

    fn carry_out(
        &mut self,
        actor: &Actor,
        document: &Document,
        prune: bool,
    ) -> Result<Vec<Value>, Problem> {
        let mut work = Work::default();
        for entry in &document.entries {
            self.carry_object(actor, entry, &mut work)?;
        }
        self.carry_lists(actor, &document.lists, &mut work)?;
        if prune && work.errors.is_empty() {
            self.prune(actor, document, &mut work)?;
        }
        self.check_end(&mut work);
        if work.errors.is_empty() { Ok(work.changes) } else { Err(Problem::invalid(work.errors)) }
    }

    fn carry_object(
        &mut self,
        actor: &Actor,
        entry: &Entry,
        work: &mut Work,
    ) -> Result<(), Problem> {
        let object = &entry.object;
        let at = document::pointer(object);
        let before = self.stored_json(object);
        let body = with_secrets(object, &entry.body, before.as_ref());
        let read = check_id(object).and_then(|()| self.parsed(object, &body));
        let checked = match read {
            Ok(checked) => checked,
            Err(mut problem) => {
                // An id that cannot be one stands in the path alone.
                problem.errors.retain_mut(|error| {
                    error.pointer =
                        error.pointer.strip_prefix("id").unwrap_or(&error.pointer).into();
                    true
                });
                work.unread.push(object.id.clone());
                work.refused(at, problem);
                return Ok(());
            }
        };
        let after = stored(&checked);
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        match self.may_put(actor, object, &after, false) {
            Err(problem) if problem.status == 403 => {
                let detail = format!("{at}: {}", problem.detail);
                return Err(Problem { detail, ..problem });
            }
            Err(problem) => work.refused(at.clone(), problem),
            Ok(()) => {}
        }
        if let Err(problem) = self.check_turn(object, &checked) {
            work.refused(at, problem);
            return Ok(());
        }
        if let Some(wrong) = self.check_before(object, &checked) {
            work.errors.extend(document::under(&at, vec![wrong]));
        }
        if let Checked::User(user) = &checked
            && self.begins_to_lead(&object.id, user)
        {
            work.leading.push((at.clone(), object.id.clone(), user.role));
        }
        let shown = |body: &Value| without_secrets(object, body);
        let word = if before.is_some() { "changed" } else { "made" };
        let was = before.as_ref().map(shown).unwrap_or_default();
        work.change(word, at, &was, &shown(&after));
        self.apply_checked(object, checked, &actor.name);
        work.put.push((object.clone(), after));
        Ok(())
    }

    /// Memberships: first who leaves, so that one who moves is never in two groups.
    fn carry_lists(
        &mut self,
        actor: &Actor,
        lists: &BTreeMap<(Kind, String), Lists>,
        work: &mut Work,
    ) -> Result<(), Problem> {
        for joins in [false, true] {
            for ((kind, id), lists) in lists {
                if *kind == Kind::Team {
                    if lists.has_members {
                        self.carry_team(actor, id, &lists.members, joins, work)?;
                    }
                    continue;
                }
                let Some(queue) = self.of_family(*kind, id) else { continue };
                if let Some(teams) = &lists.teams {
                    self.carry_links(actor, queue, teams, joins, work)?;
                }
                if lists.has_members {
                    self.carry_members(actor, (*kind, queue), &lists.members, joins, work)?;
                }
            }
        }
        Ok(())
    }

    fn of_family(&self, kind: Kind, id: &str) -> Option<QueueIx> {
        let wanted = if kind == Kind::Group { QueueKind::Group } else { QueueKind::Queue };
        let ix = self.derived.queues.get(id).copied()?;
        (self.state.queue(ix).config.kind == wanted).then_some(ix)
    }

    fn carry_members(
        &mut self,
        actor: &Actor,
        (kind, queue): (Kind, QueueIx),
        wanted: &BTreeMap<String, Member>,
        joins: bool,
        work: &mut Work,
    ) -> Result<(), Problem> {
        let by = &actor.name;
        let at = format!("/{}/{}/members", document::family(kind), self.state.queue(queue).id);
        let own = self.own_members(queue);
        if !joins {
            for (ix, member) in own {
                let user = self.state.agent(ix).id.clone();
                if !wanted.contains_key(&*user) {
                    require(actor, to_change(Kind::Member))?;
                    let at = format!("{at}/{user}");
                    work.change("removed", at, &member.to_json(), &Value::Null);
                    self.end_membership(ix, queue, by);
                }
            }
            return Ok(());
        }
        for (user, member) in wanted {
            let at = format!("{at}/{user}");
            let Some(ix) = self.derived.users.get(user.as_str()).copied() else {
                work.errors.push(unknown(at, "user", user));
                continue;
            };
            let before = own.get(&ix);
            if before == Some(member) {
                continue;
            }
            require(actor, to_change(Kind::Member))?;
            let was = before.map(|m| m.to_json()).unwrap_or_default();
            let word = if before.is_some() { "changed" } else { "made" };
            work.change(word, at.clone(), &was, &member.to_json());
            self.put_member(ix, queue, *member, by);
            work.joined.push((at, queue, ix));
        }
        Ok(())
    }

    fn carry_team(
        &mut self,
        actor: &Actor,
        id: &str,
        wanted: &BTreeMap<String, Member>,
        joins: bool,
        work: &mut Work,
    ) -> Result<(), Problem> {
        let Some(team) = self.state.teams.get(id) else { return Ok(()) };
        let (members, team) = (team.members.clone(), Name::from(id));
        if !joins {
            for ix in members {
                let user = self.state.agent(ix).id.clone();
                if !wanted.contains_key(&*user) {
                    require(actor, Permission::Teams)?;
                    let at = format!("/teams/{id}/members/{user}");
                    work.change("removed", at, &Value::Null, &Value::Null);
                    self.leave_team(&team, ix, &actor.name);
                }
            }
            return Ok(());
        }
        for user in wanted.keys() {
            let at = format!("/teams/{id}/members/{user}");
            match self.derived.users.get(user.as_str()).copied() {
                None => work.errors.push(unknown(at, "user", user)),
                Some(ix) if members.contains(&ix) => {}
                Some(ix) => {
                    require(actor, Permission::Teams)?;
                    work.change("made", at, &Value::Null, &Value::Null);
                    self.join_team(&team, ix, &actor.name);
                }
            }
        }
        Ok(())
    }

    /// Teams that work for a queue.
    fn carry_links(
        &mut self,
        actor: &Actor,
        queue: QueueIx,
        wanted: &BTreeMap<String, Member>,
        joins: bool,
        work: &mut Work,
    ) -> Result<(), Problem> {
        let at = format!("/queues/{}/teams", self.state.queue(queue).id);
        let present = self.teams_of(queue);
        if !joins {
            for (team, member) in present.iter().filter(|(id, _)| !wanted.contains_key(&***id)) {
                require(actor, Permission::Teams)?;
                let at = format!("{at}/{team}");
                work.change("removed", at, &member.to_json(), &Value::Null);
                self.unlink_team(team.clone(), queue, &actor.name);
            }
            return Ok(());
        }
        for (team, member) in wanted {
            let at = format!("{at}/{team}");
            if !self.state.teams.contains_key(team.as_str()) {
                work.errors.push(unknown(at, "team", team));
                continue;
            }
            work.linked.push((at.clone(), team.clone()));
            let before = present.get(team.as_str());
            if before == Some(member) {
                continue;
            }
            require(actor, Permission::Teams)?;
            let was = before.map(|m| m.to_json()).unwrap_or_default();
            let word = if before.is_some() { "changed" } else { "made" };
            work.change(word, at, &was, &member.to_json());
            self.link_team(team.as_str().into(), queue, *member, &actor.name);
        }
        Ok(())
    }

    /// What does not stand in the document goes, what names others first. Users stay, deactivated.
    fn prune(
        &mut self,
        actor: &Actor,
        document: &Document,
        work: &mut Work,
    ) -> Result<(), Problem> {
        let mut there: BTreeSet<(Kind, &str)> = BTreeSet::new();
        there.extend(document.entries.iter().map(|e| (e.object.kind, e.object.id.as_str())));
        let mut left: Vec<ObjectRef> = Vec::new();
        for (_, kind) in FAMILIES.iter().rev().filter(|(_, kind)| document.families.contains(kind))
        {
            for id in self.ids_of(*kind) {
                if !there.contains(&(*kind, &*id)) {
                    left.push(ObjectRef { kind: *kind, parent: String::new(), id: id.to_string() });
                }
            }
        }
        // Those that go may name each other: as long as one can go, others may follow.
        loop {
            let before = left.len();
            let mut stay = Vec::new();
            for object in left {
                if !self.prune_one(actor, &object, work)? {
                    stay.push(object);
                }
            }
            left = stay;
            if left.is_empty() || left.len() == before {
                break;
            }
        }
        for object in left {
            if let Err(problem) = self.check_delete(&object) {
                work.refused(document::pointer(&object), problem);
            }
        }
        Ok(())
    }

    /// Whether it could go.
    fn prune_one(
        &mut self,
        actor: &Actor,
        object: &ObjectRef,
        work: &mut Work,
    ) -> Result<bool, Problem> {
        let at = document::pointer(object);
        if object.kind == Kind::User {
            let ix = self.user_named(&object.id)?;
            let mut user = self.whole_user(ix);
            if user.archived || user.state == UserState::Deactivated {
                return Ok(true);
            }
            let before = user.to_json();
            user.state = UserState::Deactivated;
            if let Err(problem) = self.may_put(actor, object, &user.to_json(), false) {
                work.refused(at, problem);
                return Ok(true);
            }
            work.change("changed", at, &before, &user.to_json());
            self.put_user(object.id.as_str().into(), user, actor.name.clone());
            return Ok(true);
        }
        require(actor, to_change(object.kind))?;
        if self.check_delete(object).is_err() {
            return Ok(false);
        }
        work.change("removed", at, &Value::Null, &Value::Null);
        self.apply_delete(object, &actor.name);
        Ok(true)
    }
}

/// A document has no secrets: those of a webhook stay where its address stays.
fn with_secrets(object: &ObjectRef, body: &Value, before: Option<&Value>) -> Value {
    let mut body = body.clone();
    if matches!(object.kind, Kind::Switch | Kind::Hook)
        && let Some(had) = before.and_then(|b| b["webhook"].as_object())
        && let Some(webhook) = body.get_mut("webhook").and_then(Value::as_object_mut)
        && webhook.get("url") == had.get("url")
    {
        for field in ["authorization", "secret"] {
            let kept = had.get(field).cloned().unwrap_or_default();
            webhook.entry(field).or_insert(kept);
        }
    }
    body
}

/// Secrets are told as whether they are there.
fn without_secrets(object: &ObjectRef, body: &Value) -> Value {
    let mut shown = body.clone();
    if matches!(object.kind, Kind::Switch | Kind::Hook)
        && let Some(webhook) = shown.get_mut("webhook").and_then(Value::as_object_mut)
    {
        for field in ["authorization", "secret"] {
            if webhook.get(field).is_some_and(|value| !value.is_null()) {
                webhook.insert(field.to_owned(), "set".into());
            }
        }
    }
    shown
}

/// What the audit tells of an applied document: each object, with its fields where they changed.
pub(super) fn audited(answer: &Answer) -> Vec<Changed> {
    let Answer::Done { body, .. } = answer else { return Vec::new() };
    let mut all = Vec::new();
    for change in body["changes"].as_array().into_iter().flatten() {
        let object = change["object"].as_str().unwrap_or_default();
        let (family, rest) = object.split_once('/').unwrap_or((object, ""));
        let kind = FAMILIES.iter().find(|(name, _)| *name == family).map_or(Kind::Account, |f| f.1);
        let fields = change["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        if fields.is_empty() {
            let word = change["change"].clone();
            all.push(Changed { field: object.into(), before: None, after: Some(word) });
        }
        for field in fields {
            let name = field["field"].as_str().unwrap_or_default();
            let own = !rest.contains('/');
            let withheld =
                own && audit::is_withheld(kind, name.split('.').next().unwrap_or_default());
            let shown = |value: &Value| -> Option<Value> {
                let short = value.to_string().len() <= audit::MOST_BYTES;
                (!withheld && short && !value.is_null()).then(|| value.clone())
            };
            all.push(Changed {
                field: format!("{object}.{name}").into(),
                before: shown(&field["before"]),
                after: shown(&field["after"]),
            });
        }
    }
    all
}
