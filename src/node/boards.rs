//! The boards' stage: what is durable reaches dashboards and gauges here. It has a thread of its own,
//! for a frame of a large floor takes milliseconds, and no reply or command waits for one.

use crate::domain::ids::Name;
use crate::domain::rows::{BoardSeed, Changes};
use crate::domain::time::Millis;
use crate::live::{Hub, HubMessage};
use crate::node::clock::Ticks;
use crate::node::shared::Shared;
use crate::node::telemetry::{BoardsFigures, FloorFigures};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// After records the next are left to gather for so long: a busy floor decides thousands of events a
/// second, and each wake of the thread costs more than what it has to do. What comes after a pause
/// is shown at once.
const REST: Duration = Duration::from_millis(2);

/// Messages of dashboards taken at once.
const AT_ONCE: usize = 256;

/// What the outbox tells, in order, and before it answers anybody: whoever opens a dashboard after a
/// reply finds the board up to date.
pub(super) enum Shown {
    /// A new account, with its board.
    Opened { account: Name, board: BoardSeed },
    /// Durable records.
    Records(Vec<ShownRecord>),
}

/// A durable record, as boards need it.
pub(super) struct ShownRecord {
    pub account: Name,
    pub seq: u64,
    pub at: Millis,
    pub changes: Changes,
    /// When the event of a switch came in that caused it (for the figures).
    pub event_at: Option<Ticks>,
}

/// The boards, and those who watch them.
pub(super) struct Boards {
    shared: Arc<Shared>,
    hub: Hub,
    figures: BoardsFigures,
    gauges: BTreeMap<Name, FloorFigures>,
}

impl Boards {
    /// Without accounts yet.
    pub fn new(shared: Arc<Shared>, hub: Hub) -> Boards {
        Boards { shared, hub, figures: BoardsFigures::new(), gauges: BTreeMap::new() }
    }

    /// Adds an account.
    pub fn open(&mut self, account: Name, board: BoardSeed) {
        self.gauges.insert(account.clone(), FloorFigures::new(&account, &board));
        self.hub.open(account, board);
    }

    /// Runs until the outbox is gone and all that it told is shown.
    pub async fn run(
        mut self,
        mut told: mpsc::UnboundedReceiver<Shown>,
        mut watchers: mpsc::Receiver<HubMessage>,
    ) {
        let clock = self.shared.clock.clone();
        let mut messages = Vec::with_capacity(AT_ONCE);
        let (mut hub_at, mut resting) = (None, false);
        loop {
            let wake = self.wake_at(hub_at);
            let came = tokio::select! {
                biased;
                shown = told.recv(), if !resting => match shown {
                    Some(shown) => {
                        self.take(shown);
                        true
                    }
                    None => return,
                },
                // The handle holds a sender for as long as the node lives.
                _ = watchers.recv_many(&mut messages, AT_ONCE) => false,
                () = tokio::time::sleep(REST), if resting => false,
                () = clock.sleep_until(wake) => false,
            };
            resting = came || !told.is_empty();
            hub_at = self.turn(&mut told, &mut messages);
        }
    }

    /// When there is something to do again by itself; `hub_at`: what the last turn answered.
    pub fn wake_at(&self, hub_at: Option<Millis>) -> Option<Millis> {
        [hub_at, self.figures.due()].into_iter().flatten().min()
    }

    /// What follows whatever has come: records, then dashboards' messages, then frames that are due.
    /// Answers when the hub wants the next.
    pub fn turn(
        &mut self,
        told: &mut mpsc::UnboundedReceiver<Shown>,
        messages: &mut Vec<HubMessage>,
    ) -> Option<Millis> {
        // All that was told before these messages came: a subscription follows the reply that it
        // has seen. What is told meanwhile has its turn after them.
        for _ in 0..told.len() {
            if let Ok(shown) = told.try_recv() {
                self.take(shown);
            }
        }
        let now = self.shared.clock.now();
        for message in messages.drain(..) {
            self.hub.handle(message, now);
        }
        let hub_at = self.hub.flush(now);
        self.figures.tick(now, self.gauges.values_mut());
        hub_at
    }

    fn take(&mut self, shown: Shown) {
        match shown {
            Shown::Opened { account, board } => self.open(account, board),
            Shown::Records(records) => {
                self.shared.flow.leave(records.len());
                records.into_iter().for_each(|record| self.record(record));
            }
        }
    }

    fn record(&mut self, record: ShownRecord) {
        let ShownRecord { account, seq, at, changes, event_at } = record;
        if let Some(gauges) = self.gauges.get_mut(&account) {
            gauges.changed(&changes);
        }
        self.hub.apply(&account, seq, at, &changes);
        if let Some(event_at) = event_at
            && self.hub.readers(&account) > 0
        {
            self.figures.frame.record(self.shared.ticks().seconds_since(event_at));
        }
    }

    /// The hub, to look at.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}
