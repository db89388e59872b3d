//! What administrators configure, read back: one object, and pages of a family.

use super::Engine;
use super::views::{done, with_id};
use crate::domain::ids::Name;
use crate::domain::input::{Answer, Kind, ObjectRef};
use crate::domain::objects::queue::QueueKind;
use crate::domain::objects::user::Role;
use crate::domain::objects::{Member, RoleBody};
use crate::domain::problem::Problem;
use serde_json::{Value, json};

/// A source whose clock is further off than this is flagged, ms. Durations come from the engine's
/// clock alone, so nothing else follows.
const SKEW_MS: i64 = 2_000;

impl Engine {
    /// One object with its version, as it is shown.
    pub(super) fn object_json(&self, object: &ObjectRef) -> Option<(u64, Value)> {
        let id = object.id.as_str();
        let (version, body) = match object.kind {
            Kind::Account => (self.state.account_version, self.state.account.to_json()),
            Kind::Skill => {
                let item = &self.state.skills[self.derived.skills.get(id)?.at()];
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::User => {
                let ix = *self.derived.users.get(id)?;
                (self.state.agent(ix).version, self.whole_user(ix).to_json())
            }
            Kind::Queue | Kind::Group => {
                let queue = self.state.queue(*self.derived.queues.get(id)?);
                let wanted =
                    if object.kind == Kind::Group { QueueKind::Group } else { QueueKind::Queue };
                if queue.config.kind != wanted {
                    return None;
                }
                let mut body = queue.config.to_json();
                if wanted == QueueKind::Group {
                    let general = &self.state.account.group_settings;
                    body["resolved"] = general.overridden(&queue.config.settings).to_json();
                }
                (queue.version, body)
            }
            Kind::Member => {
                let queue = *self.derived.queues.get(object.parent.as_str())?;
                let agent = self.state.agent(*self.derived.users.get(id)?);
                let pair = agent.pair(queue)?;
                let mut body = Member { stars: pair.stars, position: pair.position }.to_json();
                body["source"] = pair.source.word().into();
                body["opted_in"] = pair.opted_in.into();
                (pair.version, body)
            }
            Kind::Team => {
                let team = self.state.teams.get(id)?;
                (team.version, team.config.to_json())
            }
            Kind::TeamMember => {
                let team = self.state.teams.get(object.parent.as_str())?;
                let there = team.members.contains(self.derived.users.get(id)?);
                (team.version, there.then(|| json!({}))?)
            }
            Kind::QueueTeam => {
                let team = self.state.teams.get(id)?;
                let queue = self.derived.queues.get(object.parent.as_str())?;
                (team.version, team.queues.get(queue)?.to_json())
            }
            Kind::Route => {
                let item = self.state.routes.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::Switch => {
                let switch = self.state.switch(*self.derived.switches.get(id)?);
                let mut body = switch.config.public_json();
                body["suspected"] = switch.suspected.into();
                body["bootid"] = json!(switch.boot);
                let skew_ms = self.derived.skew_ms.get(&switch.ix).copied();
                body["clock_skew_ms"] = json!(skew_ms);
                body["clock_off"] = skew_ms.is_some_and(|ms| ms.abs() > SKEW_MS).into();
                (switch.version, body)
            }
            Kind::Calendar => {
                let item = self.state.calendars.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::Role => match self.state.roles.get(id) {
                Some(item) => {
                    let mut body = item.value.as_ref()?.to_json();
                    body["preset"] = false.into();
                    (item.version, body)
                }
                None => {
                    let role = Role::of_person(id)?;
                    let mut body = RoleBody::of_preset(role).to_json();
                    body["preset"] = true.into();
                    (0, body)
                }
            },
            Kind::AccessGroup => {
                let item = self.state.access_groups.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::AlertRule => {
                let item = self.state.alert_rules.get(id)?;
                (item.version, item.value.as_ref()?.to_json())
            }
            Kind::Hook => {
                let item = self.state.hooks.get(id)?;
                let mut body = item.value.as_ref()?.public_json();
                let state = self.state.hook_states.get(id);
                body["waiting"] = state.map_or(0, |state| state.notices.len()).into();
                body["dropped"] = state.map_or(0, |state| state.dropped).into();
                (item.version, body)
            }
            Kind::Report => {
                let item = self.state.reports.get(id)?;
                let mut body = item.value.as_ref()?.to_json();
                let until = self.state.reported_until.get(id);
                body["sent_until"] = until.map(|until| until.rfc3339()).into();
                (item.version, body)
            }
            Kind::Disposition => {
                let item = self.state.dispositions.get(id)?;
                (item.version, json!({ "name": item.value.as_ref()? }))
            }
            Kind::BreakReason => {
                let item = self.state.break_reasons.get(id)?;
                (item.version, json!({ "name": item.value.as_ref()? }))
            }
        };
        Some((version, with_id(id, body)))
    }

    /// One object, or 404.
    pub(super) fn read_object(&self, object: &ObjectRef) -> Result<Answer, Problem> {
        let missing = || Problem::not_found(super::directory::word(object.kind), &object.id);
        let (version, body) = self.object_json(object).ok_or_else(missing)?;
        Ok(Answer::Done { status: 200, version: Some(version), body })
    }

    /// A page of a family, by id.
    pub(super) fn list(
        &self,
        kind: Kind,
        parent: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Answer, Problem> {
        let ids = self.ids(kind, parent)?;
        let start = after.map_or(0, |after| ids.partition_point(|id| &**id <= after));
        let object = |id: &Name| ObjectRef { kind, parent: parent.into(), id: id.to_string() };
        let mut items: Vec<Value> = ids[start..]
            .iter()
            .filter_map(|id| self.object_json(&object(id)))
            .map(|(_, body)| body)
            .take(limit + 1)
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last["id"].clone());
        Ok(done(json!({ "items": items, "next": next })))
    }

    /// The ids of a family, in order.
    pub(super) fn ids(&self, kind: Kind, parent: &str) -> Result<Vec<Name>, Problem> {
        Ok(match kind {
            Kind::Account => Vec::new(),
            Kind::Skill => self.derived.skills.keys(),
            Kind::User => self.derived.users.keys(),
            Kind::Queue | Kind::Group => self.derived.queues.keys(),
            Kind::Member => {
                let queue = self.queue_named(parent)?;
                let members = &self.state.queue(queue).members;
                let mut ids: Vec<Name> =
                    members.iter().map(|ix| self.state.agent(*ix).id.clone()).collect();
                ids.sort_unstable();
                ids
            }
            Kind::Team => self.state.teams.keys().cloned().collect(),
            Kind::TeamMember => {
                let members = &self.team_named(parent)?.members;
                let mut ids: Vec<Name> =
                    members.iter().map(|ix| self.state.agent(*ix).id.clone()).collect();
                ids.sort_unstable();
                ids
            }
            Kind::QueueTeam => {
                let queue = self.team_queue(parent)?;
                let teams = self.state.teams.iter();
                teams.filter(|t| t.1.queues.contains_key(&queue)).map(|t| t.0.clone()).collect()
            }
            Kind::Route => self.state.routes.keys().cloned().collect(),
            Kind::Switch => self.derived.switches.keys(),
            Kind::Disposition => self.state.dispositions.keys().cloned().collect(),
            Kind::BreakReason => self.state.break_reasons.keys().cloned().collect(),
            Kind::Calendar => self.state.calendars.keys().cloned().collect(),
            Kind::Role => {
                let presets = Role::PEOPLE.iter().map(|role| Name::from(role.word()));
                let mut ids: Vec<Name> = self.state.roles.keys().cloned().chain(presets).collect();
                ids.sort_unstable();
                ids
            }
            Kind::AccessGroup => self.state.access_groups.keys().cloned().collect(),
            Kind::AlertRule => self.state.alert_rules.keys().cloned().collect(),
            Kind::Hook => self.state.hooks.keys().cloned().collect(),
            Kind::Report => self.state.reports.keys().cloned().collect(),
        })
    }
}
