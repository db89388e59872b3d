//! The simulated switch on its link: carries the [`Exchange`]'s events out and the engine's
//! commands in, and comes back after a broken connection with everything unanswered.

use super::Now;
use super::exchange::{Act, Exchange, Phone, Said};
use super::tally::Tally;
use crate::sim::client::{Client, Error, Socket};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

/// How long after a broken link the next try is made.
const RETRY: Duration = Duration::from_millis(500);
/// A switch with a link is suspected after 30 s of silence.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Events in one frame at most.
const MAX_BATCH: usize = 200;

/// What others may look at while the switch runs.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<(Tally, Vec<String>)>>);

impl Seen {
    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The engine's ids of the calls that live at the switch.
    #[must_use]
    pub fn live(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn show(&self, exchange: &Exchange) {
        let now = (exchange.tally.clone(), exchange.live());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// A switch before its start.
pub struct Switch {
    /// With the switch's key.
    pub client: Client,
    /// The link's path.
    pub link: String,
    /// The switch's id.
    pub id: String,
    /// Names this start of it.
    pub boot: String,
    /// The clock.
    pub now: Now,
    /// The agents' phones, by user id.
    pub phones: BTreeMap<String, UnboundedSender<Phone>>,
    /// What people do, the switch's own timers included.
    pub said: UnboundedSender<Said>,
    /// Where the counts are shown.
    pub seen: Seen,
}

impl Switch {
    /// Runs until `stop` says so or can say no more. `said` is the other end of `self.said`.
    ///
    /// # Errors
    /// When the server refuses the link for good.
    pub async fn run(
        self,
        mut said: UnboundedReceiver<Said>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let mut exchange = Exchange::new(&self.id, &self.boot);
        let started = json!({ "software": "callboard's simulated switch" });
        let mut open = VecDeque::from([exchange.report("switch.started", started, (self.now)())]);
        loop {
            let ended = tokio::select! {
                ended = self.link(&mut exchange, &mut open, &mut said) => ended,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            match ended {
                Err(e) if !e.may_pass() => return Err(e),
                _ => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// One life of the link. `open` are the events that have no result yet.
    async fn link(
        &self,
        exchange: &mut Exchange,
        open: &mut VecDeque<Value>,
        said: &mut UnboundedReceiver<Said>,
    ) -> Result<(), Error> {
        let mut socket = self.client.socket(&self.link, "callboard.switch.v1").await?;
        // What was sent before and not answered goes out again: events are idempotent by id.
        for event in open.iter() {
            socket.send(&json!({ "events": [event] })).await?;
        }
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            let mut acts = Vec::new();
            let mut done = None;
            tokio::select! {
                frame = socket.next() => {
                    done = self.take(exchange, open, &frame?, &mut acts);
                }
                Some(first) = said.recv() => self.hear(exchange, first, said, &mut acts),
                _ = heartbeat.tick() => {
                    acts.push(Act::Send(exchange.report("switch.heartbeat", json!({}), (self.now)())));
                }
            }
            let events = self.carry_out(acts);
            self.seen.show(exchange);
            send(&mut socket, events, open, done).await?;
        }
    }

    /// A frame of the engine; the acknowledgement to send.
    fn take(
        &self,
        exchange: &mut Exchange,
        open: &mut VecDeque<Value>,
        frame: &Value,
        acts: &mut Vec<Act>,
    ) -> Option<u64> {
        for result in frame["results"].as_array().into_iter().flatten() {
            exchange.result(result);
            open.retain(|event| event["id"] != result["id"]);
        }
        if frame["problem"].is_object() {
            exchange.refused(&frame["problem"]);
        }
        let commands = frame["commands"].as_array()?;
        for command in commands {
            acts.extend(exchange.command(command, (self.now)()));
        }
        exchange.done()
    }

    fn hear(
        &self,
        exchange: &mut Exchange,
        first: Said,
        said: &mut UnboundedReceiver<Said>,
        acts: &mut Vec<Act>,
    ) {
        acts.extend(exchange.said(first, (self.now)()));
        while acts.len() < MAX_BATCH {
            let Ok(next) = said.try_recv() else { break };
            acts.extend(exchange.said(next, (self.now)()));
        }
    }

    /// Does what the exchange wants done, and gives back the events to send.
    fn carry_out(&self, acts: Vec<Act>) -> Vec<Value> {
        let mut events = Vec::new();
        for act in acts {
            match act {
                Act::Send(event) => events.push(event),
                // A phone without an agent behind it rings unheard.
                Act::Phone(agent, what) => {
                    let _ = self.phones.get(&agent).map(|phone| phone.send(what));
                }
                Act::After(wait, later) => {
                    let said = self.said.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        let _ = said.send(later.into());
                    });
                }
            }
        }
        events
    }
}

async fn send(
    socket: &mut Socket,
    events: Vec<Value>,
    open: &mut VecDeque<Value>,
    done: Option<u64>,
) -> Result<(), Error> {
    open.extend(events.iter().cloned());
    if !events.is_empty() {
        socket.send(&json!({ "events": events })).await?;
    }
    match done {
        Some(seq) => socket.send(&json!({ "done": seq })).await,
        None => Ok(()),
    }
}
