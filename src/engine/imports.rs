//! Users from a file: each row makes one or changes one, those that are wrong are told and left out,
//! and the rest is one record. What it was is kept, so that exactly that can be taken back.

use super::permission::require;
use super::state::State;
use super::{Engine, bulk};
use crate::domain::event::{Event, PersonalKey};
use crate::domain::fields;
use crate::domain::ids::{AgentIx, Name};
use crate::domain::import::{Import, Invitation, MOST_IMPORTS, Row};
use crate::domain::input::{Actor, Answer, Kind, ObjectRef, Precondition};
use crate::domain::objects::user::UserState;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// An import that can be undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportState {
    /// When.
    pub at: Millis,
    /// Who asked for it.
    pub by: Name,
    /// The users that it made.
    pub made: Vec<AgentIx>,
    /// The users that it changed.
    pub changed: Vec<AgentIx>,
    /// The vault's row of what it changed in them.
    pub secret: PersonalKey,
    /// It was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
}

/// Of each user that was changed, by id: the fields, with what they were and what they became.
type Changes = BTreeMap<String, BTreeMap<String, (Value, Value)>>;

/// What rows have led to so far.
#[derive(Default)]
struct Done {
    made: Vec<AgentIx>,
    changed: Vec<AgentIx>,
    changes: Changes,
    /// Whom earlier rows were about.
    rows: BTreeMap<Name, u32>,
}

fn wire_id(import: u64) -> String {
    format!("imp_{import}")
}

fn object(id: &str) -> ObjectRef {
    ObjectRef { kind: Kind::User, parent: String::new(), id: id.to_owned() }
}

impl Engine {
    /// `POST …/imports`.
    pub(super) fn import(&mut self, actor: &Actor, import: &Import) -> Result<Answer, Problem> {
        require(actor, Permission::Users)?;
        if import.dry_run {
            // What earlier rows do counts for later ones, hence a copy does it.
            let mut trial = self.clone();
            return Ok(trial.import_rows(actor, import).0);
        }
        let (mut answer, done) = self.import_rows(actor, import);
        if done.made.is_empty() && done.changed.is_empty() {
            return Ok(answer);
        }
        if self.state.imports.len() >= MOST_IMPORTS
            && let Some(oldest) = self.state.imports.values().next()
        {
            self.vault.erase(oldest.secret);
        }
        let secret = self.state.last_personal + 1;
        self.vault.put_secret(secret, serde_json::to_string(&done.changes).unwrap_or_default());
        let (import, by) = (self.state.seq, actor.name.clone());
        let Done { made, changed, .. } = done;
        self.emit(Event::Imported { import, by, made, changed, secret });
        if let Answer::Done { body, .. } = &mut answer {
            body["import"] = wire_id(import).into();
        }
        Ok(answer)
    }

    fn import_rows(&mut self, actor: &Actor, import: &Import) -> (Answer, Done) {
        let mut done = Done::default();
        let mut results = Vec::with_capacity(import.rows.len());
        let (mut unchanged, mut refused) = (0, 0);
        for row in &import.rows {
            let (before_made, before_changed) = (done.made.len(), done.changed.len());
            let result = self.import_row(actor, row, &mut done);
            results.push(match result {
                Ok(id) => {
                    let change = if done.made.len() > before_made {
                        "made"
                    } else if done.changed.len() > before_changed {
                        "changed"
                    } else {
                        unchanged += 1;
                        "unchanged"
                    };
                    let invited = row.invite.as_ref().filter(|_| change == "made");
                    json!({ "row": row.row, "id": id, "status": 200, "change": change,
                        "expires_at": invited.map(|invite| invite.until.rfc3339()) })
                }
                Err(problem) => {
                    refused += 1;
                    let mut result = bulk::result("", &problem);
                    result["row"] = row.row.into();
                    result["id"] = Value::Null;
                    result["change"] = "refused".into();
                    result["expires_at"] = Value::Null;
                    result
                }
            });
        }
        let body = json!({
            "import": null, "dry_run": import.dry_run,
            "made": done.made.len(), "changed": done.changed.len(),
            "unchanged": unchanged, "refused": refused, "results": results,
        });
        let status = if refused == 0 { 200 } else { 207 };
        (Answer::Done { status, version: None, body }, done)
    }

