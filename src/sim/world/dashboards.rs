//! Dashboards: each keeps rows as a browser would, stalls, breaks off and resumes. What it holds
//! must be what one that comes anew is given.

use super::Act;
use super::World;
use super::asks::look;
use super::dice::Dice;
use super::furnish::House;
use super::host::{ACCOUNT, Host};
use crate::domain::ids::Name;
use crate::live::handle::{Connection, Resume};
use crate::live::slot::Parcel;
use crate::live::wire::Subscription;
use crate::live::{AgentFilter, Filter, Scope, View, Viewer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows by family and id.
type Rows = BTreeMap<(&'static str, String), Value>;

/// A dashboard.
pub(super) struct Watcher {
    view: View,
    open: Option<Connection>,
    rows: Rows,
    place: Option<Resume>,
    /// A frame was taken, and its reader is stuck.
    stuck: bool,
    looks: u64,
}

impl Watcher {
    fn new(view: View) -> Watcher {
        Watcher { view, open: None, rows: Rows::new(), place: None, stuck: false, looks: 0 }
    }

    /// A few, of several kinds.
    pub fn some(dice: &mut Dice, house: &House) -> Vec<Watcher> {
        let queue = || Name::from(house.lines[0].id.as_str());
        let seat = Name::from(house.seats[0].id.as_str());
        let narrow = match dice.below(3) {
            0 => View { agents: AgentFilter::Queue(queue()), ..View::all() },
            1 => View { queues: Filter::ids([queue()]), ..View::all() },
            _ => View { scope: Scope::Agent(seat), ..View::all() },
        };
        let slow = View { every_ms: dice.one_of(&[100, 1_000]), ..View::all() };
        vec![Watcher::new(if dice.once_in(2) { slow } else { View::all() }), Watcher::new(narrow)]
    }

    /// The connection breaks.
    pub fn cut(&mut self) {
        self.open = None;
        self.stuck = false;
    }

    fn connect(&mut self, host: &Host) -> Result<(), String> {
        let Some(handle) = host.handle() else { return Ok(()) };
        let viewer = Viewer { scope: self.view.scope.clone(), ..Viewer::of_all(ACCOUNT) };
        let open = handle.hub().connect(viewer);
        let wanted = Subscription { resume: self.place.clone(), ..self.view.clone().into() };
        let subscribed = look(std::pin::pin!(open.subscribe(wanted)));
        if subscribed != Some(true) {
            return Err("the hub takes no subscription".to_owned());
        }
        self.open = Some(open);
        Ok(())
    }

    /// Takes the frames that are there; answers how many.
    fn read(&mut self, host: &Host) -> Result<usize, String> {
        let mut frames = 0;
        while let Some(open) = self.open.as_ref().filter(|_| !self.stuck) {
            let Some(parcel) = open.slot().take() else { break };
            let Parcel::Frame(frame) = parcel else {
                return Err(format!("a dashboard is sent away: {parcel:?}"));
            };
            if frame.seq() > host.durable() {
                return Err(format!("a frame of record {}, which is not durable", frame.seq()));
            }
            for text in frame.texts() {
                let text: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
                self.take(&text)?;
            }
            frames += 1;
            self.done()?;
        }
        Ok(frames)
    }

    fn done(&self) -> Result<(), String> {
        let Some(open) = &self.open else { return Ok(()) };
        match look(std::pin::pin!(open.done())) {
            Some(true) => Ok(()),
            _ => Err("the hub does not listen".to_owned()),
        }
    }

    fn take(&mut self, text: &Value) -> Result<(), String> {
        let seq = text["seq"].as_u64().ok_or("a frame without a sequence")?;
        let had = self.place.as_ref().map(|place| place.seq);
        match text["type"].as_str() {
            Some("snapshot") => {
                if text["part"] == 1 {
                    self.rows.clear();
                }
                let epoch = Name::from(text["epoch"].as_str().unwrap_or_default());
                self.place = Some(Resume { epoch, seq });
            }
            Some("delta") if text["prev"].as_u64() != had => {
                return Err(format!("a delta from {} comes to {had:?}", text["prev"]));
            }
            Some("tick") if Some(seq) < had => {
                return Err(format!("a tick of {seq} comes to {had:?}"));
            }
            Some("delta" | "tick") => {}
            _ => return Err(format!("an unknown frame: {text}")),
        }
        for family in ["queues", "agents", "calls"] {
            for row in text[family].as_array().into_iter().flatten() {
                let id = row["id"].as_str().unwrap_or_default().to_owned();
                self.rows.insert((family, id), row.clone());
            }
            for id in text["removed"][family].as_array().into_iter().flatten() {
                self.rows.remove(&(family, id.as_str().unwrap_or_default().to_owned()));
            }
        }
        if let Some(place) = &mut self.place {
            place.seq = seq;
        }
        Ok(())
    }
}

impl World<'_> {
    /// A dashboard looks, or has trouble; now and then it is held against one that comes anew.
    pub(super) fn watch(&mut self, at: usize) -> Result<(), String> {
        let ms = if self.is_calm() { 2_500 } else { self.dice.between(50, 2_000) };
        self.later(ms, Act::Watch(at));
        if !self.host.is_up() {
            self.watchers[at].cut();
            return Ok(());
        }
        if self.strikes("dashboard cut", self.plan.odds.dashboard_cut) {
            self.watchers[at].cut();
            return Ok(());
        }
        if self.watchers[at].open.is_none() {
            self.watchers[at].connect(&self.host)?;
            return Ok(());
        }
        // A reader that was stuck has sent its frame now.
        if std::mem::take(&mut self.watchers[at].stuck) {
            self.watchers[at].done()?;
        } else if self.strikes("dashboard stalls", self.plan.odds.dashboard_stalls) {
            self.stall(at)?;
            return Ok(());
        }
        let frames = self.watchers[at].read(&self.host)?;
        *self.told.counts.entry("frame").or_default() += frames as u64;
        self.watchers[at].looks += 1;
        if self.watchers[at].looks.is_multiple_of(8) {
            self.compare(at)?;
        }
        Ok(())
    }

    /// Takes a frame, and is not done with it for a while.
    fn stall(&mut self, at: usize) -> Result<(), String> {
        let watcher = &mut self.watchers[at];
        let Some(open) = &watcher.open else { return Ok(()) };
        let Some(Parcel::Frame(frame)) = open.slot().take() else { return Ok(()) };
        for text in frame.texts() {
            let text: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
            watcher.take(&text)?;
        }
        watcher.stuck = true;
        Ok(())
    }

    /// What a dashboard holds, beside a fresh snapshot at the same sequence.
    fn compare(&mut self, at: usize) -> Result<(), String> {
        let mut fresh = Watcher::new(self.watchers[at].view.clone());
        fresh.connect(&self.host)?;
        if let Some(node) = self.host.node() {
            node.outbox();
            node.boards();
        }
        self.watchers[at].read(&self.host)?;
        fresh.read(&self.host)?;
        let (old, new) = (&self.watchers[at], &fresh);
        let same = old.place.as_ref().map(|place| place.seq) == new.place.as_ref().map(|p| p.seq);
        if old.stuck || !same {
            return Ok(());
        }
        if old.rows != new.rows {
            return Err(format!("a dashboard {}", difference(&old.rows, &new.rows)));
        }
        self.count("dashboard compared");
        Ok(())
    }

    /// Every dashboard has caught up with the board.
    pub(super) fn compare_all(&mut self) -> Result<(), String> {
        for at in 0..self.watchers.len() {
            if self.watchers[at].open.is_some() {
                self.compare(at)?;
            }
        }
        Ok(())
    }
}

fn difference(old: &Rows, new: &Rows) -> String {
    for (key, row) in old {
        match new.get(key) {
            None => return format!("still shows {key:?}"),
            Some(other) if other != row => return format!("shows {row} and should show {other}"),
            Some(_) => {}
        }
    }
    let lacks = new.keys().find(|key| !old.contains_key(*key));
    format!("lacks {lacks:?}")
}
