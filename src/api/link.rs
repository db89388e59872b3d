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
/// The code of the refusal after which a frame waits for room.
const OVERLOADED: &str = "overloaded";

/// Serves a link until one side ends it.
pub async fn serve(mut socket: WebSocket, ask: Ask, switch: String, commands: CommandStream) {
    let end = run(&mut socket, &ask, &switch, commands).await;
    socket::close(socket, end).await;
}

async fn run(socket: &mut WebSocket, ask: &Ask, switch: &str, mut commands: CommandStream) -> End {
    let mut watch = Watch::new(&ask.app.node, &ask.identity, ask.app.limits.ping);
    let mut under_way = FuturesOrdered::new();
    // The frame that waits for room. Nothing is read behind it: what a switch said first must be
    // decided first, also when the later frame is of a kind that a full inbox still takes.
    let mut waiting: Option<Frame> = None;
    loop {
        if let Some(frame) = waiting.take() {
            match frame.offer(ask, switch) {
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
                            waiting = Some(Frame::new(said, ask));
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

/// A frame on its way into the inbox: what is done, then runs of events of one source, mostly one.
struct Frame {
    done: Option<u64>,
    runs: VecDeque<(String, Vec<EventItem>)>,
    answers: Vec<BoxFuture<'static, Taken>>,
}

/// How far a frame got.
enum Offered {
    Whole(BoxFuture<'static, Answer>),
    /// The inbox is full: a link is never refused for overload, it stops being read.
    Part(Frame),
}

impl Frame {
    fn new(said: Said, ask: &Ask) -> Frame {
        let mut runs = VecDeque::new();
        if !said.events.is_empty() {
            runs.extend(switches::by_source(said.events, &ask.identity.actor));
        }
        Frame { done: said.done, runs, answers: Vec::new() }
    }

    fn offer(mut self, ask: &Ask, switch: &str) -> Offered {
        let (node, account) = (&ask.app.node, ask.account());
        // What is done is told of the switch whose link this is, whoever holds it.
        if let Some(seq) = self.done.take()
            && let Err(problem) = node.acknowledge(account, switch, seq)
        {
            if problem.code == OVERLOADED {
                self.done = Some(seq);
                return Offered::Part(self);
            }
            return Offered::Whole(std::future::ready(Err(problem)).boxed());
        }
        while let Some((source, items)) = self.runs.pop_front() {
            match node.offer_switch_events(account, ask.actor(), source.clone(), items, None) {
                Ok(answer) => self.answers.push(answer.boxed()),
                Err((problem, items)) if problem.code == OVERLOADED => {
                    self.runs.push_front((source, items));
                    return Offered::Part(self);
                }
                Err((problem, _)) => {
                    self.answers.push(std::future::ready(Err(problem)).boxed());
                    break;
                }
            }
        }
        Offered::Whole(self.answer().boxed())
    }

    async fn answer(self) -> Answer {
        if self.answers.is_empty() {
            return Ok(None);
        }
        let mut results = Vec::new();
        for answer in self.answers {
            // The commands of the answer come by the link's own stream.
            results.append(&mut answer.await?.0);
        }
        Ok(Some(results))
    }
}

async fn say(socket: &mut WebSocket, answer: Answer) -> Result<(), End> {
    match answer {
        Ok(None) => Ok(()),
        Ok(Some(results)) => socket::send(socket, Told::Results(&results).text()).await,
        Err(problem) => socket::send(socket, wire::refusal(&problem).text()).await,
    }
}