    /// The user that a row is about: by the id that it says, else by the e-mail.
    fn user_of_row(&self, row: &Row) -> Result<Option<AgentIx>, Problem> {
        if let Some(id) = &row.user {
            return Ok(self.derived.users.get(id.as_str()).copied());
        }
        let Some(email) = row.body["email"].as_str() else {
            let detail = "says neither who it is about, by id, nor an e-mail";
            return Err(Problem::invalid(vec![FieldError::new("/email", "required", detail)]));
        };
        match self.derived.emails.get(&email.to_lowercase()).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([one]) => Ok(Some(*one)),
            Some([one, other, ..]) => {
                let (one, other) = (&self.state.agent(*one).id, &self.state.agent(*other).id);
                let detail = format!("{one} and {other} have this e-mail; say the id");
                Err(Problem::invalid(vec![FieldError::new("/email", "ambiguous", detail)]))
            }
        }
    }

    fn import_row(&mut self, actor: &Actor, row: &Row, done: &mut Done) -> Result<Name, Problem> {
        let known = self.user_of_row(row)?;
        let id: Name = match known {
            Some(ix) => self.state.agent(ix).id.clone(),
            None => row.user.as_ref().unwrap_or(&row.fresh).as_str().into(),
        };
        if let Some(first) = done.rows.get(&id) {
            let field = if row.user.is_some() { "/id" } else { "/email" };
            let detail = format!("row {first} is about the same user");
            return Err(Problem::invalid(vec![FieldError::new(field, "duplicate", detail)]));
        }
        done.rows.insert(id.clone(), row.row);
        let Some(ix) = known else {
            if let Some(elsewhere) = &row.elsewhere {
                return Err(elsewhere.clone());
            }
            let mut body = row.default.clone();
            fields::merge(&mut body, &row.body);
            match &row.invite {
                Some(Invitation { hash, until, mail }) => {
                    self.invite(actor, &id, &body, (hash.clone(), *until), mail.clone())?;
                }
                None => {
                    self.may_put(actor, &object(&id), &body, false)?;
                    self.put(&object(&id), &body, false, Precondition::None, false, &actor.name)?;
                }
            }
            done.made.extend(self.derived.users.get(&id));
            return Ok(id);
        };
        let before = self.whole_user(ix).to_json();
        self.may_put(actor, &object(&id), &row.body, true)?;
        self.put(&object(&id), &row.body, true, Precondition::None, false, &actor.name)?;
        let after = self.whole_user(ix).to_json();
        let changes = top_differences(&before, &after);
        if !changes.is_empty() {
            done.changed.push(ix);
            done.changes.insert(id.to_string(), changes);
        }
        Ok(id)
    }

    fn import_named(&self, id: &str) -> Result<(u64, &ImportState), Problem> {
        let number = id.strip_prefix("imp_").and_then(|digits| digits.parse::<u64>().ok());
        let found = number.and_then(|number| Some((number, self.state.imports.get(&number)?)));
        found.ok_or_else(|| Problem::not_found("import that is remembered", id))
    }

    fn changes_of(&self, import: &ImportState) -> Changes {
        let row = self.vault.secret(import.secret).unwrap_or_default();
        serde_json::from_str(row).unwrap_or_default()
    }

    /// `POST …/imports/{import}/undo`: exactly what it did is taken back, where nobody did anything
    /// to it since.
    pub(super) fn undo_import(&mut self, actor: &Actor, id: &str) -> Result<Answer, Problem> {
        require(actor, Permission::Users)?;
        let (number, import) = self.import_named(id)?;
        if import.undone {
            return Err(Problem::conflict("undone", "this import was taken back already"));
        }
        let (made, changed) = (import.made.clone(), import.changed.clone());
        let changes = self.changes_of(import);
        let mut results = Vec::with_capacity(made.len() + changed.len());
        for ix in made {
            results.push(self.undo_made(actor, ix, number));
        }
        for ix in changed {
            let id = self.state.agent(ix).id.clone();
            let fields = changes.get(&*id).cloned().unwrap_or_default();
            results.push(self.undo_changed(actor, &id, fields));
        }
        let whole = results.iter().all(|r| r["status"] == 200 && r["kept"] == json!([]));
        self.emit(Event::ImportUndone { import: number, by: actor.name.clone() });
        if let Some(import) = self.state.imports.get(&number) {
            self.vault.erase(import.secret);
        }
        let body = json!({ "import": id, "results": results });
        Ok(Answer::Done { status: if whole { 200 } else { 207 }, version: None, body })
    }

    /// Who was made is erased: the id stays, and says nothing any more.
    fn undo_made(&mut self, actor: &Actor, ix: AgentIx, import: u64) -> Value {
        let agent = self.state.agent(ix);
        let id = agent.id.clone();
        let kept = |problem: &Problem| {
            let mut result = bulk::result(&id, problem);
            (result["undone"], result["kept"]) = ("kept".into(), json!([]));
            result
        };
        if agent.user.archived && agent.user.state == UserState::Deactivated {
            return json!({ "id": id, "status": 200, "undone": "erased", "kept": [] });
        }
        if agent.version != import || agent.status_at > self.imported_at(import) {
            let detail = "was changed, or has worked, since: archive or erase the user instead";
            return kept(&Problem::conflict("changed_since", detail));
        }
        let erased = self.may_erase(actor, &id).and_then(|()| self.erase_user(&id, &actor.name));
        match erased {
            Ok(_) => json!({ "id": id, "status": 200, "undone": "erased", "kept": [] }),
            Err(problem) => kept(&problem),
        }
    }

    fn imported_at(&self, import: u64) -> Millis {
        self.state.imports.get(&import).map_or(self.state.at, |import| import.at)
    }

    /// Fields that are still as the import left them become what they were.
    fn undo_changed(
        &mut self,
        actor: &Actor,
        id: &Name,
        fields: BTreeMap<String, (Value, Value)>,
    ) -> Value {
        let Some(ix) = self.derived.users.get(id).copied() else { return Value::Null };
        let now = self.whole_user(ix).to_json();
        let (mut patch, mut kept) = (Map::new(), Vec::new());
        for (field, (before, after)) in fields {
            if now[&field] == after {
                patch.insert(field, before);
            } else {
                kept.push(field);
            }
        }
        // A merge would join what was there with what is: whole fields are put back.
        let mut body = now;
        for (field, before) in &patch {
            body[field] = before.clone();
        }
        let whole = object(id);
        let put = self
            .may_put(actor, &whole, &body, false)
            .and_then(|()| self.put(&whole, &body, false, Precondition::None, false, &actor.name));
        match put {
            Ok(_) => json!({ "id": id, "status": 200, "undone": "restored", "kept": kept }),
            Err(problem) => {
                let mut result = bulk::result(id, &problem);
                kept.extend(patch.into_iter().map(|(field, _)| field));
                (result["undone"], result["kept"]) = ("kept".into(), json!(kept));
                result
            }
        }
    }

    /// An erased user's values go from what imports could put back.
    pub(super) fn erase_from_imports(&mut self, ix: AgentIx) {
        let id = self.state.agent(ix).id.clone();
        let with: Vec<ImportState> = self
            .state
            .imports
            .values()
            .filter(|import| !import.undone && import.changed.contains(&ix))
            .cloned()
            .collect();
        for import in with {
            let mut changes = self.changes_of(&import);
            if changes.remove(&*id).is_some() {
                let row = serde_json::to_string(&changes).unwrap_or_default();
                self.vault.put_secret(import.secret, row);
            }
        }
    }

    /// `GET …/imports`: those that are remembered, the newest first.
    pub(super) fn imports(&self) -> Answer {
        let items: Vec<Value> = self
            .state
            .imports
            .iter()
            .rev()
            .map(|(id, import)| {
                json!({
                    "id": wire_id(*id), "at": import.at.rfc3339(), "by": import.by,
                    "made": import.made.len(), "changed": import.changed.len(),
                    "undone": import.undone,
                })
            })
            .collect();
        super::views::done(json!({ "items": items, "next": null }))
    }

    /// `GET …/imports/{import}`: with the users, and what was changed of each.
    pub(super) fn import_view(&self, id: &str) -> Result<Answer, Problem> {
        let (_, import) = self.import_named(id)?;
        let name = |ix: &AgentIx| &self.state.agent(*ix).id;
        let changes = self.changes_of(import);
        let changed = import.changed.iter().map(|ix| {
            let fields = changes.get(&**name(ix)).map(|fields| fields.keys().collect::<Vec<_>>());
            json!({ "id": name(ix), "fields": fields.unwrap_or_default() })
        });
        Ok(super::views::done(json!({
            "id": id, "at": import.at.rfc3339(), "by": import.by, "undone": import.undone,
            "made": import.made.iter().map(name).collect::<Vec<_>>(),
            "changed": changed.collect::<Vec<_>>(),
        })))
    }
}

/// Whole fields that differ.
fn top_differences(before: &Value, after: &Value) -> BTreeMap<String, (Value, Value)> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| before.get(name) != Some(value))
        .map(|(name, value)| {
            let was = before.get(name).cloned().unwrap_or_default();
            (name.clone(), (was, value.clone()))
        })
        .collect()
}

/// Applies what concerns imports; `false` when an event is about something else.
pub(super) fn evolve(state: &mut State, event: &Event) -> bool {
    match event {
        Event::Imported { import, by, made, changed, secret } => {
            if state.imports.len() >= MOST_IMPORTS {
                state.imports.pop_first();
            }
            state.last_personal = state.last_personal.max(*secret);
            let (made, changed) = (made.clone(), changed.clone());
            let (at, by, secret) = (state.at, by.clone(), *secret);
            let import_state = ImportState { at, by, made, changed, secret, undone: false };
            state.imports.insert(*import, import_state);
        }
        Event::ImportUndone { import, by: _ } => {
            if let Some(import) = state.imports.get_mut(import) {
                import.undone = true;
            }
        }
        _ => return false,
    }
    true
}
