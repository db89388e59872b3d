//! Skills and users.

use super::account::TIME_ZONE;
use super::direct::Direct;
use super::profile::{Contact, DOMAIN, EXTERNAL_ID, MANY, PICTURE, Setting, read_external_ids};
use crate::domain::fields::{EXTENSION, Fields, ID, LABEL, NUMBER, Rule, USER_ID, whole};
use crate::domain::ids::{Name, is_name};
use crate::domain::media::Media;
use crate::domain::presence::words;
use crate::domain::problem::FieldError;
use crate::domain::spelling::nearest;
use crate::domain::time::{self, Millis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A skill; `PUT …/skills/{skill}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Skill {
    /// Shown to people; 1–100 characters.
    pub name: String,
    /// Whether a user's skill must state a level; default false. A skill held without a level
    /// counts as 1,000.
    pub level_required: bool,
    /// Lowest level, 1–100; default 1.
    pub min: u16,
    /// Highest level, `min`–100; default 100.
    pub max: u16,
}

words!(
    /// What kind of user, for billing and function.
    UserKind {
        /// Works queues and groups.
        ContactCentre => "contact_centre",
        /// A telephone: a number or extension. Never leased out, online from creation, offered
        /// calls of groups only.
        Pbx => "pbx",
    }
);

words!(
    /// A user's life in the account.
    UserState {
        /// Was sent a link, and has not used it.
        Invited => "invited",
        /// Works.
        Active => "active",
        /// Listed, but may nothing.
        Deactivated => "deactivated",
    }
);

words!(
    /// Whether the user's place is in force.
    Assignment {
        /// Works fully.
        Active => "active",
        /// In training: never offered calls.
        Training => "training",
        /// Not yet in force.
        Pending => "pending",
    }
);

words!(
    /// What a person or program may do: presets, each a list of permissions (`domain::rights`).
    Role {
        /// Everything, and cannot be taken away.
        Owner => "owner",
        /// Everything in the account.
        Administrator => "administrator",
        /// People, queues, skills and hours; the whole floor.
        Manager => "manager",
        /// Sees and steers the floor.
        Supervisor => "supervisor",
        /// Sees the call centre, monitors everybody there.
        CallCenterManager => "call_center_manager",
        /// Sees the call centre, monitors its agents.
        CallCenterSupervisor => "call_center_supervisor",
        /// Sees the own teams, monitors agents, supervisors and leaders there.
        TeamLeader => "team_leader",
        /// Sees the own teams, monitors their agents.
        TeamSupervisor => "team_supervisor",
        /// Works calls; sees own work.
        Agent => "agent",
        /// As agent.
        CustomerService => "customer_service",
        /// As agent.
        CallAgent => "call_agent",
        /// Reads calls.
        CallManager => "call_manager",
        /// Reads figures and calls, changes calls.
        ReportManager => "report_manager",
        /// Billing.
        BillingManager => "billing_manager",
        /// A telephony switch.
        Switch => "switch",
        /// A role of the account's own making.
        Custom => "custom",
    }
);

/// Where a person with roles in several accounts is kept: the originating account, and the user
/// there. The parts of the profile that are the person's own (`SHARED`) are changed only there.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Home {
    /// The originating account.
    #[schema(value_type = String)]
    pub account: Name,
    /// The user there.
    #[schema(value_type = String)]
    pub user: Name,
}

impl Home {
    fn read(f: &mut Fields<'_>) -> Home {
        Home { account: f.text("account", ID).into(), user: f.text("user", USER_ID).into() }
    }

    /// As the wire shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "account": self.account, "user": self.user })
    }
}

/// How somebody acts in an account that they did not sign in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Who they are.
    pub home: Home,
    /// Whether they administer the agency that owns the account: then they may here what
    /// administrators may.
    pub agency: bool,
}

/// The fields of a user that are the person's own, wherever they work.
pub const SHARED: [&str; 4] = ["email", "first_name", "last_name", "avatar"];

/// A user; `PUT …/users/usr_…`. Personal values live in the vault, not in the journal's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Names, address and endpoint.
    #[serde(flatten)]
    pub personal: Personal,
    /// contact_centre (default) or pbx.
    #[serde(rename = "type")]
    pub kind: UserKind,
    /// A preset (agent by default), or the id of one of the account's own roles.
    #[schema(value_type = String)]
    pub role: Role,
    /// The own role, when `role` is custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub custom_role: Option<String>,
    /// Own extension, digits, unique over users and groups.
    pub extension: Option<String>,
    /// Skill → level; null = held without a level (counts as 1,000).
    pub skills: BTreeMap<String, Option<u16>>,
    /// Media → calls at once; voice 1 and others 1 when left out; 0–100.
    pub capacity: BTreeMap<Media, u8>,
    /// active (default), deactivated, or invited (by `POST …/invites` only).
    pub state: UserState,
    /// Put away for good: listed, but may nothing; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// active (default), training or pending.
    pub assignment: Assignment,
    /// Blocked until then: the account's `block_min_ms` to `block_max_ms` from the change.
    #[serde(with = "time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub blocked_until: Option<Millis>,
    /// Whether the agent may opt in and out of queues; default true.
    pub may_opt: bool,
    /// How direct calls are treated.
    #[serde(default, skip_serializing_if = "Direct::is_default")]
    pub direct: Direct,
    /// IANA time zone of the user's day; null (default) = the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The calendar by which the user works; null (default) = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The domain of the user's phone; null (default) = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Caller ID of outbound calls; null (default) = the group's or the switch's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// Caller IDs that the user may choose from; none (default) = only `caller_id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_ids: Vec<String>,
    /// Whether calls are recorded: as_queue (default), on or off.
    #[serde(default, skip_serializing_if = "Setting::is_default")]
    pub recording: Setting,
    /// Whether calls are told to the CRM: as_queue (default), on or off.
    #[serde(default, skip_serializing_if = "Setting::is_default")]
    pub crm_updates: Setting,
    /// Dispositions that the user may give beside those of the queue; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dispositions: Vec<String>,
    /// Whether a number of the user's own may be shown to who is called; default true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub may_use_own_number: bool,
    /// Whether the user may choose among `caller_ids`; default true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub may_choose_caller_id: bool,
    /// Whether the user may change where calls go while offline (`direct.offline`); default true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub may_edit_offline: bool,
    /// Whether the user may dial extensions of other domains; default true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub may_dial_domains: bool,
    /// Of somebody from another account: where they are kept. By `POST …/grants` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

/// The personal values of a user; kept in the vault under one key, erased together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Personal {
    /// E-mail; null when none or erased.
    pub email: Option<String>,
    /// First name; required, null only when erased.
    pub first_name: Option<String>,
    /// Last name; required, null only when erased.
    pub last_name: Option<String>,
    /// Where the phone rings: `sip:…`, an extension or a number. Null: works at the desk only.
    pub endpoint: Option<String>,
    /// Numbers that reach the user directly, unique in the account; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// The person's id in the house's own CRM; null (default) = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Service (`salesforce`, `stripe`, …) → the person's id there; none by default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// Where a picture is: an https address; null (default) = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Contact preferences: of those whose hours hold, the first takes direct calls that the user does
    /// not, before `direct.unattended`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
}

