//! Every figure: its name, its formula in words, and the function that is the formula. Answers, the
//! list of definitions and the documents are made from this one table.

use super::counts::{Counts, Measure, Sum};
use super::places::gini;
use super::waits::Within;
use crate::domain::figures::{AGENT, ALL, By, FAIR, LINES, LIVE_ONLY, MANY, PEOPLE, Threshold};
use crate::domain::presence::{Detail, Presence};
use crate::domain::time::Millis;
use serde_json::{Value, json};

/// What a formula looks at.
pub struct Facts {
    /// The window's sums.
    pub counts: Counts,
    /// The service level's threshold.
    pub threshold: Threshold,
    /// Waits within thresholds that have no sums: those that are asked for.
    pub within: Vec<(Threshold, Within)>,
    /// As of when.
    pub now: Millis,
    /// What is so at this instant.
    pub present: Present,
}

/// What is so at an instant, whatever the window; nothing of it in the past.
#[derive(Debug, Default)]
pub struct Present {
    /// Calls that wait.
    pub waiting: usize,
    /// Since when the one that waits longest waits.
    pub oldest_at: Option<Millis>,
    /// Of one agent: since when this is done; `None`: offline.
    pub doing_since: Option<Millis>,
    /// Of more: what each does who is not offline, …
    pub details: Vec<Detail>,
    /// … and how boards show each: in a queue the members, as they are there.
    pub presences: Vec<Presence>,
    /// Of those who count: how often each was rung in the window.
    pub spread: Vec<i64>,
    /// How many do not do what is planned for them now; `None`: of one agent without a calendar, of
    /// queues.
    pub out_of_adherence: Option<i64>,
    /// Of one agent: how often rung, and how often all were among whom the share is told.
    pub share: Option<(i64, i64)>,
}

impl Facts {
    /// Sums of an interval that is over.
    #[must_use]
    pub fn past(counts: Counts, threshold: Threshold, within: Vec<(Threshold, Within)>) -> Facts {
        Facts { counts, threshold, within, now: Millis(0), present: Present::default() }
    }

    /// Waits within the threshold.
    fn within(&self) -> Within {
        if let Some(place) = self.threshold.preset() {
            return Within::of_preset(&self.counts, place);
        }
        let mut known = self.within.iter();
        known.find(|(of, _)| *of == self.threshold).map_or_else(Within::default, |(_, of)| *of)
    }

    fn of(&self, sum: impl Into<Sum>) -> i64 {
        self.counts.get(sum)
    }

    /// How many agents do one of these now.
    fn doing(&self, details: &[Detail]) -> Option<i64> {
        let count = self.present.details.iter().filter(|detail| details.contains(detail)).count();
        i64::try_from(count).ok()
    }

    /// How many agents are shown so now.
    fn shown(&self, presence: Presence) -> Option<i64> {
        let count = self.present.presences.iter().filter(|of| **of == presence).count();
        i64::try_from(count).ok()
    }
}

/// What a figure's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Whole things.
    Count,
    /// Milliseconds.
    Ms,
    /// A part of one, 0 to 1, to four places.
    Share,
}

impl Unit {
    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Ms => "ms",
            Unit::Share => "share",
        }
    }
}

/// One figure.
pub struct Figure {
    /// Its name on the wire; a variant has a name of its own.
    pub name: &'static str,
    /// What its value is.
    pub unit: Unit,
    /// Grows when the formula changes.
    pub version: u32,
    /// In words.
    pub formula: &'static str,
    /// Of what it is told.
    pub of: &'static [By],
    /// `None`: there is nothing to divide by.
    value: fn(&Facts) -> Option<i64>,
}

impl Figure {
    /// Its value as a whole number, shares in ten-thousandths; `None` where there is nothing to divide by.
    #[must_use]
    pub fn number(&self, facts: &Facts) -> Option<i64> {
        (self.value)(facts)
    }

    /// Whether it is told of a threshold: service levels are.
    #[must_use]
    pub fn has_threshold(&self) -> bool {
        self.name.starts_with("service_level")
    }

    /// Whether it is of this instant, whatever the window.
    #[must_use]
    pub fn is_of_now(&self) -> bool {
        LIVE_ONLY.contains(&self.name)
    }

    /// Whether it is told of what each member does now or was rung: those cost a look at each.
    #[must_use]
    pub fn looks_at_members(&self) -> bool {
        self.name.starts_with("agents_") || self.name == "offers_gini"
    }

    /// Its value, null where there is nothing to divide by.
    #[must_use]
    pub fn value(&self, facts: &Facts) -> Value {
        match (self.number(facts), self.unit) {
            (None, _) => Value::Null,
            (Some(number), Unit::Share) => json!(number as f64 / SHARE as f64),
            (Some(number), _) => json!(number),
        }
    }
}

