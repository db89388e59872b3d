//! One open link of a switch. Frames are taken in as they come and answered in their order, many
//! at a time under way, so that a link is as fast as the journal and not as its round trip.

use crate::api::ask::Ask;
use crate::api::socket::{self, BAD_FRAME, End, GOING_AWAY, Watch};
use crate::api::switches;
use crate::domain::problem::Problem;
use crate::domain::switching::EventResult;
use crate::node::{CommandStream, EventItem, Taken};
use crate::switch::wire::{self, Said, Told};
use axum::extract::ws::WebSocket;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use std::collections::VecDeque;

/// Frames under way; past it, reading stops until the oldest is answered.
const MOST_UNDER_WAY: usize = 256;

/// Serves a link until one side ends it.
pub async fn serve(mut socket: WebSocket, ask: Ask, switch: String, commands: CommandStream) {
    let end = run(&mut socket, &ask, &switch, commands).await;
    socket::close(socket, end).await;
}

async fn run(socket: &mut WebSocket, ask: &Ask, switch: &str, mut commands: CommandStream) -> End {
    let mut watch = Watch::new(&ask.app.node, ask.key(), ask.app.limits.ping);
    let mut under_way = FuturesOrdered::new();
    // The frame that waits for room. Nothing is read behind it: what a switch said first must be
    // decided first, also when the later frame is of a kind that a full inbox still takes.
    let mut waiting: Option<Frame> = None;
    loop {
        if let Some(frame) = waiting.take() {
            match frame.offer(ask) {
                Offered::Whole(answer) => under_way.push_back(answer),
                Offered::Part(rest) => waiting = Some(rest),
            }
        }
        let may_read = waiting.is_none() && under_way.len() < MOST_UNDER_WAY;
        let done = tokio::select! {
            Some(answer) = under_way.next() => say(socket, answer).await,
            told = commands.next() => match told {
                Some(told) => socket::send(socket, Told::Commands(&told).text()).await,
                None => Err(GOING_AWAY),
            },
            () = ask.app.node.room(), if waiting.is_some() => Ok(()),
            message = socket.recv(), if may_read => {
                watch.heard();
                match socket::text(message) {
                    Ok(Some(text)) => match wire::read(&text) {
                        Ok(said) => {
                            waiting = Some(Frame::new(said, ask, switch));
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

/// A frame on its way into the inbox: runs of events of one source, mostly one.
struct Frame {
    runs: VecDeque<(String, Vec<EventItem>)>,
    done: Option<u64>,
    has_events: bool,
    answers: Vec<BoxFuture<'static, Taken>>,
}

/// How far a frame got.
enum Offered {
    Whole(BoxFuture<'static, Answer>),
    /// The inbox is full: a link is never refused for overload, it stops being read.
    Part(Frame),
}

impl Frame {
    fn new(said: Said, ask: &Ask, switch: &str) -> Frame {
        let has_events = !said.events.is_empty();
        let mut runs = VecDeque::new();
        if has_events {
            runs.extend(switches::by_source(said.events, &ask.identity.actor));
        }
        // What is done is told of the switch whose link this is, whoever holds it.
        let is_own = |source: &str| source.strip_prefix("/switches/").unwrap_or(source) == switch;
        if said.done.is_some() && !runs.front().is_some_and(|(source, _)| is_own(source)) {
            runs.push_front((switch.to_owned(), Vec::new()));
        }
        Frame { runs, done: said.done, has_events, answers: Vec::new() }
    }

    fn offer(mut self, ask: &Ask) -> Offered {
        while let Some((source, items)) = self.runs.front().cloned() {
            let (node, actor) = (&ask.app.node, ask.actor());
            match node.offer_switch_events(ask.account(), actor, source, items, self.done) {
                Ok(answer) => self.answers.push(answer.boxed()),
                Err(problem) if problem.code == "overloaded" => return Offered::Part(self),
                Err(problem) => {
                    self.answers.push(std::future::ready(Err(problem)).boxed());
                    break;
                }
            }
            self.done = None;
            self.runs.pop_front();
        }
        Offered::Whole(self.answer().boxed())
    }

    async fn answer(self) -> Answer {
        let mut results = Vec::new();
        for answer in self.answers {
            // The commands of the answer come by the link's own stream.
            results.append(&mut answer.await?.0);
        }
        Ok(self.has_events.then_some(results))
    }
}

async fn say(socket: &mut WebSocket, answer: Answer) -> Result<(), End> {
    match answer {
        Ok(None) => Ok(()),
        Ok(Some(results)) => socket::send(socket, Told::Results(&results).text()).await,
        Err(problem) => socket::send(socket, wire::refusal(&problem).text()).await,
    }
}