impl Personal {
    /// These values, with those parts that are the person's own from `person`.
    #[must_use]
    pub fn with_shared(self, person: &Personal) -> Personal {
        let Personal { email, first_name, last_name, avatar, .. } = person.clone();
        Personal { email, first_name, last_name, avatar, ..self }
    }
}

impl User {
    /// Whether the user may work at all: an active state, not archived, an assignment in force. (A
    /// block is told by the agent, since it ends by itself.)
    #[must_use]
    pub fn may_work(&self) -> bool {
        self.state == UserState::Active && !self.archived && self.assignment != Assignment::Pending
    }

    /// Whether the user is in force as one who sees and monitors the own teams.
    #[must_use]
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::TeamLeader | Role::TeamSupervisor) && self.may_work()
    }

    /// Calls at once of a medium: the set value, else 1.
    #[must_use]
    pub fn capacity_of(&self, media: Media) -> u8 {
        self.capacity.get(&media).copied().unwrap_or(1)
    }
}

impl Skill {
    /// Reads a body; fields left out take their defaults.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<Skill, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let skill = Skill {
            name: fields.text("name", LABEL),
            level_required: fields.flag("level_required", false),
            min: fields.int("min", 1..=100, 1),
            max: fields.int("max", 1..=100, 100),
        };
        if skill.max < skill.min {
            fields.wrong("max", "out_of_range", "must not be below min");
        }
        fields.done(skill)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "level_required": self.level_required,
            "min": self.min,
            "max": self.max,
        })
    }
}

