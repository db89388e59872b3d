//! Who may what, as data: named permissions, the presets that the roles are, and two matrices that
//! say whom a role may see and whom it may monitor. Rank is no ladder (a team leader monitors team
//! supervisors, a call centre supervisor does not): so nothing here is derived from anything else.

use crate::domain::objects::user::Role;
use crate::domain::presence::words;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

words!(
    /// What may be permitted, with the word that a refusal names.
    Permission {
        /// The account's settings.
        Account => "account",
        /// Users: their fields, roles, passwords, invitations.
        Users => "users",
        /// Teams.
        Teams => "teams",
        /// Queues and groups, their members and flows.
        Queues => "queues",
        /// Call and chat channels: switches.
        Channels => "channels",
        /// Opening hours, holidays, reasons of breaks.
        Hours => "hours",
        /// Skills.
        Skills => "skills",
        /// Phone numbers and where they lead.
        Numbers => "numbers",
        /// API keys and what they connect.
        Integrations => "integrations",
        /// Billing.
        Billing => "billing",
        /// Roles of one's own making, access groups.
        Roles => "roles",
        /// Who supervises a group.
        Supervisors => "supervisors",
        /// Read the configuration.
        #[serde(rename = "configuration.read")]
        ReadConfiguration => "configuration.read",
        /// See the floor live, as far as the view matrix goes.
        Watch => "watch",
        /// Change the status of others, and what they work on.
        Steer => "steer",
        /// Listen in, as far as the monitor matrix goes.
        Monitor => "monitor",
        /// Work as an agent.
        Work => "work",
        /// Read calls and their stories.
        #[serde(rename = "log.read")]
        ReadLog => "log.read",
        /// Change calls.
        #[serde(rename = "log.edit")]
        EditLog => "log.edit",
        /// Read figures.
        Reports => "reports",
        /// Read who did what.
        Audit => "audit",
        /// Read the account's event history.
        Feed => "feed",
        /// Speak for a switch.
        Switch => "switch",
    }
);

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u32);

impl Rights {
    /// These.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Rights {
        let (mut bits, mut i) = (0, 0);
        while i < permissions.len() {
            bits |= 1 << permissions[i] as u32;
            i += 1;
        }
        Rights(bits)
    }

    /// Whether this is one of them.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// The first that is not in `other`.
    #[must_use]
    pub fn beyond(self, other: Rights) -> Option<Permission> {
        self.each().find(|permission| !other.has(*permission))
    }

    /// Each, in the order of declaration.
    pub fn each(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    /// Their words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.each().map(Permission::word).collect()
    }
}

impl FromIterator<Permission> for Rights {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Rights {
        permissions
            .into_iter()
            .fold(Rights::default(), |all, one| Rights(all.0 | Rights::of(&[one]).0))
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Rights, D::Error> {
        let words: Vec<String> = Deserialize::deserialize(d)?;
        let read = |word: &String| {
            Permission::parse(word)
                .ok_or_else(|| de::Error::custom(format!("no permission {word:?} is known")))
        };
        words.iter().map(read).collect()
    }
}

words!(
    /// How far a row of a matrix reaches.
    Reach {
        /// Users of a team that both are in.
        Team => "team",
        /// The call centre: the account is one.
        CallCentre => "call_centre",
        /// The account.
        Account => "account",
    }
);

/// A row of a matrix: users with these roles, so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Row {
    /// How far.
    pub reach: Reach,
    /// Users with these roles.
    pub roles: Vec<Role>,
}

