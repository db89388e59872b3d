//! Sends the mails that the engines have decided on: off the pipeline, so that a slow mail server
//! keeps nobody waiting, and again and again until it has taken them. What is to be sent stands in
//! the journal; after an end of the process it is sent then, a mail at the edge of it perhaps twice.

use crate::domain::event::PersonalKey;
use crate::domain::ids::Name;
use crate::domain::problem::Problem;
use crate::domain::signing::{LinkPurpose, MailEnd, SignCommand, SignQuery};
use crate::mail::{Failed, Letter, Sender};
use crate::node::handle::Handle;
use crate::node::signing::node;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

/// Mails under way at a time.
const AT_ONCE: usize = 8;
/// After the first failure; doubled with each.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The node had no room to hear how a mail went: it is told again so much later.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Whose mail waits: the account and the user.
pub(super) type Waiting = (Name, Name);

/// The mailer's task, and one for each mail.
#[derive(Clone)]
pub(super) struct Mailer {
    pub handle: Handle,
    pub sender: Arc<Sender>,
    room: Arc<Semaphore>,
}

impl Mailer {
    pub fn new(handle: Handle, sender: Arc<Sender>) -> Mailer {
        Mailer { handle, sender, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Runs for as long as the node does.
    pub async fn run(self, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
        while let Some((account, user)) = waiting.recv().await {
            let mailer = self.clone();
            tokio::spawn(async move { mailer.bring(account, user).await });
        }
    }

    /// Tries until the mail is sent, refused for good, or to be sent no more. A newer mail to the
    /// same user has a task of its own.
    async fn bring(self, account: Name, user: Name) {
        let (mut own, mut wait) = (None, FIRST_WAIT);
        while let Some((secret, letter)) = self.letter(&account, &user).await {
            if *own.get_or_insert(secret) != secret {
                return;
            }
            let end = match letter {
                Some(letter) => self.send(&account, &letter).await,
                None => MailEnd::Failed { code: None, last: true },
            };
            let ended = !matches!(end, MailEnd::Failed { last: false, .. });
            // What was sent is not sent again because the node has no room to hear of it just now.
            while self.tell(&account, &user, secret, end).await.is_err() {
                sleep(TELL_AGAIN).await;
            }
            if ended {
                return;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn tell(
        &self,
        account: &Name,
        user: &Name,
        secret: PersonalKey,
        end: MailEnd,
    ) -> Result<(), Problem> {
        let mailed = SignCommand::Mailed { user: user.to_string(), secret, end };
        self.handle.sign_command(account, node(), mailed).await.map(drop)
    }

    /// What is to be sent; the letter is none when it is too late for it.
    async fn letter(&self, account: &Name, user: &Name) -> Option<(u64, Option<Letter>)> {
        let query = SignQuery::Letter { user: user.to_string() };
        let known = self.handle.sign_query(account, node(), query).await.ok()?;
        let secret = known["secret"].as_u64()?;
        let text = |name: &str| known[name].as_str().map(str::to_owned);
        let letter = || {
            Some(Letter {
                to: text("to")?,
                name: text("name"),
                account: text("account_name")?,
                link: text("link")?,
                until: text("until")?,
                is_invitation: known["purpose"] == LinkPurpose::Invite.word(),
                // The same mail, the same id: a server may know a repetition by it.
                id: format!("{account}.{user}.{secret}"),
            })
        };
        Some((secret, letter().filter(|_| known["is_over"] != true)))
    }

    async fn send(&self, account: &Name, letter: &Letter) -> MailEnd {
        let Ok(_room) = self.room.acquire().await else {
            return MailEnd::Failed { code: None, last: false };
        };
        let (outcome, end) = match self.sender.send(letter).await {
            Ok(()) => ("sent", MailEnd::Sent),
            Err(Failed { code, last, why }) => {
                // Never the address, nor what the server says, which may name it.
                tracing::warn!(%account, code, last, why, "a mail was not sent");
                ("failed", MailEnd::Failed { code, last })
            }
        };
        metrics::counter!("callboard_mails_total", "outcome" => outcome).increment(1);
        end
    }
}
