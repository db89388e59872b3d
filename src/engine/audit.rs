//! Who did what to whom, from where, before and after: an event at the end of each record that
//! somebody asked for. `GET …/audit` is read from these.

use super::{Engine, apply, directory};
use crate::domain::event::{Changed, Event};
use crate::domain::ids::Name;
use crate::domain::input::{Actor, Answer, Command, Kind, ObjectRef};
use crate::domain::signing::SignCommand;
use serde_json::{Value, json};

/// A value that is longer as JSON is left out of the record: it stands in the object's own event.
pub(super) const MOST_BYTES: usize = 2_048;

/// What will be told of a command, once it has led to something.
pub(super) struct Note {
    action: Name,
    subject: Name,
    object: Option<(ObjectRef, Option<Value>)>,
}

/// Fields of whose values the record says nothing: they are personal, and stand in the vault alone,
/// or secret.
pub(super) fn is_withheld(kind: Kind, field: &str) -> bool {
    match kind {
        Kind::User => matches!(field, "email" | "first_name" | "last_name" | "endpoint"),
        Kind::Switch | Kind::Hook => field == "webhook",
        _ => false,
    }
}

fn family(kind: Kind) -> String {
    directory::word(kind).replace(' ', "_")
}

fn subject(object: &ObjectRef) -> Name {
    match object.kind {
        Kind::Account => "account".into(),
        Kind::Member => format!("{}/{}", object.parent, object.id).into(),
        _ => object.id.as_str().into(),
    }
}

impl Engine {
    /// What is to be told of a command; `None` of what is nobody's deed upon something: an agent's
    /// own work, and what the node itself does.
    pub(super) fn note(&self, actor: &Actor, command: &Command) -> Option<Note> {
        if actor.door.key.is_none() && actor.door.session.is_none() {
            return None;
        }
        let plain = |action: &str, subject: &str| {
            Some(Note { action: action.into(), subject: subject.into(), object: None })
        };
        let own = |user: &str| actor.user.as_deref() == Some(user);
        match command {
            Command::Put { object, dry_run: false, .. } => Some(Note {
                action: format!("{}.put", family(object.kind)).into(),
                subject: subject(object),
                object: Some((object.clone(), self.object_json(object).map(|(_, body)| body))),
            }),
            Command::Delete { object, dry_run: false, .. } => Some(Note {
                action: format!("{}.delete", family(object.kind)).into(),
                subject: subject(object),
                object: Some((object.clone(), self.object_json(object).map(|(_, body)| body))),
            }),
            Command::Apply { dry_run: false, .. } => plain("configuration.put", "account"),
            Command::Import(import) if !import.dry_run => {
                let rows = import.rows.len();
                plain("users.import", &format!("{rows} rows"))
            }
            Command::UndoImport { import } => plain("users.import_undo", import),
            Command::SetStatus { user, .. } if !own(user) => plain("status.set", user),
            Command::ForceStatus { user, .. } => plain("status.force", user),
            Command::ClearForced { user } => plain("status.release", user),
            Command::SetOptedIn { user, .. } if !own(user) => plain("opted_in.set", user),
            Command::Acknowledge { alert } => plain("alert.acknowledge", alert),
            Command::Dial(wish) if !own(&wish.user) => plain("agent.dial", &wish.user),
            Command::Assign { call, .. } => plain("call.assign", &call.to_string()),
            Command::Supervise { call, mode } => {
                let word = mode.map_or("none", |mode| mode.word());
                plain(&format!("call.supervise.{word}"), &call.to_string())
            }
            Command::ChangeCall { call, .. } => plain("call.change", &call.to_string()),
            Command::Sign(command) => match &**command {
                SignCommand::SetPassword { user, .. } => plain("password.set", user),
                SignCommand::MakeLink { user, .. } => plain("link.make", user),
                SignCommand::End { user, .. } | SignCommand::EndAll { user, .. } => {
                    plain("session.end", user)
                }
                SignCommand::Invite { user, body, .. } => {
                    let known = self.invited_as(body);
                    let known = known.map(|ix| self.state.agent(ix).id.clone());
                    plain("user.invite", known.as_deref().unwrap_or(user))
                }
                SignCommand::Uninvite { user } => plain("user.uninvite", user),
                SignCommand::Grant { user, home, .. } => {
                    let known = self.guest_of(home);
                    let known = known.map(|ix| self.state.agent(ix).id.clone());
                    plain("user.grant", known.as_deref().unwrap_or(user))
                }
                SignCommand::Ungrant { user } => plain("user.ungrant", user),
                SignCommand::UseLink { .. }
                | SignCommand::Person { .. }
                | SignCommand::Mailed { .. }
                | SignCommand::Tell { .. }
                | SignCommand::Open { .. }
                | SignCommand::Seen { .. } => None,
            },
            _ => None,
        }
    }

    /// Tells it: the command has led to something.
    pub(super) fn tell(&mut self, actor: &Actor, note: Note, answer: &Answer) {
        let changed = note.object.map(|(object, before)| {
            let after = self.object_json(&object).map(|(_, body)| body);
            changes(object.kind, before.as_ref(), after.as_ref())
        });
        let changed = changed.unwrap_or_else(|| apply::audited(answer));
        self.tell_of(actor, note.action, note.subject, changed);
    }

    /// Tells what was done, with what it changed.
    pub(super) fn tell_of(
        &mut self,
        actor: &Actor,
        action: Name,
        subject: Name,
        changed: Vec<Changed>,
    ) {
        let address = actor.door.from.map(|from| {
            let key = self.state.last_personal + 1;
            self.vault.put_extra(key, &json!({ "from": from.to_string() }));
            key
        });
        self.emit(Event::Asked {
            by: actor.name.clone(),
            user: actor.user.clone(),
            key: actor.door.key.map(|key| key.to_string().into()),
            address,
            action,
            subject,
            changed,
        });
    }
}

/// The fields that differ.
fn changes(kind: Kind, before: Option<&Value>, after: Option<&Value>) -> Vec<Changed> {
    let fields =
        |body: Option<&Value>| body.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(after));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing =
        names.into_iter().filter(|name| *name != "id" && old.get(*name) != new.get(*name));
    differing
        .map(|name| {
            let shown = |value: Option<&Value>| -> Option<Value> {
                let value = value.filter(|_| !is_withheld(kind, name))?;
                (value.to_string().len() <= MOST_BYTES).then(|| value.clone())
            };
            Changed {
                field: name.as_str().into(),
                before: shown(old.get(name)),
                after: shown(new.get(name)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_every_field_and_withhold_what_is_personal_or_long() {
        let before = json!({ "id": "usr_ann", "email": "a@acme.test", "role": "agent", "same": 1 });
        let after = json!({ "id": "usr_ann", "email": "b@acme.test", "role": "owner", "same": 1,
            "long": "x".repeat(MOST_BYTES) });
        let told = changes(Kind::User, Some(&before), Some(&after));
        let told: Vec<_> =
            told.iter().map(|c| (&*c.field, c.before.clone(), c.after.clone())).collect();
        assert_eq!(
            told,
            [
                ("email", None, None),
                ("long", None, None),
                ("role", Some(json!("agent")), Some(json!("owner"))),
            ]
        );
        assert_eq!(changes(Kind::Skill, None, Some(&json!({ "name": "S" }))).len(), 1);
    }
}