/// A row of a preset's.
pub type PresetRow = (Reach, &'static [Role]);

use Permission as P;

/// Everything in an account but what only a switch does.
const ALL: Rights = Rights::of(Permission::ALL);
const WORKS: Rights = Rights::of(&[P::Work]);
/// On the floor, but with nothing to configure.
const TEAM: Rights = Rights::of(&[P::Watch, P::Steer, P::Monitor, P::Work]);
const FLOOR: Rights = Rights::of(&[
    P::ReadConfiguration,
    P::Watch,
    P::Steer,
    P::Monitor,
    P::Work,
    P::ReadLog,
    P::Reports,
    P::Feed,
]);
const MANAGES: Rights = Rights::of(&[
    P::Users,
    P::Teams,
    P::Queues,
    P::Hours,
    P::Skills,
    P::Supervisors,
    P::ReadConfiguration,
    P::Watch,
    P::Steer,
    P::Monitor,
    P::Work,
    P::ReadLog,
    P::EditLog,
    P::Reports,
    P::Audit,
    P::Feed,
]);

/// Those who work calls: each product has its own name for them.
const AGENTS: &[Role] = &[Role::Agent, Role::CustomerService, Role::CallAgent];
/// … and team supervisors, and other team leaders (S2's table, reading X1).
const OF_LEADERS: &[Role] =
    &[Role::Agent, Role::CustomerService, Role::CallAgent, Role::TeamSupervisor, Role::TeamLeader];
/// All five columns of S2's table, other managers too (X3).
const OF_CENTRE_MANAGERS: &[Role] = &[
    Role::Agent,
    Role::CustomerService,
    Role::CallAgent,
    Role::TeamSupervisor,
    Role::TeamLeader,
    Role::CallCenterSupervisor,
    Role::CallCenterManager,
];
/// Everybody but those who own the account or have all of it.
const OF_MANAGERS: &[Role] = &[
    Role::Agent,
    Role::CustomerService,
    Role::CallAgent,
    Role::TeamSupervisor,
    Role::TeamLeader,
    Role::Supervisor,
    Role::CallCenterSupervisor,
    Role::CallCenterManager,
    Role::Manager,
    Role::CallManager,
    Role::ReportManager,
    Role::BillingManager,
];
/// Everybody.
const EVERYBODY: &[Role] = Role::PEOPLE;

impl Role {
    /// What the preset may. A role of one's own making has its own list.
    #[must_use]
    pub const fn rights(self) -> Rights {
        match self {
            Role::Owner | Role::Administrator => ALL,
            Role::Manager => MANAGES,
            Role::Supervisor | Role::CallCenterManager | Role::CallCenterSupervisor => FLOOR,
            Role::TeamSupervisor | Role::TeamLeader => TEAM,
            Role::Agent | Role::CustomerService | Role::CallAgent => WORKS,
            Role::CallManager => Rights::of(&[P::ReadLog]),
            Role::ReportManager => Rights::of(&[P::Reports, P::ReadLog, P::EditLog]),
            Role::BillingManager => Rights::of(&[P::Billing]),
            Role::Switch => Rights::of(&[P::Switch]),
            Role::Custom => Rights::of(&[]),
        }
    }

    /// Whom the preset may monitor; never oneself (X6).
    #[must_use]
    pub const fn monitors(self) -> Option<PresetRow> {
        match self {
            Role::Owner | Role::Administrator => Some((Reach::Account, EVERYBODY)),
            Role::Manager => Some((Reach::Account, OF_MANAGERS)),
            Role::Supervisor => Some((Reach::Account, AGENTS)),
            Role::CallCenterManager => Some((Reach::CallCentre, OF_CENTRE_MANAGERS)),
            Role::CallCenterSupervisor => Some((Reach::CallCentre, AGENTS)),
            Role::TeamLeader => Some((Reach::Team, OF_LEADERS)),
            Role::TeamSupervisor => Some((Reach::Team, AGENTS)),
            Role::Agent
            | Role::CustomerService
            | Role::CallAgent
            | Role::CallManager
            | Role::ReportManager
            | Role::BillingManager
            | Role::Switch
            | Role::Custom => None,
        }
    }

    /// Whom the preset may see; oneself always. Wider than whom it may monitor (X5).
    #[must_use]
    pub const fn views(self) -> Option<PresetRow> {
        match self {
            Role::Owner
            | Role::Administrator
            | Role::Manager
            | Role::Supervisor
            | Role::CallManager
            | Role::ReportManager => Some((Reach::Account, EVERYBODY)),
            Role::CallCenterManager | Role::CallCenterSupervisor => {
                Some((Reach::CallCentre, EVERYBODY))
            }
            Role::TeamLeader | Role::TeamSupervisor => Some((Reach::Team, EVERYBODY)),
            Role::Agent
            | Role::CustomerService
            | Role::CallAgent
            | Role::BillingManager
            | Role::Switch
            | Role::Custom => None,
        }
    }

    /// Whether the role works calls, and only for itself: a key of it names its user.
    #[must_use]
    pub const fn is_agent(self) -> bool {
        matches!(self, Role::Agent | Role::CustomerService | Role::CallAgent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of S2: who (row) may monitor whom (column), within team or centre.
    #[test]
    fn the_25_cells_of_the_monitoring_table() {
        use Role::{
            CallCenterManager, CallCenterSupervisor, CustomerService, TeamLeader, TeamSupervisor,
        };
        let columns =
            [CustomerService, TeamSupervisor, TeamLeader, CallCenterSupervisor, CallCenterManager];
        let row = |role: Role| {
            columns.map(|column| {
                u8::from(role.monitors().is_some_and(|(_, roles)| roles.contains(&column)))
            })
        };
        assert_eq!(row(CustomerService), [0, 0, 0, 0, 0]);
        assert_eq!(row(TeamSupervisor), [1, 0, 0, 0, 0]);
        assert_eq!(row(TeamLeader), [1, 1, 1, 0, 0]);
        assert_eq!(row(CallCenterSupervisor), [1, 0, 0, 0, 0]);
        assert_eq!(row(CallCenterManager), [1, 1, 1, 1, 1]);
        let reach = |role: Role| role.monitors().map(|(reach, _)| reach);
        assert_eq!(reach(TeamSupervisor), Some(Reach::Team));
        assert_eq!(reach(TeamLeader), Some(Reach::Team));
        assert_eq!(reach(CallCenterSupervisor), Some(Reach::CallCentre));
        assert_eq!(reach(CallCenterManager), Some(Reach::CallCentre));
    }

    #[test]
    fn who_monitors_may_monitor_and_sees_at_least_as_many() {
        for role in Role::ALL {
            if let Some((reach, roles)) = role.monitors() {
                assert!(role.rights().has(Permission::Monitor), "{role}");
                let (sees, seen) = role.views().expect("who monitors sees");
                assert_eq!(reach, sees, "{role}");
                assert!(roles.iter().all(|role| seen.contains(role)), "{role}");
            } else {
                assert!(!role.rights().has(Permission::Monitor), "{role}");
            }
        }
    }

    /// S0-16: nine rights that administrators have and agents have not.
    #[test]
    fn administrators_have_the_nine_and_agents_none() {
        let nine = [
            P::Teams,
            P::Users,
            P::Queues,
            P::Channels,
            P::Hours,
            P::Skills,
            P::Numbers,
            P::Integrations,
            P::Billing,
        ];
        for permission in nine {
            assert!(Role::Administrator.rights().has(permission), "{permission}");
            assert!(!Role::Agent.rights().has(permission), "{permission}");
            assert!(!Role::Supervisor.rights().has(permission), "{permission}");
        }
        // S0-18: a supervisor is an agent who also sees and reads figures.
        assert_eq!(WORKS.beyond(Role::Supervisor.rights()), None);
        assert!(
            Role::Supervisor.rights().has(P::Monitor) && Role::Supervisor.rights().has(P::Reports)
        );
    }

    #[test]
    fn a_set_is_written_in_words_and_reads_back() {
        let set = Rights::of(&[P::Work, P::ReadLog]);
        let text = serde_json::to_string(&set).expect("JSON");
        assert_eq!(text, r#"["work","log.read"]"#);
        assert_eq!(serde_json::from_str::<Rights>(&text).ok(), Some(set));
        assert!(serde_json::from_str::<Rights>(r#"["fly"]"#).is_err());
        assert_eq!(set.beyond(Rights::of(&[P::Work])), Some(P::ReadLog));
    }
}
