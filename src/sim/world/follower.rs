//! A second engine that replays what is durable, record by record: what it knows is what may be
//! known outside. It judges what the node says and what its boards show.

use super::host::{ACCOUNT, Host};
use super::order;
use crate::domain::event::Event;
use crate::domain::ids::{CallId, Name};
use crate::domain::input::{Actor, Answer, Door, Input, Query};
use crate::domain::objects::user::Role;
use crate::domain::switching::{Command, Effect};
use crate::domain::time::Millis;
use crate::engine::{Engine, decode};
use crate::journal::{Reader, StreamId};
use crate::reporting::board::Board;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const STREAM: StreamId = StreamId(1);

/// Its tables are made anew at each so manieth look at a board.
const REBUILT_EACH: u64 = 8;

/// The second engine.
pub(super) struct Follower {
    engine: Engine,
    reader: Box<dyn Reader>,
    /// Every command that durable records have caused, by switch and number.
    commands: BTreeMap<(Name, u64), Command>,
    last: BTreeMap<Name, u64>,
    follows: u64,
    /// The switches' names of the calls that require skills.
    pub choosy: BTreeSet<Name>,
}

impl Follower {
    /// Behind this host, before its account's first record.
    pub fn new(host: &Host) -> Result<Follower, String> {
        let (commands, last) = (BTreeMap::new(), BTreeMap::new());
        // Of another seed than the node's: what is drawn stands in the records.
        let engine = Engine::new(ACCOUNT, 99);
        Ok(Follower {
            engine,
            reader: host.reader()?,
            commands,
            last,
            follows: 0,
            choosy: BTreeSet::new(),
        })
    }

    /// Replays what has become durable; the records' number.
    ///
    /// # Errors
    /// When a record does not read or does not follow.
    pub fn follow(&mut self) -> Result<usize, String> {
        let mut records = Vec::new();
        let text = |e: &dyn std::fmt::Display| format!("a record on the disk: {e}");
        while self
            .reader
            .read(STREAM, self.engine.seq() + records.len() as u64, 256, &mut records)
            .map_err(|e| text(&e))?
            > 0
        {}
        for record in &records {
            let events = decode(record.seq, &record.body).map_err(|e| text(&e))?;
            self.engine.replay_events(record.seq, record.at, &events).map_err(|e| text(&e))?;
            self.learn()?;
            for event in &events {
                if let Event::CallbackMade { call, of: Some(of), .. } = event {
                    self.inherit(*call, *of);
                }
            }
            order::check(self, record.at, &events)?;
        }
        Ok(records.len())
    }

    /// Brings personal values up to date. Now and then as after a start: its tables made anew are
    /// those that it has kept up.
    fn read_vault(&mut self) -> Result<(), String> {
        let mut broken = None;
        let mut personal = |key| match self.reader.vault(STREAM, key) {
            Ok(value) => value,
            Err(error) => {
                broken = Some(error.to_string());
                None
            }
        };
        self.follows += 1;
        if self.follows.is_multiple_of(REBUILT_EACH) {
            self.engine.ready(&mut personal);
        } else {
            self.engine.read_vault(&mut personal);
        }
        broken.map_or(Ok(()), Err)
    }

    /// Takes the commands of the record that was replayed last.
    fn learn(&mut self) -> Result<(), String> {
        let mut open = self.engine.open_commands();
        let nowhere = |(_, command): &(Name, Command)| match &command.effect {
            Effect::OfferRing { endpoint, .. } => endpoint.is_empty(),
            Effect::CallOriginate { to, .. } => to.is_empty(),
            _ => false,
        };
        // Where a phone is stands in the vault, which may have changed.
        if open.iter().any(nowhere) {
            self.read_vault()?;
            open = self.engine.open_commands();
        }
        for (switch, command) in open {
            let last = self.last.entry(switch.clone()).or_default();
            if command.seq <= *last {
                continue;
            }
            if command.seq != *last + 1 {
                return Err(format!("{switch}: command {} follows {last}", command.seq));
            }
            *last = command.seq;
            self.commands.insert((switch, command.seq), command);
        }
        Ok(())
    }

