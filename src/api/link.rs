//! One open link of a switch. Frames are taken in as they come and answered in their order, many
//! at a time under way, so that a link is as fast as the journal and not as its round trip.

use crate::api::ask::Ask;
use crate::api::socket::{self, BAD_FRAME, End, GOING_AWAY, Watch};
use crate::api::switches;
use crate::domain::problem::Problem;
use crate::domain::switching::EventResult;
use crate::node::CommandStream;
use crate::switch::wire::{self, Said, Told};
use axum::extract::ws::WebSocket;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use std::time::Duration;

const PING_EVERY: Duration = Duration::from_secs(20);
/// Frames under way; past it, reading stops until the oldest is answered.
const MOST_UNDER_WAY: usize = 256;

/// Serves a link until one side ends it.
pub async fn serve(mut socket: WebSocket, ask: Ask, switch: String, commands: CommandStream) {
    let end = run(&mut socket, &ask, &switch, commands).await;
    socket::close(socket, end).await;
}

async fn run(socket: &mut WebSocket, ask: &Ask, switch: &str, mut commands: CommandStream) -> End {
    let mut watch = Watch::new(&ask.app.node, ask.key(), PING_EVERY);
    let mut under_way = FuturesOrdered::new();
    loop {
        let done = tokio::select! {
            Some(answer) = under_way.next() => say(socket, answer).await,
            told = commands.next() => match told {
                Some(told) => socket::send(socket, Told::Commands(&told).text()).await,
                None => Err(GOING_AWAY),
            },
            message = socket.recv(), if under_way.len() < MOST_UNDER_WAY => {
                watch.heard();
                match socket::text(message) {
                    Ok(Some(text)) => match wire::read(&text) {
                        Ok(said) => {
                            under_way.push_back(take(ask, switch, said));
                            Ok(())
                        }
                        Err(problem) if problem.status == 400 => Err(BAD_FRAME),
                        Err(problem) => {
                            socket::send(socket, wire::refusal(&problem).text()).await
                        }
                    },
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            due = watch.next() => match due {
                Ok(()) => socket::ping(socket).await,
                Err(end) => Err(end),
            },
        };
        if let Err(end) = done {
            return end;
        }
    }
}

/// What a frame led to; `None` when there is nothing to say.
type Answer = Result<Option<Vec<EventResult>>, Problem>;

/// A full inbox is waited for: a link is never refused for overload, it stops being read.
async fn take(ask: &Ask, switch: &str, said: Said) -> Answer {
    let (node, account) = (&ask.app.node, ask.account());
    if let Some(seq) = said.done {
        while let Err(problem) = node.acknowledge(account, switch, seq).await {
            wait_for_room(ask, problem).await?;
        }
    }
    if said.events.is_empty() {
        return Ok(None);
    }
    loop {
        let events = said.events.clone();
        match switches::take(node, account, &ask.identity.actor, events, None).await {
            // The commands of the answer come by the link's own stream.
            Ok((results, _)) => return Ok(Some(results)),
            Err(problem) => wait_for_room(ask, problem).await?,
        }
    }
}

async fn wait_for_room(ask: &Ask, problem: Problem) -> Result<(), Problem> {
    if problem.code != "overloaded" {
        return Err(problem);
    }
    ask.app.node.room().await;
    Ok(())
}

async fn say(socket: &mut WebSocket, answer: Answer) -> Result<(), End> {
    match answer {
        Ok(None) => Ok(()),
        Ok(Some(results)) => socket::send(socket, Told::Results(&results).text()).await,
        Err(problem) => socket::send(socket, wire::refusal(&problem).text()).await,
    }
}
