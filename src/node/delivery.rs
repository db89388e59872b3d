//! Deliveries to webhooks: off the outbox's task, which hears how they ended.

use crate::domain::ids::Name;
use crate::domain::switching::{Command, CommandFailure};
use crate::domain::time::Millis;
use crate::node::line::{Parcel, Posted};
use crate::switch::webhook::{Client, Outcome};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Posts parcels.
pub(super) struct Deliveries {
    client: Client,
    done: mpsc::UnboundedSender<Delivered>,
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
    /// By this client; and where it is told how they end.
    pub fn new(client: Client) -> (Deliveries, mpsc::UnboundedReceiver<Delivered>) {
        let (done, receiver) = mpsc::unbounded_channel();
        (Deliveries { client, done }, receiver)
    }

    /// Posts in a task of its own: a webhook takes milliseconds at best.
    pub fn post(&self, line: usize, switch: &Name, now: Millis, parcel: Parcel) {
        let (client, done, switch) = (self.client.clone(), self.done.clone(), switch.clone());
        tokio::spawn(async move {
            let delivered = deliver(&client, line, &switch, now, &parcel).await;
            // The outbox is gone when the node ends: the commands stay open, and are derived again.
            let _ = done.send(delivered);
        });
    }
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