impl User {
    /// Reads a body; fields left out take their defaults. Whether a skill exists, and a level fits
    /// its range, is the engine's to say.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn parse(body: &Value) -> Result<User, Vec<FieldError>> {
        let mut fields = Fields::of(body);
        let personal = Personal {
            email: fields.text_or_null("email", EMAIL),
            first_name: Some(fields.text("first_name", LABEL)),
            last_name: Some(fields.text("last_name", LABEL)),
            endpoint: fields.text_or_null("endpoint", ENDPOINT),
            numbers: fields.texts("numbers", MANY, NUMBER),
            external_id: fields.text_or_null("external_id", EXTERNAL_ID),
            external_ids: read_external_ids(&mut fields),
            avatar: fields.text_or_null("avatar", PICTURE),
            contacts: Contact::read_all(&mut fields),
        };
        let (role, custom_role) = read_role(&mut fields);
        let user = User {
            personal,
            kind: fields.word("type", UserKind::parse, UserKind::ALL, UserKind::ContactCentre),
            role,
            custom_role,
            extension: fields.text_or_null("extension", EXTENSION),
            skills: read_skills(&mut fields),
            capacity: read_capacity(&mut fields),
            state: fields.word("state", UserState::parse, UserState::ALL, UserState::Active),
            archived: fields.flag("archived", false),
            assignment: fields.word(
                "assignment",
                Assignment::parse,
                Assignment::ALL,
                Assignment::Active,
            ),
            blocked_until: fields.instant_or_null("blocked_until"),
            may_opt: fields.flag("may_opt", true),
            direct: fields.nested("direct", Direct::read).unwrap_or_default(),
            time_zone: fields.text_or_null("time_zone", TIME_ZONE),
            schedule: fields.text_or_null("schedule", ID),
            domain: fields.text_or_null("domain", DOMAIN),
            caller_id: fields.text_or_null("caller_id", NUMBER),
            caller_ids: fields.texts("caller_ids", MANY, NUMBER),
            recording: fields.word("recording", Setting::parse, Setting::ALL, Setting::AsQueue),
            crm_updates: fields.word("crm_updates", Setting::parse, Setting::ALL, Setting::AsQueue),
            dispositions: fields.texts("dispositions", 1_000, ID),
            may_use_own_number: fields.flag("may_use_own_number", true),
            may_choose_caller_id: fields.flag("may_choose_caller_id", true),
            may_edit_offline: fields.flag("may_edit_offline", true),
            may_dial_domains: fields.flag("may_dial_domains", true),
            home: fields.nested("home", Home::read),
        };
        fields.done(user)
    }

    /// All fields, as the wire shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let capacity: serde_json::Map<String, Value> =
            self.capacity.iter().map(|(media, n)| (media.word().to_owned(), json!(n))).collect();
        json!({
            "email": self.personal.email,
            "first_name": self.personal.first_name,
            "last_name": self.personal.last_name,
            "endpoint": self.personal.endpoint,
            "numbers": self.personal.numbers,
            "external_id": self.personal.external_id,
            "external_ids": self.personal.external_ids,
            "avatar": self.personal.avatar,
            "contacts": self.personal.contacts.iter().map(Contact::to_json).collect::<Vec<_>>(),
            "type": self.kind.word(),
            "role": self.custom_role.as_deref().unwrap_or(self.role.word()),
            "extension": self.extension,
            "skills": self.skills,
            "capacity": capacity,
            "state": self.state.word(),
            "archived": self.archived,
            "assignment": self.assignment.word(),
            "blocked_until": self.blocked_until.map(Millis::rfc3339),
            "may_opt": self.may_opt,
            "direct": self.direct.to_json(),
            "time_zone": self.time_zone,
            "schedule": self.schedule,
            "domain": self.domain,
            "caller_id": self.caller_id,
            "caller_ids": self.caller_ids,
            "recording": self.recording.word(),
            "crm_updates": self.crm_updates.word(),
            "dispositions": self.dispositions,
            "may_use_own_number": self.may_use_own_number,
            "may_choose_caller_id": self.may_choose_caller_id,
            "may_edit_offline": self.may_edit_offline,
            "may_dial_domains": self.may_dial_domains,
            "home": self.home.as_ref().map(Home::to_json),
        })
    }
}

