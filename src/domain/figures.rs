//! Names of figures: what alert rules name, and what they are told of. The formulas stand in
//! `reporting`; a test there keeps both the same.

use crate::domain::fields::Fields;
use crate::domain::presence::words;
use serde::{Deserialize, Serialize};

words!(
    /// By what figures are told apart.
    By {
        /// All of it.
        Account => "account",
        /// Queues.
        Queue => "queue",
        /// Groups.
        Group => "group",
        /// Agents.
        Agent => "agent",
        /// Teams: their members together.
        Team => "team",
    }
);

words!(
    /// A window that ends now.
    Window {
        /// The last 15 minutes, from a whole minute on.
        #[serde(rename = "15m")]
        Quarter => "15m",
        /// The last 60 minutes, from a whole minute on.
        #[serde(rename = "60m")]
        Hour => "60m",
        /// The last 24 hours, from a whole quarter of an hour on.
        #[serde(rename = "24h")]
        Day => "24h",
        /// Since midnight in the account's zone, or an agent's own; 23 to 25 hours at most.
        Today => "today",
    }
);

/// Thresholds of service levels, in seconds: the presets of Amazon Connect (`figures.md`).
pub const THRESHOLDS_S: [u64; 12] = [15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600];

/// A service level's threshold, in whole seconds from one second to seven days.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "u64", into = "u64")]
#[schema(value_type = u64, minimum = 1, maximum = 604_800)]
pub struct Threshold(u32);

/// A stored threshold that is out of range.
#[derive(Debug, thiserror::Error)]
#[error("a threshold has 1 to {} seconds", Threshold::LONGEST_S)]
pub struct OutOfRange;

impl TryFrom<u64> for Threshold {
    type Error = OutOfRange;

    fn try_from(seconds: u64) -> Result<Threshold, OutOfRange> {
        Threshold::of_seconds(seconds).ok_or(OutOfRange)
    }
}

impl From<Threshold> for u64 {
    fn from(threshold: Threshold) -> u64 {
        u64::from(threshold.0)
    }
}

impl Default for Threshold {
    fn default() -> Threshold {
        Threshold::DEFAULT
    }
}

impl Threshold {
    /// When none is asked for: 20 s.
    pub const DEFAULT: Threshold = Threshold(20);
    /// The longest, in seconds: seven days.
    pub const LONGEST_S: u64 = 604_800;
    /// So many may be told at once beside figures.
    pub const MOST: usize = 10;

    /// `None`: out of range.
    #[must_use]
    pub fn of_seconds(seconds: u64) -> Option<Threshold> {
        let seconds = u32::try_from(seconds).ok()?;
        (1..=Threshold::LONGEST_S).contains(&u64::from(seconds)).then_some(Threshold(seconds))
    }

    /// `None`: out of range, or no whole second.
    #[must_use]
    pub fn of_ms(ms: u64) -> Option<Threshold> {
        Threshold::of_seconds(ms / 1_000).filter(|_| ms.is_multiple_of(1_000))
    }

    /// The field `threshold_s` of a rule, hook or report.
    pub fn read(fields: &mut Fields<'_>) -> Threshold {
        let default = u64::from(Threshold::DEFAULT.0);
        let seconds = fields.int("threshold_s", 1..=Threshold::LONGEST_S, default);
        // One out of range has been told as wrong.
        Threshold::of_seconds(seconds).unwrap_or_default()
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::from(self.0) * 1_000
    }

    /// Its place in [`THRESHOLDS_S`], whose waits are summed up as they end. Waits of others are gone
    /// through when they are asked for.
    #[must_use]
    pub fn preset(self) -> Option<usize> {
        THRESHOLDS_S.iter().position(|preset| *preset == u64::from(self.0))
    }
}

