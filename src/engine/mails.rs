//! Mails with one-time links: who is to be sent one, from the record that made the link until the
//! mail server has taken it or will not. The link stands in the vault for so long, and no longer; the
//! address is looked up when the mail goes.

use super::Engine;
use super::signing::{Doors, done};
use crate::domain::event::{Event, PersonalKey};
use crate::domain::ids::{AgentIx, Name};
use crate::domain::input::Answer;
use crate::domain::problem::Problem;
use crate::domain::signing::{LinkPurpose, MailEnd, MailStage};
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The mail of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The vault's row of the link, until it is sent.
    pub secret: Option<PersonalKey>,
    /// How far it is.
    pub stage: MailStage,
}

/// Applies an event; answers whether it was one of these.
pub(super) fn evolve(doors: &mut Doors, event: &Event) -> bool {
    let (agent, mail) = match event {
        Event::MailQueued { agent, secret } => {
            (agent, Mail { secret: Some(*secret), stage: MailStage::Queued })
        }
        Event::MailSent { agent } => (agent, Mail { secret: None, stage: MailStage::Sent }),
        Event::MailFailed { agent, last: true, .. } => {
            (agent, Mail { secret: None, stage: MailStage::Failed })
        }
        Event::MailFailed { agent, last: false, .. } => {
            let secret = doors.mails.get(agent).and_then(|mail| mail.secret);
            (agent, Mail { secret, stage: MailStage::Failing })
        }
        _ => return false,
    };
    doors.mails.insert(*agent, mail);
    true
}

impl Engine {
    /// Makes a one-time link; the one before is dead, and its mail with it. `mail`: the link itself,
    /// where mails are sent. Answers whether one will be: the user may have no address.
    pub(super) fn make_link(
        &mut self,
        agent: AgentIx,
        by: &Name,
        (purpose, hash, until): (LinkPurpose, Name, Millis),
        mail: Option<String>,
    ) -> bool {
        self.drop_mail(agent);
        self.emit(Event::LinkMade { agent, by: by.clone(), purpose, hash, until });
        let values = self.vault.user(self.state.agent(agent).personal);
        let has_address = values.is_some_and(|values| values.personal.email.is_some());
        let Some(link) = mail.filter(|_| has_address) else { return false };
        let secret = self.state.last_personal + 1;
        self.vault.put_secret(secret, link);
        self.emit(Event::MailQueued { agent, secret });
        true
    }

    /// What waits to be sent to a user no longer does; the event that says why comes next.
    pub(super) fn drop_mail(&mut self, agent: AgentIx) {
        let mail = self.state.doors.mails.get(&agent);
        if let Some(secret) = mail.and_then(|mail| mail.secret) {
            self.vault.erase(secret);
        }
    }

    /// Users to whom a mail is to be sent: for the mailer at a start.
    #[must_use]
    pub fn unsent(&self) -> Vec<Name> {
        let mails = self.state.doors.mails.iter().filter(|(_, mail)| mail.secret.is_some());
        mails.map(|(ix, _)| self.state.agent(*ix).id.clone()).collect()
    }

    /// What a mail needs; null when there is none to be sent.
    pub(super) fn letter(&self, ix: AgentIx) -> Answer {
        let secret = self.state.doors.mails.get(&ix).and_then(|mail| mail.secret);
        let link = self.state.doors.links.get(&ix);
        let (Some(secret), Some(link)) = (secret, link) else { return done(Value::Null) };
        let values = self.vault.user(self.state.agent(ix).personal);
        done(json!({
            "secret": secret,
            "link": self.vault.secret(secret),
            "to": values.and_then(|v| v.personal.email.clone()),
            "name": values.and_then(|v| v.name.clone()),
            "account_name": self.state.account.name,
            "purpose": link.purpose,
            "until": link.until.rfc3339(),
            "is_over": self.state_now() >= link.until,
        }))
    }

    /// How the sending of a mail went; of one that is to be sent no more, nothing is told.
    pub(super) fn mailed(
        &mut self,
        ix: AgentIx,
        secret: PersonalKey,
        end: MailEnd,
    ) -> Result<Answer, Problem> {
        let mail = self.state.doors.mails.get(&ix);
        if mail.and_then(|mail| mail.secret) != Some(secret) {
            return Ok(Answer::Nothing);
        }
        match end {
            MailEnd::Sent => {
                self.emit(Event::MailSent { agent: ix });
                self.vault.erase(secret);
            }
            MailEnd::Failed { code, last } => {
                self.emit(Event::MailFailed { agent: ix, code, last });
                if last {
                    self.vault.erase(secret);
                }
            }
        }
        Ok(Answer::Nothing)
    }
}