/// Shares are worked out in ten-thousandths.
const SHARE: i64 = 10_000;

/// Half and more goes up.
fn divided(upper: i64, lower: i64) -> Option<i64> {
    (lower > 0).then(|| (2 * upper + lower).div_euclid(2 * lower))
}

/// A part of a whole in ten-thousandths; `None`: there is nothing to divide by.
pub(super) fn share(part: i64, whole: i64) -> Option<i64> {
    divided(part * SHARE, whole)
}

macro_rules! figures {
    ($($name:literal $unit:ident $of:ident $formula:literal $value:expr;)+) => {
        /// All of them, in the order in which they are told.
        pub const FIGURES: &[Figure] = &[$(Figure {
            name: $name,
            unit: Unit::$unit,
            version: 1,
            formula: $formula,
            of: $of,
            value: $value,
        }),+];
    };
}

figures! {
    "waiting" Count LINES "calls that wait now, those that ring included"
        |f| i64::try_from(f.present.waiting).ok();
    "longest_wait_now_ms" Ms LINES "now − entry of the call that waits longest; 0 when none does"
        |f| i64::try_from(f.present.oldest_at.map_or(0, |at| f.now.since(at))).ok();
    "agents_logged_in" Count MANY "agents who are not offline now; of queue and group: members"
        |f| f.doing(Detail::ALL);
    "agents_idle" Count MANY "of those logged in, with the detail idle"
        |f| f.doing(&[Detail::Idle]);
    "agents_working" Count MANY "of those logged in, with the details talking, holding, ringing, reserved and wrap_up"
        |f| f.doing(&[
            Detail::Talking, Detail::Holding, Detail::Ringing, Detail::Reserved, Detail::WrapUp,
        ]);
    "agents_on_break" Count MANY "of those logged in, with the detail break"
        |f| f.doing(&[Detail::Break]);
    "agents_held_back" Count MANY "of those logged in, with the details delay, training, blocked, reconnecting and device_lost"
        |f| f.doing(&[
            Detail::Delay, Detail::Training, Detail::Blocked, Detail::Reconnecting,
            Detail::DeviceLost,
        ]);
    "agents_available" Count MANY "members with the presence available: could be rung, or work for it; of team and account: for any of their queues"
        |f| f.shown(Presence::Available);
    "agents_busy" Count MANY "members with the presence busy: logged in and opted in, and cannot be rung"
        |f| f.shown(Presence::Busy);
    "agents_opted_out" Count MANY "members with the presence opted_out: opted out, or online where ready is needed"
        |f| f.shown(Presence::OptedOut);
    "agents_offline" Count MANY "members who are offline"
        |f| f.shown(Presence::Offline);
    "agents_out_of_adherence" Count PEOPLE "agents who do not do now what their calendar (schedule) plans: to work (the details idle, ringing, reserved, talking, holding and wrap_up), or within its breaks not to; outside of its hours nobody is; of an agent 0 or 1, null without a schedule"
        |f| f.present.out_of_adherence;
    "in_state_ms" Ms AGENT "now − since when the detail is what it is; null when offline"
        |f| f.present.doing_since.and_then(|at| i64::try_from(f.now.since(at)).ok());
    "offered" Count LINES "calls that entered the queue; an overflow or transfer into it is one more"
        |f| Some(f.of(Measure::Offered));
    "answered" Count LINES "of those offered, answered by an agent"
        |f| Some(f.of(Measure::Answered));
    "abandoned" Count LINES "of those offered, given up by the caller before an answer, the short ones included"
        |f| Some(f.of(Measure::Abandoned));
    "short_abandoned" Count LINES "of those abandoned, after less than the queue's short_abandon_ms"
        |f| Some(f.of(Measure::ShortAbandoned));
    "exited" Count LINES "of those offered, left by an exit, for a callback or moved by a supervisor"
        |f| Some(f.of(Measure::Exited));
    "failed" Count LINES "of those offered, ended without an answer by neither caller nor exit"
        |f| Some(f.of(Measure::Failed));
    "transferred" Count LINES "of those answered, transferred on to a queue, group or user"
        |f| Some(f.of(Measure::Transferred));
    "service_level" Share LINES "answered within the threshold ÷ (answered + abandoned − short_abandoned)"
        |f| share(
            f.within().answered,
            f.of(Measure::Answered) + f.of(Measure::Abandoned) - f.of(Measure::ShortAbandoned),
        );
    "service_level_with_short_abandons" Share LINES "answered within the threshold ÷ (answered + abandoned)"
        |f| share(
            f.within().answered,
            f.of(Measure::Answered) + f.of(Measure::Abandoned),
        );
    "service_level_with_exits" Share LINES "answered within the threshold ÷ (answered + abandoned − short_abandoned + exited)"
        |f| share(
            f.within().answered,
            f.of(Measure::Answered) + f.of(Measure::Abandoned) - f.of(Measure::ShortAbandoned)
                + f.of(Measure::Exited),
        );
    "service_level_of_all_that_left" Share LINES "left the queue within the threshold, for whatever reason ÷ offered (Amazon Connect's)"
        |f| share(f.within().left, f.of(Measure::Offered));
    "asa_ms" Ms LINES "Σ waiting time of those answered ÷ answered; from the entry into the queue to the agent's answer"
        |f| divided(f.of(Measure::WaitAnsweredMs), f.of(Measure::Answered));
    "abandon_rate" Share LINES "(abandoned − short_abandoned) ÷ (offered − short_abandoned)"
        |f| share(
            f.of(Measure::Abandoned) - f.of(Measure::ShortAbandoned),
            f.of(Measure::Offered) - f.of(Measure::ShortAbandoned),
        );
    "abandon_time_ms" Ms LINES "Σ waiting time of those abandoned ÷ abandoned"
        |f| divided(f.of(Measure::WaitAbandonedMs), f.of(Measure::Abandoned));
    "longest_wait_ms" Ms LINES "the longest wait that has ended, by whatever, of those offered"
        |f| i64::try_from(f.counts.longest_ms()).ok();
    "handled" Count ALL "agents' parts in calls that are over; in the interval of their end, as what follows from them"
        |f| Some(f.of(Measure::Handled));
    "talk_ms" Ms ALL "Σ time on the line, holds excluded, of those handled"
        |f| Some(f.of(Measure::TalkMs));
    "hold_ms" Ms ALL "Σ time on hold of those handled"
        |f| Some(f.of(Measure::HoldMs));
    "wrap_up_ms" Ms ALL "Σ after-call work of those handled"
        |f| Some(f.of(Measure::WrapUpMs));
    "aht_ms" Ms ALL "(talk_ms + hold_ms + wrap_up_ms) ÷ handled"
        |f| divided(
            f.of(Measure::TalkMs) + f.of(Measure::HoldMs) + f.of(Measure::WrapUpMs),
            f.of(Measure::Handled),
        );
    "acw_ms" Ms ALL "wrap_up_ms ÷ those handled that had after-call work"
        |f| divided(f.of(Measure::WrapUpMs), f.of(Measure::WrapUps));
    "callbacks" Count LINES "of those offered, callbacks"
        |f| Some(f.of(Measure::Callbacks));
    "callbacks_reached" Count LINES "of the callbacks, the customer was on the line"
        |f| Some(f.of(Measure::CallbacksReached));
    "callbacks_missed" Count LINES "attempts of the callbacks in which the customer was not reached"
        |f| Some(f.of(Measure::CallbacksMissed));
    "offers" Count ALL "times that an agent was rung; in the interval of the offer, as what follows from it"
        |f| Some(f.of(Measure::Offers));
    "accepted" Count ALL "of the offers, answered"
        |f| Some(f.of(Measure::Accepted));
    "answer_time_ms" Ms ALL "Σ time from offer to answer ÷ accepted"
        |f| divided(f.of(Measure::AnswerMs), f.of(Measure::Accepted));
    "missed" Count ALL "of the offers, rung out"
        |f| Some(f.of(Measure::Missed));
    "refused" Count ALL "of the offers, refused"
        |f| Some(f.of(Measure::Refused));
    "offers_failed" Count ALL "of the offers, phone busy or not reached, or not joined after the answer"
        |f| Some(f.of(Measure::OffersFailed));
    "hung_up" Count ALL "of the offers, ended since the caller hung up"
        |f| Some(f.of(Measure::HungUp));
    "withdrawn" Count ALL "of the offers, taken back otherwise: another agent was first, a change of status, …"
        |f| Some(f.of(Measure::Withdrawn));
    "non_response" Count ALL "missed + refused + offers_failed + hung_up; each offer counts"
        |f| Some(
            f.of(Measure::Missed) + f.of(Measure::Refused) + f.of(Measure::OffersFailed)
                + f.of(Measure::HungUp),
        );
    "offer_share" Share AGENT "offers to the agent ÷ offers to all who count: of the queue, group or team that was asked for, else of the account"
        |f| f.present.share.and_then(|(part, whole)| share(part, whole));
    "offers_gini" Share FAIR "Σ|x − y| over all pairs ÷ (2 × n × Σ x), x being how often each was rung who counts: opted-in members who were idle in the window with the status that is needed, and whoever was rung; 0 is even"
        |f| gini(&f.present.spread);
    "outbound_calls" Count PEOPLE "own calls to the outside; in the interval of their beginning, as what follows from them"
        |f| Some(f.of(Measure::OwnCalls));
    "outbound_conversations" Count PEOPLE "of the outbound calls, longer than 5.0 s"
        |f| Some(f.of(Measure::OwnConversations));
    "outbound_ms" Ms PEOPLE "Σ time of the outbound conversations"
        |f| Some(f.of(Measure::OwnMs));
    "logged_in_ms" Ms PEOPLE "time with another status than offline; split at the edges of intervals, as all times in a state"
        |f| Some(f.of(Measure::LoggedInMs));
    "ready_ms" Ms PEOPLE "time with the status ready"
        |f| Some(f.of(Measure::ReadyMs));
    "idle_ms" Ms PEOPLE "time with the status ready and the detail idle"
        |f| Some(f.of(Measure::IdleMs));
    "occupied_ms" Ms PEOPLE "time with at least one contact, after-call work included, by the wall clock"
        |f| Some(f.of(Measure::OccupiedMs));
    "time_talking_ms" Ms PEOPLE "time with the detail talking" |f| Some(f.of(Sum::In(Detail::Talking)));
    "time_holding_ms" Ms PEOPLE "time with the detail holding" |f| Some(f.of(Sum::In(Detail::Holding)));
    "time_ringing_ms" Ms PEOPLE "time with the details ringing and reserved"
        |f| Some(f.of(Sum::In(Detail::Ringing)) + f.of(Sum::In(Detail::Reserved)));
    "time_wrap_up_ms" Ms PEOPLE "time with the detail wrap_up" |f| Some(f.of(Sum::In(Detail::WrapUp)));
    "time_break_ms" Ms PEOPLE "time with the detail break" |f| Some(f.of(Sum::In(Detail::Break)));
    "time_delay_ms" Ms PEOPLE "time with the detail delay" |f| Some(f.of(Sum::In(Detail::Delay)));
    "time_away_ms" Ms PEOPLE "time with the details training, blocked, reconnecting and device_lost"
        |f| Some(
            [Detail::Training, Detail::Blocked, Detail::Reconnecting, Detail::DeviceLost]
                .map(|detail| f.of(Sum::In(detail)))
                .iter()
                .sum(),
        );
    "occupancy" Share PEOPLE "occupied_ms ÷ (occupied_ms + idle_ms): the standard one"
        |f| share(f.of(Measure::OccupiedMs), f.of(Measure::OccupiedMs) + f.of(Measure::IdleMs));
    "occupancy_of_shift" Share PEOPLE "occupied_ms ÷ logged_in_ms: in service and after service, of the shift"
        |f| share(f.of(Measure::OccupiedMs), f.of(Measure::LoggedInMs));
    "utilisation" Share PEOPLE "Σ over contacts of their time ÷ Σ over media of capacity × logged_in_ms"
        |f| share(f.of(Measure::ServiceMs), f.of(Measure::CapacityMs));
    "adherence" Share PEOPLE "time that went as the agents' calendars (schedule) planned ÷ time for which they planned something, by the calendars as they were then"
        |f| share(f.of(Measure::AdherentMs), f.of(Measure::ScheduledMs));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_once_and_shares_are_rounded_to_four_places() {
        let mut names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIGURES.len());
        let told: Vec<_> = FIGURES.iter().map(|figure| (figure.name, figure.of)).collect();
        assert_eq!(told, crate::domain::figures::NAMES, "what rules may name");
        assert_eq!(share(1, 3), Some(3_333));
        assert_eq!(share(2, 3), Some(6_667));
        assert_eq!(share(1, 0), None);
        assert_eq!(divided(3, 2), Some(2));
    }

    #[test]
    fn figures_that_look_at_members_say_so() {
        use crate::domain::presence::{Detail, Presence};
        let told = |present: Present| {
            let (counts, now) = (Counts::default(), Millis(0));
            let (threshold, within) = (Threshold::DEFAULT, Vec::new());
            let facts = Facts { counts, threshold, within, now, present };
            FIGURES.iter().map(|figure| figure.number(&facts)).collect::<Vec<_>>()
        };
        let without = told(Present::default());
        let with = told(Present {
            details: Detail::ALL.to_vec(),
            presences: Presence::ALL.to_vec(),
            spread: vec![1, 2],
            out_of_adherence: Some(1),
            ..Present::default()
        });
        for ((figure, without), with) in FIGURES.iter().zip(without).zip(with) {
            assert_eq!(figure.looks_at_members(), without != with, "{}", figure.name);
        }
    }
}
