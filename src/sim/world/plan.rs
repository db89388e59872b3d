//! What a seed makes of a world: its switches, and which faults it has. Each fault is there or not
//! (so that some worlds have only one kind), and then more or less often.

use super::dice::Dice;
use crate::domain::ids::Name;
use serde_json::{Value, json};

/// Odds of what goes wrong with single messages, in a thousand; 0 where a world has none of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Odds {
    /// An event never leaves its switch.
    pub event_lost: u32,
    /// A request reaches the node twice.
    pub request_doubled: u32,
    /// A request is late by up to seconds.
    pub request_late: u32,
    /// A request does not reach the node; its switch sends it again.
    pub request_lost: u32,
    /// The node's answer does not reach the switch, which sends the request again.
    pub reply_lost: u32,
    /// An array of commands is lost.
    pub commands_lost: u32,
    /// An array of commands comes twice.
    pub commands_doubled: u32,
    /// An array of commands is late by up to seconds.
    pub commands_late: u32,
    /// A switch does a command again that it has done.
    pub command_redone: u32,
    /// A switch acknowledges a command that it never does.
    pub command_dropped: u32,
    /// A dashboard takes a frame and does not go on for a while.
    pub dashboard_stalls: u32,
    /// A dashboard's connection breaks.
    pub dashboard_cut: u32,
    /// People leave their desks, go and come back.
    pub flapping: u32,
}

/// What goes wrong at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The process dies with what it has decided and not written.
    CrashBeforeSync,
    /// It dies when the batch is durable and nothing of it has gone out.
    CrashAfterSync,
    /// It dies when a part of what was decided is durable.
    CrashBetween,
    /// The next sync fails, and what was written is forgotten.
    SyncForgets,
    /// The next sync fails, and what was written is found all the same.
    SyncKeeps,
    /// The next write finds the disk full.
    DiskFull,
    /// A clean stop, with snapshots, and a start.
    Restart,
    /// The disk runs short of room for a while.
    DiskShort,
    /// The node's machine stands still for a while.
    Freeze,
    /// The wall clock is stepped.
    ClockStep,
    /// A switch starts anew: its calls are gone.
    SwitchRestart,
    /// A switch's connections break; its calls live on.
    LinkCut,
    /// Somebody changes the configuration.
    Configure,
}

const TROUBLES: [Trouble; 13] = [
    Trouble::CrashBeforeSync,
    Trouble::CrashAfterSync,
    Trouble::CrashBetween,
    Trouble::SyncForgets,
    Trouble::SyncKeeps,
    Trouble::DiskFull,
    Trouble::Restart,
    Trouble::DiskShort,
    Trouble::Freeze,
    Trouble::ClockStep,
    Trouble::SwitchRestart,
    Trouble::LinkCut,
    Trouble::Configure,
];

/// How commands reach a switch that does not only hear them in replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Link,
    Poll,
    Webhook,
    Replies,
}

/// A switch.
#[derive(Clone, Debug)]
pub(super) struct EdgePlan {
    pub id: Name,
    pub body: Value,
    pub way: Way,
    /// The switch itself joins two parties.
    pub joins: bool,
    pub times_ring: bool,
    pub adds_leg: bool,
    pub cancels_one: bool,
    /// Its events carry `sequence`, `bootid`.
    pub sequenced: bool,
    pub boots: bool,
    /// Sends the next request before the last is answered.
    pub hasty: bool,
    pub beats: bool,
    /// Marks what it sends again after an outage.
    pub replays: bool,
}

/// A world.
pub(super) struct Plan {
    pub odds: Odds,
    /// What happens when, in milliseconds.
    pub troubles: Vec<(u64, Trouble)>,
    pub edges: Vec<EdgePlan>,
    /// How long callers keep coming, in milliseconds.
    pub storm_ms: u64,
    /// Mean time between two callers.
    pub gap_ms: u64,
    /// A sync takes up to so long.
    pub sync_ms: u64,
    /// Records between two snapshots.
    pub snapshot_every: u64,
}

impl Plan {
    /// Of a seed's dice.
    pub fn draw(dice: &mut Dice) -> Plan {
        let storm_ms = dice.between(6_000, 25_000);
        let mut some = |most: u64| {
            if dice.once_in(3) { u32::try_from(dice.between(1, most)).unwrap_or(0) } else { 0 }
        };
        let odds = Odds {
            event_lost: some(60),
            request_doubled: some(200),
            request_late: some(200),
            request_lost: some(150),
            reply_lost: some(200),
            commands_lost: some(200),
            commands_doubled: some(200),
            commands_late: some(200),
            command_redone: some(200),
            command_dropped: some(60),
            dashboard_stalls: some(300),
            dashboard_cut: some(150),
            flapping: some(200),
        };
        let mut troubles = Vec::new();
        for kind in TROUBLES {
            if dice.once_in(3) {
                for _ in 0..=dice.below(2) {
                    troubles.push((dice.between(500, storm_ms), kind));
                }
            }
        }
        let edges = (0..=dice.below(2)).map(|n| EdgePlan::draw(dice, n)).collect();
        Plan {
            odds,
            troubles,
            edges,
            storm_ms,
            gap_ms: dice.between(500, 2_500),
            sync_ms: if dice.once_in(2) { 0 } else { dice.between(1, 40) },
            snapshot_every: dice.one_of(&[7, 40, 100_000]),
        }
    }
}

impl EdgePlan {
    fn draw(dice: &mut Dice, n: usize) -> EdgePlan {
        let id = Name::from(format!("edge-{}", n + 1));
        let way = dice.one_of(&[Way::Link, Way::Link, Way::Poll, Way::Webhook, Way::Replies]);
        let joins = dice.once_in(2);
        let (times_ring, adds_leg) = (!dice.once_in(2), !dice.once_in(3));
        let cancels_one = !dice.once_in(3);
        let most = dice.once_in(5).then(|| dice.between(3, 15));
        let webhook = (way == Way::Webhook).then(|| json!({ "url": "http://127.0.0.1:1/" }));
        let body = json!({ "name": &*id, "webhook": webhook, "capabilities": {
            "connects": if joins { "switch" } else { "engine" },
            "times_ring": times_ring, "adds_leg": adds_leg, "cancels_one_leg": cancels_one,
            "offers_per_call": most, "answers_for_agent": dice.once_in(2),
        }});
        EdgePlan {
            id,
            body,
            way,
            joins,
            times_ring,
            adds_leg,
            cancels_one,
            sequenced: dice.once_in(2),
            boots: dice.once_in(2),
            hasty: dice.once_in(3),
            beats: dice.once_in(3),
            replays: dice.once_in(2),
        }
    }
}
