//! Media of calls.

use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// What kind of contact a call is.
    Media {
        /// Telephony.
        Voice => "voice",
        /// Text chat.
        Chat => "chat",
        /// E-mail.
        Email => "email",
        /// Text message.
        Sms => "sms",
        /// Fax.
        Fax => "fax",
        /// A voice message to be worked.
        Voicemail => "voicemail",
        /// An outbound campaign's contact.
        Campaign => "campaign",
    }
);
