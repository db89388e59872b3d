//! Deliveries to webhooks: off the outbox's task, which hears how they ended.

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

/// A parcel on its way to a switch's webhook.
pub(super) struct Posting {
    pub line: usize,
    pub switch: Name,
    pub at: Millis,
    pub parcel: Parcel,
    /// Where it is told how it ended.
    pub done: mpsc::UnboundedSender<Delivered>,
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
        (self.carrier)(Posting { line, switch, at: now, parcel, done });
    }
}

/// Posts each in a task of its own: a webhook takes milliseconds at best.
pub(super) fn by_http(client: Client) -> Carrier {
    Box::new(move |posting| {
        let client = client.clone();
        tokio::spawn(async move {
            let Posting { line, switch, at, parcel, done } = posting;
            let delivered = deliver(&client, line, &switch, at, &parcel).await;
            // The outbox is gone when the node ends: the commands stay open, and are derived again.
            let _ = done.send(delivered);
        });
    })
}

async fn deliver(
    client: &Client,
    line: usize,
    switch: &str,
    now: Millis,
    parcel: &Parcel,
) -> Delivered {
    let commands = &parcel.commands;
    let body = serde_json::to_vec(&Body { commands }).unwrap_or_default();
    // The same commands, the same id: what Standard Webhooks asks of a repetition.
    let ends = commands.first().zip(commands.last());
    let id = ends.map_or_else(String::new, |(first, last)| format!("{}-{}", first.id, last.seq));
    // The line posts only where there is a webhook.
    let Some(webhook) = &parcel.config.webhook else {
        return Delivered { line, posted: Posted::Failed, failed: Vec::new() };
    };
    match client.post(webhook, &id, now, body).await {
        Ok(Outcome { failed }) => {
            let failed = failed.iter().filter_map(|(id, reason)| {
                let command = commands.iter().find(|command| command.id.to_string() == *id)?;
                Some((Arc::clone(command), *reason))
            });
            Delivered { line, posted: Posted::Taken, failed: failed.collect() }
        }
        Err(error) => {
            tracing::warn!(switch, %error, "a webhook did not take its commands");
            metrics::counter!("callboard_webhook_failures_total").increment(1);
            Delivered { line, posted: Posted::Failed, failed: Vec::new() }
        }
    }
}
