//! Signing in: what is asked of an account's engine about passwords, sessions and one-time links.
//! Secrets never stand here: what was sent is hashed (by `access`) before it comes in.

use crate::domain::event::{Changed, PersonalKey};
use crate::domain::ids::{Name, SessionId};
use crate::domain::objects::user::{Home, Personal};
use crate::domain::presence::words;
use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

words!(
    /// What a one-time link is for.
    LinkPurpose {
        /// Somebody was invited: it also makes the user active.
        Invite => "invite",
        /// The password is set anew.
        Reset => "reset",
    }
);

words!(
    /// How far a mail is.
    MailStage {
        /// It is to be sent.
        Queued => "queued",
        /// It could not be sent; it is tried again.
        Failing => "failing",
        /// The mail server took it.
        Sent => "sent",
        /// The mail server refused it for good, or the link has ended.
        Failed => "failed",
    }
);

words!(
    /// Why a session ended.
    SessionEnd {
        /// The user signed out.
        SignedOut => "signed_out",
        /// Somebody else ended it.
        Revoked => "revoked",
        /// The password changed.
        Password => "password",
        /// The user was deactivated or blocked.
        Directory => "directory",
        /// Its time was over.
        Expired => "expired",
        /// The user has signed in more often since than sessions are kept.
        Crowded => "crowded",
    }
);

/// A change of what opens the door. `user` is always a user's id.
#[derive(Clone, Debug)]
pub enum SignCommand {
    /// A new password. Who sets their own has shown the one before: `shown` is its row.
    SetPassword {
        /// Whose.
        user: String,
        /// The hash of the new one, as it is kept.
        hash: String,
        /// The row of the password that was shown to be known.
        shown: Option<PersonalKey>,
    },
    /// Somebody is invited: a user who may come in by a link. A deactivated one with the same e-mail is
    /// invited again.
    Invite {
        /// Their id, if they are new.
        user: String,
        /// The user, as for `PUT`.
        body: Value,
        /// Of the link's secret.
        hash: Name,
        /// It ends then.
        until: Millis,
        /// The secret, when it is to be sent by mail.
        mail: Option<String>,
    },
    /// An invitation is taken back.
    Uninvite {
        /// Whose.
        user: String,
    },
    /// A one-time link: an invitation again of who is invited, else to set the password anew.
    MakeLink {
        /// For whom.
        user: String,
        /// Of its secret.
        hash: Name,
        /// It ends then.
        until: Millis,
        /// The secret, when it is to be sent by mail.
        mail: Option<String>,
    },
    /// The node's own: a mail was sent, or not.
    Mailed {
        /// To whom.
        user: String,
        /// Which.
        secret: PersonalKey,
        /// How it went.
        end: MailEnd,
    },
    /// Somebody of another account gets a role in this one (seed S4-16).
    Grant {
        /// Their id here, if they are new.
        user: String,
        /// Who they are.
        home: Home,
        /// Their e-mail, as the asker knows it.
        email: String,
        /// The role here.
        role: String,
        /// Their profile, when all this is right: the node's to fill in.
        person: Option<Box<Personal>>,
    },
    /// … has it no more.
    Ungrant {
        /// Their id here.
        user: String,
    },
    /// The node's own: how it stands with a user's person at home.
    Person {
        /// Their id here.
        user: String,
        /// Their profile there.
        person: Box<Personal>,
        /// Whether they may come in.
        may: bool,
    },
    /// The node's own: something was done that is about this account and decided outside of it.
    Tell {
        /// What.
        action: Name,
        /// To whom or what.
        subject: Name,
        /// Before and after.
        changed: Vec<Changed>,
    },
    /// A link is used: it sets the password.
    UseLink {
        /// The hash of what was shown.
        link: Name,
        /// The hash of the new password, as it is kept.
        hash: String,
    },
    /// Somebody has shown their password: a session begins.
    Open {
        /// Who.
        user: String,
        /// The row of that password; another one has come since: refused.
        shown: PersonalKey,
        /// The session's number, unique on the node.
        session: SessionId,
        /// Of its token.
        hash: Name,
        /// It ends then at the latest.
        until: Millis,
        /// … or when it was not used for so long.
        idle_ms: u64,
        /// From where, for the vault.
        origin: Origin,
    },
    /// A session was used.
    Seen {
        /// Whose.
        user: String,
        /// Which.
        session: SessionId,
    },
    /// Ends one session.
    End {
        /// Whose.
        user: String,
        /// Which.
        session: SessionId,
    },
    /// Ends all sessions of a user, `keep` excepted.
    EndAll {
        /// Whose.
        user: String,
        /// But this.
        keep: Option<SessionId>,
    },
}

/// How the sending of a mail went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailEnd {
    /// The mail server took it.
    Sent,
    /// It did not.
    Failed {
        /// What it answered; `None` = nothing.
        code: Option<u16>,
        /// Whether it is not tried again.
        last: bool,
    },
}

/// A question about what opens the door.
#[derive(Clone, Debug)]
pub enum SignQuery {
    /// The node's own, before a sign-in: who has this e-mail and may sign in, with the hash.
    Secrets {
        /// As it was typed.
        email: String,
    },
    /// The node's own, before a change of the password: the hash, and the rule for a new one.
    Secret {
        /// Whose.
        user: String,
    },
    /// The node's own: whose link this is.
    Link {
        /// The hash of what was shown.
        hash: Name,
    },
    /// Who asks: role and user, as they are now.
    Me,
    /// The node's own: what the mail needs that is to be sent to a user.
    Letter {
        /// To whom.
        user: String,
    },
    /// The node's own: the place that a user has here.
    Place {
        /// Whose.
        user: String,
    },
    /// The node's own: whether an owner can sign in.
    HasOwner,
    /// Who is invited, by id.
    Invites {
        /// Items at most.
        limit: usize,
        /// After this user.
        after: Option<String>,
    },
    /// Sessions of a user, the oldest first.
    Sessions {
        /// Whose.
        user: String,
    },
}

/// Where a session was opened from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The address.
    pub from: Option<String>,
    /// What the browser or program calls itself, cut to 200 characters.
    pub program: Option<String>,
}

/// How doors stand after a record: for the caches by which requests are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DoorChange {
    /// A session is open.
    Opened(OpenSession),
    /// A mail is to be sent.
    Mail {
        /// To whom.
        user: Name,
    },
    /// A hook or report is another, or a hook is to be told something.
    Hooks,
    /// A session is over.
    Ended {
        /// Whose.
        user: Name,
        /// Which.
        session: SessionId,
    },
    /// What a user may or sees is another: what they have open is opened anew.
    Rights {
        /// Who.
        user: Name,
    },
    /// Whether a user may come in, by whatever door.
    Standing {
        /// Who.
        user: Name,
        /// Whether they may.
        may: bool,
        /// Who they are, when they are kept in another account.
        home: Option<Home>,
    },
}

/// An open session, as the door knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its number.
    pub session: SessionId,
    /// Whose.
    pub user: Name,
    /// Of its token.
    pub hash: Name,
    /// It ends then at the latest.
    pub until: Millis,
    /// … or when it was not used for so long.
    pub idle_ms: u64,
    /// When it was last known to be used.
    pub seen_at: Millis,
}
