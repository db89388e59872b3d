//! The player's loop: takes what the engine says, does what is due, and sends what has gathered,
//! over the link or as single `POST`s.

use super::desks::Desks;
use super::faults::{CALM_US, Counted, Outage, Outages, one};
use super::figures::{Figures, Second};
use super::flapping::{Flapping, News};
use super::hooks::Hooks;
use super::player::Player;
use super::posts::{Answer, Posts};
use super::wire::{Say, Told};
use crate::node::clock::Clock;
use crate::sim::client::{Client, Error, Receiving, Sending, Socket};
use bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How long after a broken link the next try is made, and how many are.
const RETRY: (Duration, u32) = (Duration::from_millis(250), 240);
/// Events in one frame at most: a list holds 1,000.
const MOST_EVENTS: usize = 500;
/// A switch with a link is suspected after 30 s of silence.
const HEARTBEAT_US: u64 = 10_000_000;
/// Calls that live at closing time end within this.
const CLOSING: Duration = Duration::from_secs(2);
/// After closing time, what has not ended by now is lost.
const LOST_US: u64 = 20_000_000;

/// What the loop works with.
pub struct Play {
    /// With a key that may speak for the switch.
    pub client: Client,
    /// The link's path; without it commands come by the webhook.
    pub link: Option<String>,
    /// The webhook.
    pub hooks: Option<Hooks>,
    /// The run's clock.
    pub clock: Clock,
    /// The floor.
    pub player: Player,
    /// When single events are posted; otherwise they go over the link.
    pub posts: Option<Posts>,
    /// What gathers in this time goes out together.
    pub batch_us: u64,
    /// When calls come to an end, in microseconds of the clock.
    pub ends_us: u64,
    /// Where each second is told.
    pub figures: Figures,
    /// When the switch has an outage.
    pub outages: Outages,
    /// Agents who leave and come back.
    pub flapping: Option<Flapping>,
    /// Where agents act.
    pub desks: Desks,
    /// Where faults are counted.
    pub counted: Counted,
    /// The first name of this start; later ones are made of it.
    pub boot: String,
    /// Ends the faults of all others.
    pub calm: Arc<AtomicBool>,
    /// In an outage: what it is, and until when.
    pub down: Option<(Outage, u64)>,
}

/// The link's two directions.
struct Link {
    frames: Receiving,
    out: UnboundedSender<String>,
    writer: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Link {
    fn new(socket: Socket) -> Link {
        let (sending, frames) = socket.split();
        let (out, mut texts) = mpsc::unbounded_channel();
        // Of its own, so that a server that reads slowly does not keep us from reading.
        let writer = tokio::spawn(async move {
            let mut sending: Sending = sending;
            while let Some(text) = texts.recv().await {
                // The reading half notices too, and makes the link again.
                if sending.send(text).await.is_err() {
                    return;
                }
            }
        });
        Link { frames, out, writer }
    }

    fn say(&self, text: String) {
        // As above: a link that is gone is noticed by its reader.
        let _ = self.out.send(text);
    }
}

enum Heard {
    News(News),
    Frame(Utf8Bytes),
    Delivery(Bytes),
    Posted(Answer),
    Nothing,
    Second,
    Stop,
}

impl Play {
    /// Plays until every call has ended, or `stop` is done.
    ///
    /// # Errors
    /// When the server refuses for good, or is away for longer than a minute.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<Play, Error> {
        let mut link = self.open().await?;
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        second.tick().await;
        tokio::pin!(stop);
        let (mut sent_us, mut beat_us, mut told) = (0, 0, 0);
        let mut closed_us = None;
        self.player.outbox.set_time(self.clock.now().rfc3339());
        self.player.say(Say::Started, self.now_us());
        loop {
            let wake_us = self.wake_us(sent_us);
            let heard = tokio::select! {
                biased;
                news = next_news(&mut self.flapping) => Heard::News(news),
                frame = next_frame(&mut link) => match frame {
                    Ok(text) => Heard::Frame(text),
                    Err(e) => {
                        link = self.again(e).await?;
                        Heard::Nothing
                    }
                },
                body = next_delivery(&mut self.hooks) => Heard::Delivery(body),
                answer = next_answer(&mut self.posts) => Heard::Posted(answer),
                _ = second.tick() => Heard::Second,
                () = &mut stop, if closed_us.is_none() => Heard::Stop,
                () = sleep_until(&self.clock, wake_us) => Heard::Nothing,
            };
            let now_us = self.now_us();
            match heard {
                Heard::Frame(text) => self.hear(text.as_bytes(), now_us)?,
                Heard::Delivery(body) => self.hear(&body, now_us)?,
                Heard::Posted(answer) => self.posted(answer, now_us)?,
                Heard::Second => self.tell(now_us),
                Heard::Stop => self.ends_us = now_us,
                Heard::News(news) => self.player.learn(&news),
                Heard::Nothing => {}
            }
            if closed_us.is_none() && now_us >= self.ends_us {
                // What was due before comes, however late this is.
                self.player.play(now_us.min(self.ends_us));
                self.player.close(now_us, CLOSING);
                closed_us = Some(now_us);
            }
            if now_us + CALM_US >= self.ends_us {
                self.calm.store(true, Ordering::Relaxed);
            } else {
                self.leave(now_us);
            }
            if self.outage(&mut link, now_us).await? {
                continue;
            }
            if now_us >= beat_us + HEARTBEAT_US {
                beat_us = now_us;
                self.player.say(Say::Heartbeat, now_us);
            }
            if now_us >= sent_us + self.batch_us {
                sent_us = now_us;
                self.send(&link, &mut told, now_us);
            }
            if closed_us.is_some_and(|closed_us| self.is_over(closed_us, now_us)) {
                self.send(&link, &mut told, now_us);
                self.player.settle();
                return Ok(self);
            }
        }
    }

