//! The demo's dashboard: watches the live feed as any browser would, and checks what it sees.

use crate::sim::board::{Applied, Board, Gap};
use crate::sim::client::{Client, Error};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const RETRY: Duration = Duration::from_millis(500);

/// What the dashboard shows, and what it found wrong.
#[derive(Clone, Debug, Default)]
pub struct Dashboard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    board: Board,
    frames: u64,
    gaps: Vec<String>,
    doubles: Vec<String>,
}

/// Sums over the board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls that wait, those that ring included.
    pub waiting: u64,
    /// Of these, those that ring.
    pub ringing: u64,
    /// Calls with an agent.
    pub talking: u64,
    /// Agents by presence: available, opted out, busy, offline.
    pub agents: [u64; 4],
}

impl Dashboard {
    /// A dashboard, and its work.
    pub fn open(
        client: Client,
        account: &str,
    ) -> (Dashboard, impl Future<Output = Result<(), Error>> + Send + use<>) {
        let dashboard = Dashboard::default();
        let path = format!("/v1/accounts/{account}/live");
        (dashboard.clone(), dashboard.watch(client, path))
    }

    async fn watch(self, client: Client, path: String) -> Result<(), Error> {
        loop {
            match self.connection(&client, &path).await {
                Err(e) if e.may_pass() => tokio::time::sleep(RETRY).await,
                ended => return ended,
            }
        }
    }

    async fn connection(&self, client: &Client, path: &str) -> Result<(), Error> {
        let mut socket = client.socket(path, "callboard.live.v1").await?;
        let subscribe = self.state().board.subscribe(&Value::from("*"), 50);
        socket.send(&subscribe).await?;
        loop {
            let frame = socket.next().await?;
            if let Err(gap) = self.take(&frame) {
                let again = {
                    let mut state = self.state();
                    state.gaps.push(gap.to_string());
                    state.board.reset();
                    state.board.subscribe(&Value::from("*"), 50)
                };
                socket.send(&again).await?;
            }
        }
    }

    fn take(&self, frame: &Value) -> Result<(), Gap> {
        let mut state = self.state();
        let applied = state.board.apply(frame)?;
        state.frames += u64::from(matches!(applied, Applied::Changed | Applied::Tick));
        if applied == Applied::Changed {
            let double = double(&state.board);
            state.doubles.extend(double);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids of the live calls, sorted.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.state().board.calls.keys().cloned().collect()
    }

    /// Whether no frame was missing.
    ///
    /// # Errors
    /// The first gap; or that nothing was seen at all.
    pub fn whole(&self) -> Result<(), String> {
        let state = self.state();
        match state.gaps.first() {
            Some(gap) => Err(format!("{} gaps, first: {gap}", state.gaps.len())),
            None if state.frames == 0 => Err("no frame came".to_owned()),
            None => Ok(()),
        }
    }

    /// Whether no agent was shown ringing for two calls.
    ///
    /// # Errors
    /// The first case.
    pub fn single(&self) -> Result<(), String> {
        self.state().doubles.first().map_or(Ok(()), |double| Err(double.clone()))
    }

    /// What the board adds up to.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let state = self.state();
        let mut sums = Sums::default();
        for call in state.board.calls.values() {
            let connected = call["state"] == "connected";
            sums.talking += u64::from(connected);
            sums.waiting += u64::from(!connected);
            sums.ringing += u64::from(call["state"] == "offered");
        }
        for agent in state.board.agents.values() {
            let place = match agent["presence"].as_str() {
                Some("available") => 0,
                Some("opted_out") => 1,
                Some("busy") => 2,
                _ => 3,
            };
            sums.agents[place] += 1;
        }
        sums
    }
}

/// An agent (all of capacity 1 here) who is rung for two calls, or for one while having another.
fn double(board: &Board) -> Option<String> {
    let mut used = BTreeSet::new();
    for (id, call) in &board.calls {
        let offers = call["offers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rung = offers.iter().map(|offer| &offer["agent"]);
        for agent in rung.chain([&call["agent"]]).filter_map(Value::as_str) {
            if !used.insert(agent) {
                return Some(format!("{agent}, at sequence {}, also for {id}", board.seq));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot(calls: Value) -> Value {
        json!({ "type": "snapshot", "epoch": "e", "seq": 1, "at": "t", "part": 1, "parts": 1,
            "queues": [], "agents": [{ "id": "usr_ann", "presence": "busy" }], "calls": calls })
    }

    #[test]
    fn sums_and_doubles_are_seen() {
        let dashboard = Dashboard::default();
        assert!(dashboard.whole().is_err(), "nothing seen is nothing proved");
        let ringing = |id: &str| {
            json!({ "id": id, "state": "offered", "agent": null,
            "offers": [{ "agent": "usr_ann" }] })
        };
        dashboard.take(&snapshot(json!([ringing("cal_1")]))).unwrap();
        let sums = Sums { waiting: 1, ringing: 1, talking: 0, agents: [0, 0, 1, 0] };
        assert_eq!(dashboard.sums(), sums);
        assert!(dashboard.whole().is_ok() && dashboard.single().is_ok());
        dashboard.take(&snapshot(json!([ringing("cal_1"), ringing("cal_2")]))).unwrap();
        assert!(dashboard.single().is_err());
    }

    #[test]
    fn a_missing_frame_is_an_error() {
        let dashboard = Dashboard::default();
        dashboard.take(&snapshot(json!([]))).unwrap();
        let late = json!({ "type": "delta", "seq": 9, "prev": 8, "at": "t" });
        assert!(dashboard.take(&late).is_err());
    }
}
