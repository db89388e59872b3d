//! What an open link and an open desk hold: the stream of what is pushed, and the promise to tell
//! the engine when it ends.

use crate::domain::ids::Name;
use crate::domain::input::Actor;
use crate::domain::switching::Command;
use crate::node::gate::What;
use crate::node::pipeline::{Commands, DeskView};
use crate::node::shared::Shared;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Arrays of commands that may wait for a link's socket; a link that lets more pile up is closed.
pub(super) const COMMANDS_AHEAD: usize = 1_024;

/// The commands of a switch, as they are decided and repeated. Dropping it closes the link.
pub struct CommandStream {
    shared: Arc<Shared>,
    account: Name,
    switch: Name,
    link: u64,
    commands: mpsc::Receiver<Commands>,
}

impl CommandStream {
    pub(super) fn new(
        shared: Arc<Shared>,
        account: Name,
        switch: Name,
        link: u64,
        commands: mpsc::Receiver<Commands>,
    ) -> CommandStream {
        CommandStream { shared, account, switch, link, commands }
    }

    /// The next array: commands of one record that stand together come together. `None` when the
    /// link must be closed: the node stops, the switch was deleted, or it reads too slowly.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Vec<Arc<Command>>> {
        self.commands.recv().await
    }
}

impl Drop for CommandStream {
    fn drop(&mut self) {
        let (account, switch) = (self.account.clone(), self.switch.clone());
        let what = What::LinkClosed { account, switch, link: self.link };
        self.shared.gate.insert(self.shared.ticks(), what);
    }
}

/// The views of one desk. Dropping it closes the desk: the lease's grace begins.
pub struct DeskStream {
    shared: Arc<Shared>,
    account: Name,
    actor: Actor,
    user: Name,
    desk: u64,
    views: watch::Receiver<DeskView>,
}

impl DeskStream {
    pub(super) fn new(
        shared: Arc<Shared>,
        account: Name,
        actor: Actor,
        user: Name,
        desk: u64,
        views: watch::Receiver<DeskView>,
    ) -> DeskStream {
        DeskStream { shared, account, actor, user, desk, views }
    }

    /// The next view that has not been seen; of several, the last. `None` when the node stops or
    /// the user is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<Value>> {
        loop {
            self.views.changed().await.ok()?;
            if let Some(view) = self.views.borrow_and_update().clone() {
                return Some(view);
            }
        }
    }
}

impl Drop for DeskStream {
    fn drop(&mut self) {
        let what = What::DeskClosed {
            account: self.account.clone(),
            actor: self.actor.clone(),
            user: self.user.clone(),
            desk: self.desk,
        };
        self.shared.gate.insert(self.shared.ticks(), what);
    }
}
