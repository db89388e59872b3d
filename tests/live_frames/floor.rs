//! A small floor, and readers without sockets.

use callboard::domain::ids::{CallId, Name, OfferId};
use callboard::domain::media::Media;
use callboard::domain::presence::{BlockedBy, Detail, Presence, Status};
use callboard::domain::rows::{
    AgentRow, CallRow, CallState, Changes, DayCounts, OfferRow, PairRow, PresenceCounts, QueueRow,
};
use callboard::domain::time::Millis;
use callboard::live::frame::Frame;
use callboard::live::handle::{Connection, Resume};
use callboard::live::slot::Parcel;
use callboard::live::wire::Subscription;
use callboard::live::{Hub, HubHandle, HubMessage, Scope, View, Viewer, channel};
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;

/// 2026-11-21T20:00:00Z, the floor's zero.
pub const START: Millis = Millis(1_795_291_200_000);

pub fn at(ms: u64) -> Millis {
    START.plus(ms)
}

pub fn queue(id: &str, waiting: u32) -> Arc<QueueRow> {
    Arc::new(QueueRow {
        id: id.into(),
        kind: "queue",
        waiting,
        oldest_at: (waiting > 0).then_some(START),
        ringing: 1,
        talking: 2,
        agents: PresenceCounts { available: 3, opted_out: 1, busy: 2, offline: 4 },
        offerable: 3,
        today: DayCounts { offered: 20, answered: 15, abandoned: 3, short_abandoned: 1, exited: 2 },
    })
}

pub fn agent(id: &str, queues: &[&str]) -> Arc<AgentRow> {
    let pair = |queue: &&str| {
        let row = PairRow {
            presence: Presence::Busy,
            detail: Some(Detail::WrapUp),
            offerable: false,
            blocked_by: Some(BlockedBy::WrapUp),
            source: callboard::domain::objects::queue::Source::Direct,
        };
        (Name::from(*queue), row)
    };
    Arc::new(AgentRow {
        id: id.into(),
        name: Some("Ann Lee".into()),
        status: Status::Ready,
        reason: None,
        next: Some(Status::OnBreak),
        forced_by: None,
        presence: Presence::Busy,
        offerable: false,
        detail: Some(Detail::WrapUp),
        since: at(123),
        calls: Vec::new(),
        queues: queues.iter().map(pair).collect(),
    })
}

pub fn call(number: u64, queue: Option<&str>, offered: &[&str]) -> Arc<CallRow> {
    let offer = |agent: &&str| OfferRow {
        id: OfferId::after(OfferId(0), START),
        agent: (*agent).into(),
        since: at(500),
    };
    Arc::new(CallRow {
        id: call_id(number),
        queue: queue.map(Name::from),
        media: Media::Voice,
        state: if offered.is_empty() { CallState::Waiting } else { CallState::Offered },
        from: Some("+15551230001".into()),
        arrived_at: START,
        entered_at: START,
        queued_at: START,
        rank: START.0,
        priority: 0,
        agent: None,
        callback: false,
        offers: offered.iter().map(offer).collect(),
    })
}

pub fn call_id(number: u64) -> CallId {
    CallId(CallId::after(CallId(0), START).0 + number)
}

pub fn queues(rows: &[Arc<QueueRow>]) -> Changes {
    Changes { queues: rows.to_vec(), ..Changes::default() }
}

pub fn agents(rows: &[Arc<AgentRow>]) -> Changes {
    Changes { agents: rows.to_vec(), ..Changes::default() }
}

pub fn calls(rows: &[Arc<CallRow>]) -> Changes {
    Changes { calls: rows.to_vec(), ..Changes::default() }
}

/// A hub with one account, the sequence counted on.
pub struct Floor {
    pub hub: Hub,
    pub handle: HubHandle,
    pub messages: Receiver<HubMessage>,
    pub seq: u64,
}

impl Floor {
    /// Nothing on it yet.
    pub fn new() -> Floor {
        let mut hub = Hub::new("epoch-1");
        hub.open("acme", callboard::domain::rows::BoardSeed::default());
        Floor::with(hub)
    }

    pub fn with(hub: Hub) -> Floor {
        let (handle, messages) = channel("epoch-1");
        let seq = hub.board("acme").map_or(0, |board| board.seq());
        Floor { hub, handle, messages, seq }
    }

    /// A record, and no flush.
    pub fn record(&mut self, ms: u64, changes: &Changes) {
        self.seq += 1;
        self.hub.apply("acme", self.seq, at(ms), changes);
    }

    /// A record of its own batch.
    pub fn now(&mut self, ms: u64, changes: &Changes) {
        self.record(ms, changes);
        self.flush(ms);
    }

    pub fn messages(&mut self, ms: u64) {
        while let Ok(message) = self.messages.try_recv() {
            self.hub.handle(message, at(ms));
        }
    }

    pub fn flush(&mut self, ms: u64) -> Option<u64> {
        self.messages(ms);
        self.hub.flush(at(ms)).map(|wake_at| wake_at.since(START))
    }

    pub fn connect(&self, scope: Scope) -> Reader {
        let viewer = Viewer { scope, ..Viewer::of_all("acme") };
        Reader { connection: self.handle.connect(viewer) }
    }

    /// A reader that has subscribed, at `ms`, and was answered.
    pub fn reader(&mut self, ms: u64, view: View) -> Reader {
        let reader = self.connect(view.scope.clone());
        self.subscribe(ms, &reader, view, None);
        reader
    }

    pub fn subscribe(&mut self, ms: u64, reader: &Reader, view: View, resume: Option<Resume>) {
        assert!(block(reader.connection.subscribe(Subscription { resume, ..view.into() })));
        self.flush(ms);
    }
}

/// A dashboard that reads when it is told to.
pub struct Reader {
    pub connection: Connection,
}

impl Reader {
    /// Takes a frame without having sent it: from here on the reader is not ready.
    pub fn begin(&self) -> Option<Frame> {
        match self.connection.slot().take()? {
            Parcel::Frame(frame) => Some(frame),
            Parcel::Close(close) => panic!("closed: {close:?}"),
        }
    }

    /// The frame taken was sent.
    pub fn end(&self) {
        assert!(block(self.connection.done()));
    }

    /// Takes a frame and sends it.
    pub fn frame(&self) -> Option<Frame> {
        let frame = self.begin()?;
        self.end();
        Some(frame)
    }

    /// The texts of the next frame, one a line; `-` when there is none.
    pub fn text(&self) -> String {
        self.frame().map_or("-".into(), |frame| text(&frame))
    }
}

pub fn text(frame: &Frame) -> String {
    frame.texts().iter().map(|text| text.as_str()).collect::<Vec<_>>().join("\n")
}

pub fn resume(seq: u64) -> Option<Resume> {
    Some(Resume { epoch: "epoch-1".into(), seq })
}

/// Runs what never waits in these tests: the channel has room.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the channel to the hub is full"),
    }
}