    /// Agents who are due to leave, leave.
    fn leave(&mut self, now_us: u64) {
        let Some(flapping) = &mut self.flapping else { return };
        while let Some(dice) = flapping.is_due(now_us) {
            let Some((agent, is_busy)) = self.player.leaver(dice) else { continue };
            self.player.leaves(agent);
            flapping.leaves(agent, is_busy);
        }
    }

    /// The switch's own troubles; whether it is away now.
    async fn outage(&mut self, link: &mut Option<Link>, now_us: u64) -> Result<bool, Error> {
        if now_us < self.ends_us
            && let Some((what, away_us)) = self.outages.take(now_us)
        {
            // Dropped without a close.
            *link = None;
            self.down = Some((what, now_us + away_us));
        }
        let Some((what, until_us)) = self.down else { return Ok(false) };
        if now_us < until_us {
            return Ok(true);
        }
        self.down = None;
        match what {
            Outage::Break => one(&self.counted.breaks),
            Outage::Restart => {
                one(&self.counted.restarts);
                let start = self.counted.restarts.load(Ordering::Relaxed);
                self.player.restart(format!("{}r{start}", self.boot), now_us);
                if let Some(posts) = &mut self.posts {
                    posts.forget();
                }
            }
        }
        *link = self.reopened().await?;
        Ok(false)
    }

    fn now_us(&self) -> u64 {
        self.clock.ticks().0 / 1_000
    }

    /// When the loop has something to do: what waits goes out when its batch is over.
    fn wake_us(&mut self, sent_us: u64) -> u64 {
        let due_us = if self.player.outbox.is_waiting() || self.posts_wait() {
            0
        } else {
            self.player.next_us().unwrap_or(u64::MAX).min(self.ends_us)
        };
        // Away, the switch does nothing; there, its troubles are due in their time, too.
        let due_us = match self.down {
            Some((_, until_us)) => until_us,
            None => {
                due_us.min(self.outages.next_us().unwrap_or(u64::MAX).max(self.now_us() + 1_000))
            }
        };
        let leaves_us = self.flapping.as_ref().map_or(u64::MAX, Flapping::next_us);
        let due_us = due_us.min(leaves_us);
        due_us.max(sent_us + self.batch_us).min(self.now_us() + 100_000)
    }

    fn posts_wait(&self) -> bool {
        self.posts.as_ref().is_some_and(|posts| posts.can_send())
    }

    fn is_over(&self, closed_us: u64, now_us: u64) -> bool {
        let quiet = self.player.live() == 0 && self.player.outbox.open() == 0;
        quiet || now_us > closed_us + LOST_US
    }

