//! The words of presence (`engine.md` 2): what was chosen, what shows, and why not.

use serde::{Deserialize, Serialize};

/// Serde and text for an enum of plain words, which are the wire's.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// Reads the word on the wire.
            #[must_use]
            pub fn parse(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What the person, a supervisor or a rule chose. A break's reason stands beside it.
    Status {
        /// No calls; logged out.
        Offline => "offline",
        /// Direct and group calls, no queue calls.
        Online => "online",
        /// Queue calls too.
        Ready => "ready",
        /// No calls, for a reason.
        OnBreak => "on_break",
    }
);

words!(
    /// What boards colour; derived, never stored.
    Presence {
        /// Green.
        Available => "available",
        /// Orange.
        OptedOut => "opted_out",
        /// Red.
        Busy => "busy",
        /// Grey.
        Offline => "offline",
    }
);

words!(
    /// What an agent does, the first that fits.
    Detail {
        /// Connected to a call.
        Talking => "talking",
        /// Connected, and the call is on hold.
        Holding => "holding",
        /// A device or desk alerts.
        Ringing => "ringing",
        /// Offered, not yet alerting.
        Reserved => "reserved",
        /// After-call work.
        WrapUp => "wrap_up",
        /// On a break.
        Break => "break",
        /// The user's assignment is training.
        Training => "training",
        /// The user is blocked until some instant.
        Blocked => "blocked",
        /// The last desk connection was lost a moment ago.
        Reconnecting => "reconnecting",
        /// The phone is not registered.
        DeviceLost => "device_lost",
        /// Busy with a call of another queue (pairs only).
        OtherWork => "other_work",
        /// Left alone for a while after a missed, refused or failed offer.
        Delay => "delay",
        /// None of these.
        Idle => "idle",
    }
);

words!(
    /// Why a queue cannot offer a call to an agent now, the first that fits.
    BlockedBy {
        /// Status offline.
        Offline => "offline",
        /// The user or the assignment is not active.
        Inactive => "inactive",
        /// Blocked until some instant.
        Blocked => "blocked",
        /// In training.
        Training => "training",
        /// On a break.
        Break => "break",
        /// Opted out of this queue.
        OptedOut => "opted_out",
        /// `online` where the queue needs `ready`.
        NotReady => "not_ready",
        /// Another status follows the present work.
        NextPending => "next_pending",
        /// The desk connection was lost a moment ago.
        Reconnecting => "reconnecting",
        /// The phone is not registered.
        DeviceLost => "device_lost",
        /// Neither an endpoint nor an open desk.
        NoWayToRing => "no_way_to_ring",
        /// After-call work.
        WrapUp => "wrap_up",
        /// Other media are on.
        MediaBlocked => "media_blocked",
        /// As many calls as the capacity allows.
        Capacity => "capacity",
        /// Left alone for a while.
        Delay => "delay",
    }
);

words!(
    /// Why a waiting call is not offered to a candidate, the first that fits (`engine.md` 12, 3).
    HeldBy {
        /// Its switch has not spoken since the restart.
        Frozen => "frozen",
        /// Late events of it are still coming.
        Replay => "replay",
        /// An earlier event of it is missing.
        EventGap => "event_gap",
        /// Its switch is silent.
        SwitchSuspect => "switch_suspect",
        /// Its switch can ring no more agents for it.
        SwitchBudget => "switch_budget",
        /// The rest of its round must end first.
        RoundClosing => "round_closing",
        /// A callback whose next attempt is not to begin yet.
        CallbackSpacing => "callback_spacing",
        /// An exit is due when its open offers have ended.
        ExitDue => "exit_due",
        /// It is for one agent: a supervisor picked them, or it is a direct call.
        Assigned => "assigned",
        /// It waits for another agent, who is preferred.
        PreferredHold => "preferred_hold",
        /// This candidate was tried in this pass.
        TriedInPass => "tried_in_pass",
        /// As many ring as its plan allows at once.
        Width => "width",
        /// As many ring as the queue allows at once.
        MaxRinging => "max_ringing",
    }
);
