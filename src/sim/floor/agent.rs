//! One simulated agent: a phone, an open desk, and habits.

use super::between;
use super::exchange::{Phone, Said};
use crate::sim::client::{Client, Error, Socket};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Sleep;

/// A broken desk connection is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How an agent behaves: shares of 100.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Rings that are missed.
    pub misses: u32,
    /// Rings that are refused at the phone.
    pub refuses: u32,
    /// Calls after which a break is taken.
    pub breaks: u32,
    /// Calls that the agent, not the caller, hangs up.
    pub hangs_up: u32,
}

impl Default for Habits {
    fn default() -> Habits {
        Habits { misses: 5, refuses: 3, breaks: 12, hangs_up: 20 }
    }
}

/// An agent before logging in.
pub struct Agent {
    /// The user's id.
    pub user: String,
    /// With a key that may act for this agent.
    pub client: Client,
    /// `/v1/accounts/{account}`
    pub account: String,
    /// What the phone tells.
    pub phone: UnboundedReceiver<Phone>,
    /// Where the phone's buttons lead.
    pub switch: UnboundedSender<Said>,
    /// The agent's own dice.
    pub dice: Pcg64,
    /// The agent's habits.
    pub habits: Habits,
}

/// What the agent is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    PickUp(String),
    Decline(String),
    EndWrapUp(String),
    GetReady,
}

/// What stays from one desk connection to the next.
#[derive(Default)]
struct Mind {
    /// The status that the desk showed last.
    status: String,
    /// Calls taken so far: the first ring is never missed, so that every demo begins well.
    rings: u64,
    busy: bool,
    plan: Option<(std::pin::Pin<Box<Sleep>>, Plan)>,
}

impl Mind {
    fn intend(&mut self, wait: Duration, plan: Plan) {
        self.plan = Some((Box::pin(tokio::time::sleep(wait)), plan));
    }

    /// Waits for the plan's time; for ever when there is none. May be dropped while waiting.
    async fn due(&mut self) -> Plan {
        match &mut self.plan {
            Some((sleep, plan)) => {
                sleep.as_mut().await;
                let plan = plan.clone();
                self.plan = None;
                plan
            }
            None => std::future::pending().await,
        }
    }
}

impl Agent {
    /// Works until the server refuses for good.
    ///
    /// # Errors
    /// That refusal.
    pub async fn run(mut self) -> Result<(), Error> {
        let mut mind = Mind::default();
        loop {
            match self.shift(&mut mind).await {
                Err(e) if !e.may_pass() => return Err(e),
                _ => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// One life of the desk connection.
    async fn shift(&mut self, mind: &mut Mind) -> Result<(), Error> {
        let path = format!("{}/agents/{}/desk", self.account, self.user);
        let mut desk: Socket = self.client.socket(&path, "callboard.desk.v1").await?;
        self.set_status(json!({ "status": "ready" })).await?;
        loop {
            tokio::select! {
                frame = desk.next() => self.look(mind, &frame?),
                Some(what) = self.phone.recv() => self.phone(mind, what).await?,
                plan = mind.due() => self.carry_out(mind, plan).await?,
            }
        }
    }

    async fn set_status(&self, body: Value) -> Result<(), Error> {
        let path = format!("{}/agents/{}/status", self.account, self.user);
        self.client.put(&path, &body).await.map(|_| ())
    }

    /// The desk shows something new: an agent whom a rule (a missed call) set `online`, or whose
    /// break has begun, notices.
    fn look(&mut self, mind: &mut Mind, frame: &Value) {
        let Some(status) = desk_status(frame) else { return };
        status.clone_into(&mut mind.status);
        if !mind.busy {
            self.recover(mind);
        }
    }

    async fn phone(&mut self, mind: &mut Mind, what: Phone) -> Result<(), Error> {
        match what {
            Phone::Ring(offer) => self.rings(mind, offer),
            Phone::Stop(offer) => {
                mind.busy = false;
                let about =
                    |plan: &Plan| matches!(plan, Plan::PickUp(o) | Plan::Decline(o) if *o == offer);
                if mind.plan.as_ref().is_some_and(|(_, plan)| about(plan)) {
                    mind.plan = None;
                }
                self.recover(mind);
            }
            Phone::Talk => mind.busy = true,
            Phone::Over(call) => {
                mind.busy = false;
                if self.dice.random_range(0..100) < self.habits.breaks {
                    self.take_a_break().await?;
                }
                mind.intend(between(&mut self.dice, 800, 3_500), Plan::EndWrapUp(call));
            }
        }
        Ok(())
    }

    fn rings(&mut self, mind: &mut Mind, offer: String) {
        mind.busy = true;
        mind.rings += 1;
        let throw = self.dice.random_range(0..100);
        let wait = between(&mut self.dice, 500, 2_500);
        if mind.rings > 1 && throw < self.habits.misses {
            mind.plan = None;
        } else if mind.rings > 1 && throw < self.habits.misses + self.habits.refuses {
            mind.intend(wait, Plan::Decline(offer));
        } else {
            mind.intend(wait, Plan::PickUp(offer));
        }
    }

    /// Asks for a break that begins when the wrap-up ends.
    async fn take_a_break(&mut self) -> Result<(), Error> {
        let reason = ["lunch", "coffee", "training"][self.dice.random_range(0..3)];
        let body = json!({ "status": "on_break", "reason": reason, "when": "after_work" });
        self.set_status(body).await.or_else(tolerate)
    }

    /// With nothing to do and not ready: gets ready again after a while.
    fn recover(&mut self, mind: &mut Mind) {
        if mind.plan.is_none() && mind.status != "ready" {
            let wait = match mind.status.as_str() {
                "on_break" => between(&mut self.dice, 6_000, 15_000),
                _ => between(&mut self.dice, 3_000, 8_000),
            };
            mind.intend(wait, Plan::GetReady);
        }
    }

    async fn carry_out(&mut self, mind: &mut Mind, plan: Plan) -> Result<(), Error> {
        let done = match plan {
            Plan::PickUp(offer) => {
                let _ = self.switch.send(Said::PickUp(offer));
                Ok(())
            }
            Plan::Decline(offer) => {
                let _ = self.switch.send(Said::Decline(offer));
                Ok(())
            }
            Plan::EndWrapUp(call) => {
                let path = format!("{}/calls/{call}/wrap_up/end", self.account);
                let body = json!({ "disposition": "solved" });
                self.client.post(&path, &body).await.map(|_| ())
            }
            Plan::GetReady => self.set_status(json!({ "status": "ready" })).await,
        };
        self.recover(mind);
        done.or_else(tolerate)
    }
}

/// People press buttons a moment too late: the refusal (the call is gone, the wrap-up is over) is
/// part of life. What will not pass is told.
fn tolerate(error: Error) -> Result<(), Error> {
    match error {
        Error::Refused { status: 404 | 409, .. } => Ok(()),
        other => Err(other),
    }
}

fn desk_status(frame: &Value) -> Option<&str> {
    frame["agent"]["status"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_buttons_are_part_of_life_and_other_refusals_are_not() {
        let refused =
            |status| Error::Refused { status, code: String::new(), detail: String::new() };
        assert!(tolerate(refused(409)).is_ok() && tolerate(refused(404)).is_ok());
        assert!(tolerate(refused(403)).is_err() && tolerate(refused(422)).is_err());
    }
}