    async fn open(&self) -> Result<Option<Link>, Error> {
        let Some(path) = &self.link else { return Ok(None) };
        let socket = self.client.socket(path, "callboard.switch.v1").await?;
        Ok(Some(Link::new(socket)))
    }

    /// A new link after a broken one. The schedule goes on meanwhile: what is late counts as late.
    async fn again(&mut self, broken: Error) -> Result<Option<Link>, Error> {
        if !broken.may_pass() {
            return Err(broken);
        }
        self.figures.links_broken += 1;
        tokio::time::sleep(RETRY.0).await;
        self.reopened().await
    }

    async fn reopened(&mut self) -> Result<Option<Link>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.open().await {
                Ok(link) => {
                    // Events are idempotent by id: what has no result goes out once more.
                    if self.posts.is_none() {
                        self.player.outbox.again();
                    }
                    return Ok(link);
                }
                Err(e) if e.may_pass() && tries < RETRY.1 => {
                    self.figures.links_broken += 1;
                    tokio::time::sleep(RETRY.0).await;
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn hear(&mut self, text: &[u8], now_us: u64) -> Result<(), Error> {
        let told: Told<'_> =
            serde_json::from_slice(text).map_err(|e| Error::NotJson(e.to_string()))?;
        self.player.hear(&told, now_us);
        Ok(())
    }

    fn posted(&mut self, answer: Answer, now_us: u64) -> Result<(), Error> {
        let Some(posts) = &mut self.posts else { return Ok(()) };
        let body = posts.take(answer)?;
        self.hear(&body, now_us)
    }

    /// Plays what is due and sends what has gathered.
    fn send(&mut self, link: &Option<Link>, told: &mut u64, now_us: u64) {
        self.player.outbox.set_time(self.clock.now().rfc3339());
        self.player.play(now_us);
        self.player.acts.drain(..).for_each(|act| self.desks.act(&act));
        let done = self.player.done();
        if let Some(posts) = &mut self.posts {
            let dues = posts.send(&mut self.player.outbox, done);
            self.player.was_sent(&dues, now_us);
        }
        let Some(link) = link else { return };
        let mut acknowledges = std::mem::replace(told, done) < done;
        loop {
            let mut dues = Vec::new();
            let mut text = String::new();
            if self.posts.is_none() && self.player.outbox.is_waiting() {
                text.push_str("\"events\":[");
                for (_, event) in self.player.outbox.send(MOST_EVENTS) {
                    if !dues.is_empty() {
                        text.push(',');
                    }
                    text.push_str(&event.text);
                    dues.push(event.due_us);
                }
                text.push(']');
            }
            if std::mem::take(&mut acknowledges) {
                let comma = if text.is_empty() { "" } else { "," };
                text = format!("\"done\":{done}{comma}{text}");
            }
            if text.is_empty() {
                return;
            }
            link.say(format!("{{{text}}}"));
            self.player.was_sent(&dues, now_us);
        }
    }

    /// A second is over.
    fn tell(&mut self, now_us: u64) {
        let [reply, ring, freed] = self.player.take_second();
        let second = Second {
            at_us: now_us,
            tally: self.player.tally,
            live: self.player.live() as u64,
            reply,
            ring,
            freed,
            ..Second::default()
        };
        self.figures.second(second);
    }
}

async fn next_news(flapping: &mut Option<Flapping>) -> News {
    match flapping {
        Some(flapping) => flapping.next().await,
        None => std::future::pending().await,
    }
}

async fn next_frame(link: &mut Option<Link>) -> Result<Utf8Bytes, Error> {
    match link {
        Some(link) => link.frames.next().await,
        None => std::future::pending().await,
    }
}

async fn next_delivery(hooks: &mut Option<Hooks>) -> Bytes {
    match hooks {
        Some(hooks) => hooks.next().await,
        None => std::future::pending().await,
    }
}

async fn next_answer(posts: &mut Option<Posts>) -> Answer {
    match posts {
        Some(posts) => posts.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(clock: &Clock, at_us: u64) {
    let now_us = clock.ticks().0 / 1_000;
    tokio::time::sleep(Duration::from_micros(at_us.saturating_sub(now_us))).await;
}
