//! Deliveries to webhooks: off the outbox, which hears how they ended.

use crate::domain::ids::Name;
use crate::domain::switching::{Command, CommandFailure};
use crate::domain::time::Millis;
use crate::node::line::{Parcel, Posted};
use crate::switch::webhook::{Client, Outcome};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Sends parcels on their way.
pub(super) struct Deliveries {
    carrier: Carrier,
    done: mpsc::UnboundedSender<Delivered>,
}

/// Takes a posting to its end, without keeping its caller.
pub(super) type Carrier = Box<dyn Fn(Posting) + Send>;

/// A parcel on its way to a switch's webhook. However it ends, its line is told: one that is dropped
/// was not taken.
pub(super) struct Posting {
    pub switch: Name,
    pub at: Millis,
    pub parcel: Parcel,
    line: usize,
    /// Where its end is told, once.
    done: Option<mpsc::UnboundedSender<Delivered>>,
}

impl Posting {
    /// It has ended. `failed`: commands that the switch could not do.
    pub fn ended(mut self, posted: Posted, failed: Vec<(Arc<Command>, CommandFailure)>) {
        self.tell(posted, failed);
    }

    fn tell(&mut self, posted: Posted, failed: Vec<(Arc<Command>, CommandFailure)>) {
        if let Some(done) = self.done.take() {
            // The outbox is gone when the node ends: the commands stay open, and are derived again.
            let _ = done.send(Delivered { line: self.line, posted, failed });
        }
    }
}

impl Drop for Posting {
    fn drop(&mut self) {
        self.tell(Posted::Failed, Vec::new());
    }
}

/// A delivery that ended.
pub(super) struct Delivered {
    pub line: usize,
    pub posted: Posted,
    /// Commands that the switch could not do.
    pub failed: Vec<(Arc<Command>, CommandFailure)>,
}

#[derive(Serialize)]
struct Body<'a> {
    commands: &'a [Arc<Command>],
}

impl Deliveries {
    /// By this carrier; and where it is told how they end.
    pub fn new(carrier: Carrier) -> (Deliveries, mpsc::UnboundedReceiver<Delivered>) {
        let (done, receiver) = mpsc::unbounded_channel();
        (Deliveries { carrier, done }, receiver)
    }

    /// Sends one off.
    pub fn post(&self, line: usize, switch: &Name, now: Millis, parcel: Parcel) {
        let (switch, done) = (switch.clone(), self.done.clone());
        (self.carrier)(Posting { switch, at: now, parcel, line, done: Some(done) });
    }
}

/// Posts each in a task of its own: a webhook takes milliseconds at best.
pub(super) fn by_http(client: Client) -> Carrier {
    Box::new(move |posting| {
        let client = client.clone();
        tokio::spawn(async move {
            let (posted, failed) = deliver(&client, &posting).await;
            posting.ended(posted, failed);
        });
    })
}

async fn deliver(
    client: &Client,
    posting: &Posting,
) -> (Posted, Vec<(Arc<Command>, CommandFailure)>) {
    let Posting { switch, at, parcel, .. } = posting;
    let commands = &parcel.commands;
    let body = serde_json::to_vec(&Body { commands }).unwrap_or_default();
    // The same commands, the same id: what Standard Webhooks asks of a repetition.
    let ends = commands.first().zip(commands.last());
    let id = ends.map_or_else(String::new, |(first, last)| format!("{}-{}", first.id, last.seq));
    // The line posts only where there is a webhook.
    let Some(webhook) = &parcel.config.webhook else { return (Posted::Failed, Vec::new()) };
    match client.post(webhook, &id, *at, body).await {
        Ok(Outcome { failed }) => {
            let failed = failed.iter().filter_map(|(id, reason)| {
                let command = commands.iter().find(|command| command.id.to_string() == *id)?;
                Some((Arc::clone(command), *reason))
            });
            (Posted::Taken, failed.collect())
        }
        Err(error) => {
            tracing::warn!(%switch, %error, "a webhook did not take its commands");
            metrics::counter!("callboard_webhook_failures_total").increment(1);
            (Posted::Failed, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::objects::{Capabilities, Switch};

    #[test]
    fn a_posting_that_breaks_off_was_not_taken_and_its_line_hears_once() {
        let (deliveries, mut ends) = Deliveries::new(Box::new(drop));
        let capabilities = Capabilities::default();
        let config = Arc::new(Switch { name: "Edge".into(), webhook: None, capabilities });
        let parcel = Parcel { config, commands: Vec::new() };
        deliveries.post(3, &"edge".into(), Millis(0), parcel);
        let end = ends.try_recv().expect("its end is told");
        assert_eq!((end.line, end.posted), (3, Posted::Failed));
        assert!(ends.try_recv().is_err(), "once");
    }
}