impl Role {
    /// The presets that a person may have: all of a key's but `switch`.
    pub const PEOPLE: &'static [Role] = Role::KEYS.split_at(Role::KEYS.len() - 1).0;
    /// What a key may have: a person's presets, and `switch`, which is last.
    pub const KEYS: &'static [Role] = &[
        Role::Owner,
        Role::Administrator,
        Role::Manager,
        Role::Supervisor,
        Role::CallCenterManager,
        Role::CallCenterSupervisor,
        Role::TeamLeader,
        Role::TeamSupervisor,
        Role::Agent,
        Role::CustomerService,
        Role::CallAgent,
        Role::CallManager,
        Role::ReportManager,
        Role::BillingManager,
        Role::Switch,
    ];

    /// Reads the word of a key's role.
    #[must_use]
    pub fn of_key(word: &str) -> Option<Role> {
        Role::parse(word).filter(|role| Role::KEYS.contains(role))
    }

    /// Reads the word of a person's preset.
    #[must_use]
    pub fn of_person(word: &str) -> Option<Role> {
        Role::parse(word).filter(|role| Role::PEOPLE.contains(role))
    }
}

/// A preset's word, or the id of one of the account's own roles: whether it is there is the engine's
/// to say.
fn read_role(fields: &mut Fields<'_>) -> (Role, Option<String>) {
    let word = fields.raw("role").and_then(Value::as_str);
    match word.filter(|word| Role::parse(word).is_none() && is_name(word)) {
        Some(own) => (Role::Custom, Some(own.to_owned())),
        None => (fields.word("role", Role::of_person, Role::PEOPLE, Role::Agent), None),
    }
}

/// `skills`: by id, with the level or null.
pub fn read_skills(fields: &mut Fields<'_>) -> BTreeMap<String, Option<u16>> {
    let mut skills = BTreeMap::new();
    for (skill, level) in fields.entries("skills", 200) {
        if !is_name(skill) {
            fields.wrong_entry("skills", skill, "malformed", format!("must be {}", ID.must_be));
            continue;
        }
        if level.is_null() {
            skills.insert(skill.to_owned(), None);
            continue;
        }
        match whole(level, &(1..=100)) {
            Ok(level) => _ = skills.insert(skill.to_owned(), Some(level)),
            Err((code, detail)) => {
                let detail = format!("{detail}; null holds the skill without a level");
                fields.wrong_entry("skills", skill, code, detail);
            }
        }
    }
    skills
}

/// `capacity`: by medium, 0–100.
pub fn read_capacity(fields: &mut Fields<'_>) -> BTreeMap<Media, u8> {
    let mut capacity = BTreeMap::new();
    for (word, calls) in fields.entries("capacity", Media::ALL.len()) {
        let Some(media) = Media::parse(word) else {
            let words: Vec<&str> = Media::ALL.iter().map(|media| media.word()).collect();
            let detail = match nearest(word, &words) {
                Some(near) => format!("there is no media {word:?}; did you mean {near:?}?"),
                None => format!("there is no media {word:?}; known are {}", words.join(", ")),
            };
            fields.wrong_entry("capacity", word, "unknown_field", detail);
            continue;
        };
        match whole(calls, &(0..=100)) {
            Ok(calls) => _ = capacity.insert(media, calls),
            Err((code, detail)) => fields.wrong_entry("capacity", word, code, detail),
        }
    }
    capacity
}

/// An e-mail address.
pub const EMAIL: Rule = Rule {
    must_be: "an e-mail address of at most 254 characters",
    holds: |text| {
        text.len() <= 254
            && !text.chars().any(|c| c.is_control() || c.is_whitespace())
            && text
                .rsplit_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
    },
};

const ENDPOINT: Rule = Rule {
    must_be: "a SIP address (sip:…), an extension or a number: 1 to 255 printable ASCII characters \
              without blanks",
    holds: |text| {
        (1..=255).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_graphic())
            && text != "sip:"
    },
};