/// Of everything.
pub const ALL: &[By] = By::ALL;
/// Of those whose calls wait.
pub const LINES: &[By] = &[By::Account, By::Queue, By::Group];
/// Of those who work.
pub const PEOPLE: &[By] = &[By::Account, By::Agent, By::Team];
/// Of each agent.
pub const AGENT: &[By] = &[By::Agent];
/// Of many agents together.
pub const MANY: &[By] = &[By::Account, By::Queue, By::Group, By::Team];
/// Of those among whom offers are shared out.
pub const FAIR: &[By] = &[By::Queue, By::Group, By::Team];

/// Every figure, and of what it is told, in the order in which they are told.
pub const NAMES: &[(&str, &[By])] = &[
    ("waiting", LINES),
    ("longest_wait_now_ms", LINES),
    ("agents_logged_in", MANY),
    ("agents_idle", MANY),
    ("agents_working", MANY),
    ("agents_on_break", MANY),
    ("agents_held_back", MANY),
    ("agents_available", MANY),
    ("agents_busy", MANY),
    ("agents_opted_out", MANY),
    ("agents_offline", MANY),
    ("agents_out_of_adherence", PEOPLE),
    ("in_state_ms", AGENT),
    ("offered", LINES),
    ("answered", LINES),
    ("abandoned", LINES),
    ("short_abandoned", LINES),
    ("exited", LINES),
    ("failed", LINES),
    ("transferred", LINES),
    ("service_level", LINES),
    ("service_level_with_short_abandons", LINES),
    ("service_level_with_exits", LINES),
    ("service_level_of_all_that_left", LINES),
    ("asa_ms", LINES),
    ("abandon_rate", LINES),
    ("abandon_time_ms", LINES),
    ("longest_wait_ms", LINES),
    ("handled", ALL),
    ("talk_ms", ALL),
    ("hold_ms", ALL),
    ("wrap_up_ms", ALL),
    ("aht_ms", ALL),
    ("acw_ms", ALL),
    ("callbacks", LINES),
    ("callbacks_reached", LINES),
    ("callbacks_missed", LINES),
    ("offers", ALL),
    ("accepted", ALL),
    ("answer_time_ms", ALL),
    ("missed", ALL),
    ("refused", ALL),
    ("offers_failed", ALL),
    ("hung_up", ALL),
    ("withdrawn", ALL),
    ("non_response", ALL),
    ("offer_share", AGENT),
    ("offers_gini", FAIR),
    ("outbound_calls", PEOPLE),
    ("outbound_conversations", PEOPLE),
    ("outbound_ms", PEOPLE),
    ("logged_in_ms", PEOPLE),
    ("ready_ms", PEOPLE),
    ("idle_ms", PEOPLE),
    ("occupied_ms", PEOPLE),
    ("time_talking_ms", PEOPLE),
    ("time_holding_ms", PEOPLE),
    ("time_ringing_ms", PEOPLE),
    ("time_wrap_up_ms", PEOPLE),
    ("time_break_ms", PEOPLE),
    ("time_delay_ms", PEOPLE),
    ("time_away_ms", PEOPLE),
    ("occupancy", PEOPLE),
    ("occupancy_of_shift", PEOPLE),
    ("utilisation", PEOPLE),
    ("adherence", PEOPLE),
];

/// Told only of now.
pub const LIVE_ONLY: [&str; 13] = [
    "waiting",
    "longest_wait_now_ms",
    "agents_logged_in",
    "agents_idle",
    "agents_working",
    "agents_on_break",
    "agents_held_back",
    "agents_available",
    "agents_busy",
    "agents_opted_out",
    "agents_offline",
    "agents_out_of_adherence",
    "in_state_ms",
];

/// How offers are shared out: told of the past, and not summed up of rows that could be listed.
pub const SHARED_OUT: [&str; 2] = ["offer_share", "offers_gini"];

/// Of what a figure is told; `None`: there is no such figure.
#[must_use]
pub fn told_of(name: &str) -> Option<&'static [By]> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
}

/// Whether a figure can be summed up of an interval that is over: what hooks and reports tell.
#[must_use]
pub fn is_of_intervals(name: &str) -> bool {
    !LIVE_ONLY.contains(&name) && !SHARED_OUT.contains(&name)
}
