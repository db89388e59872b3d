//! What a dial group settles for its members, and the account for all groups (seeds S3-09…15).

use crate::domain::fields::{Fields, NUMBER, Rule};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The account's settings for all groups; a group's own are stronger, both ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct GroupDefaults {
    /// Whether members may dial out; default true.
    pub outbound: bool,
    /// Caller ID of their outbound calls; null (default) = the switch's.
    pub caller_id: Option<String>,
    /// Whether members may choose another caller ID; default true.
    pub may_choose_caller_id: bool,
    /// Whether members may open recordings of their calls; default true.
    pub may_open_recordings: bool,
    /// The sound that callers hear while it rings, by its id at the switch; null (default) = the
    /// switch's own.
    pub dial_audio: Option<String>,
}

impl Default for GroupDefaults {
    fn default() -> GroupDefaults {
        GroupDefaults {
            outbound: true,
            caller_id: None,
            may_choose_caller_id: true,
            may_open_recordings: true,
            dial_audio: None,
        }
    }
}

/// A group's own settings; null (default) = as the account has it for all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct GroupSettings {
    /// Whether members may dial out.
    pub outbound: Option<bool>,
    /// Caller ID of their outbound calls.
    pub caller_id: Option<String>,
    /// Whether members may choose another caller ID.
    pub may_choose_caller_id: Option<bool>,
    /// Whether members may open recordings of their calls.
    pub may_open_recordings: Option<bool>,
    /// The sound that callers hear while it rings, by its id at the switch.
    pub dial_audio: Option<String>,
}

impl GroupDefaults {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == GroupDefaults::default()
    }

    /// Reads the account's part.
    pub(super) fn read(f: &mut Fields<'_>) -> GroupDefaults {
        GroupDefaults {
            outbound: f.flag("outbound", true),
            caller_id: f.text_or_null("caller_id", NUMBER),
            may_choose_caller_id: f.flag("may_choose_caller_id", true),
            may_open_recordings: f.flag("may_open_recordings", true),
            dial_audio: f.text_or_null("dial_audio", AUDIO),
        }
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "outbound": self.outbound,
            "caller_id": self.caller_id,
            "may_choose_caller_id": self.may_choose_caller_id,
            "may_open_recordings": self.may_open_recordings,
            "dial_audio": self.dial_audio,
        })
    }

    /// What holds for a group with these settings of its own.
    #[must_use]
    pub fn overridden(&self, own: &GroupSettings) -> GroupDefaults {
        GroupDefaults {
            outbound: own.outbound.unwrap_or(self.outbound),
            caller_id: own.caller_id.clone().or_else(|| self.caller_id.clone()),
            may_choose_caller_id: own.may_choose_caller_id.unwrap_or(self.may_choose_caller_id),
            may_open_recordings: own.may_open_recordings.unwrap_or(self.may_open_recordings),
            dial_audio: own.dial_audio.clone().or_else(|| self.dial_audio.clone()),
        }
    }
}

impl GroupSettings {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == GroupSettings::default()
    }

    /// Reads a group's part.
    pub(super) fn read(f: &mut Fields<'_>) -> GroupSettings {
        let mut flag = |name| f.is_set(name).then(|| f.flag(name, false));
        let [outbound, may_choose_caller_id, may_open_recordings] =
            [flag("outbound"), flag("may_choose_caller_id"), flag("may_open_recordings")];
        GroupSettings {
            outbound,
            caller_id: f.text_or_null("caller_id", NUMBER),
            may_choose_caller_id,
            may_open_recordings,
            dial_audio: f.text_or_null("dial_audio", AUDIO),
        }
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "outbound": self.outbound,
            "caller_id": self.caller_id,
            "may_choose_caller_id": self.may_choose_caller_id,
            "may_open_recordings": self.may_open_recordings,
            "dial_audio": self.dial_audio,
        })
    }
}

const AUDIO: Rule = Rule {
    must_be: "a sound's id at the switch: 1 to 255 characters, none of them a control character",
    holds: |text| (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds S3-13 and S3-15: the four cases.
    #[test]
    fn a_groups_own_setting_is_stronger_both_ways() {
        for general in [false, true] {
            let account = GroupDefaults { outbound: general, ..GroupDefaults::default() };
            for own in [None, Some(false), Some(true)] {
                let group = GroupSettings { outbound: own, ..GroupSettings::default() };
                let held = account.overridden(&group).outbound;
                assert_eq!(held, own.unwrap_or(general), "{general} {own:?}");
            }
        }
        let account = GroupDefaults { dial_audio: Some("bells".into()), ..Default::default() };
        let group = GroupSettings { dial_audio: Some("waves".into()), ..Default::default() };
        assert_eq!(account.overridden(&group).dial_audio.as_deref(), Some("waves"));
        let none = GroupSettings::default();
        assert_eq!(account.overridden(&none).dial_audio.as_deref(), Some("bells"));
    }
}