    /// A callback requires what the call required whose place it has.
    fn inherit(&mut self, callback: CallId, of: CallId) {
        let before = self.read(Query::Call(of));
        if self.is_choosy(&before) {
            self.choosy.insert(callback.to_string().into());
        }
    }

    /// Whether a call requires skills.
    pub fn is_choosy(&self, call: &Value) -> bool {
        call["switch_call"].as_str().is_some_and(|name| self.choosy.contains(name))
    }

    /// Whether no offer of a queue is open.
    pub fn rings_nowhere(&self, queue: &str) -> bool {
        let board = self.engine.board();
        board.queues.iter().any(|(_, row)| &*row.id == queue && row.ringing == 0)
    }

    /// Sequence of the last durable record.
    pub fn seq(&self) -> u64 {
        self.engine.seq()
    }

    /// Whether a durable record caused this command, as it is.
    pub fn knows(&self, switch: &Name, command: &Command) -> bool {
        let key = (switch.clone(), command.seq);
        // A command of before a deletion or of another life is the same all the same.
        self.commands.get(&key).is_some_and(|known| {
            known.id == command.id && known.call == command.call && known.effect == command.effect
        })
    }

    /// A command that a durable record caused.
    pub fn command(&self, switch: &Name, seq: u64) -> Option<&Command> {
        self.commands.get(&(switch.clone(), seq))
    }

    /// The commands to a switch about one of its calls, in order.
    pub fn commands_of<'a>(
        &'a self,
        switch: &'a Name,
        call: &'a str,
    ) -> impl Iterator<Item = &'a Command> {
        let of = self.commands.range((switch.clone(), 0)..=(switch.clone(), u64::MAX));
        of.map(|(_, command)| command).filter(move |command| command.call.as_deref() == Some(call))
    }

    /// Commands that are not acknowledged and still of use.
    pub fn open_commands(&self, now: Millis) -> usize {
        let open = self.engine.open_commands();
        open.iter().filter(|(_, command)| command.deadline > now).count()
    }

    /// The state as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        self.engine.snapshot()
    }

    /// A read of what is durable.
    pub fn read(&mut self, query: Query) -> Value {
        let actor = Actor {
            name: "owner".into(),
            role: Role::Owner,
            user: None,
            switch: None,
            door: Door::default(),
        };
        let decision = self.engine.handle(Millis(0), Input::Query { actor, query });
        match decision.answer {
            Some(Answer::Done { body, .. }) => body,
            _ => Value::Null,
        }
    }

    /// What is broken of the second engine's own invariants.
    pub fn invariants(&self) -> Vec<String> {
        self.engine.invariants()
    }

    /// Whether a board shows what the records say.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_board(&mut self, board: &Board) -> Result<(), String> {
        if board.seq() != self.engine.seq() {
            return Ok(());
        }
        self.read_vault()?;
        let seed = self.engine.board();
        let wrong = |what: &str| Err(format!("the board shows another {what} than the records"));
        let shown = board.sizes();
        if shown != (seed.queues.len(), seed.agents.len(), seed.calls.len()) {
            return wrong(&format!("number of rows ({shown:?})"));
        }
        for (_, row) in &seed.queues {
            if board.queue(&row.id) != Some(row) {
                return wrong(&format!("queue: {:?}, should be {row:?}", board.queue(&row.id)));
            }
        }
        for (_, row) in &seed.agents {
            if board.agent(&row.id) != Some(row) {
                return wrong(&format!("agent: {:?}, should be {row:?}", board.agent(&row.id)));
            }
        }
        for (_, row) in &seed.calls {
            if board.call(row.id) != Some(row) {
                return wrong(&format!("call: {:?}, should be {row:?}", board.call(row.id)));
            }
        }
        Ok(())
    }
}
