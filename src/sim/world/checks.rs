//! What must hold, whatever goes wrong.

use super::World;
use super::asks::{Asked, Got};
use super::host::ACCOUNT;
use crate::domain::switching::ResultStatus;
use crate::node::Taken;

/// Boards are compared each so many records.
const BOARDS_EACH: u64 = 3;

/// States are compared byte for byte each so many records.
const STATES_EACH: u64 = 16;

impl World<'_> {
    /// The second engine replays what is durable.
    pub(super) fn follow(&mut self) -> Result<(), String> {
        let records = self.follower.follow()?;
        *self.told.counts.entry("record").or_default() += records as u64;
        Ok(())
    }

    /// Nothing is told before it is durable.
    pub(super) fn check_told(
        &mut self,
        what: &Asked,
        got: &Got,
        seq: Option<u64>,
    ) -> Result<(), String> {
        let durable = self.host.durable();
        match seq.filter(|seq| got.is_told() && *seq > durable) {
            Some(seq) => Err(format!("{what:?} is answered at record {durable}, before {seq}")),
            None => Ok(()),
        }
    }

    /// After each turn: boards, what readers may know, and now and then the whole state.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let seq = self.follower.seq();
        if seq < self.checked + BOARDS_EACH {
            return Ok(());
        }
        self.check_all()
    }

    /// The same at once.
    pub(super) fn check_all(&mut self) -> Result<(), String> {
        let durable = self.host.durable();
        let seq = self.follower.seq();
        let handle = self.host.handle();
        let Some(node) = self.host.node() else { return Ok(()) };
        if let Some(board) = node.hub().board(ACCOUNT) {
            if board.seq() > durable {
                return Err(format!("the board stands at {}, beyond {durable}", board.seq()));
            }
            self.follower.check_board(board)?;
        }
        let told = handle.and_then(|handle| handle.durable_seq(ACCOUNT).ok());
        if told.is_some_and(|told| told > durable) {
            return Err(format!("{told:?} is said to be durable, {durable} is"));
        }
        if seq / STATES_EACH != self.checked / STATES_EACH
            && let Some((engine, _)) = node.engine(ACCOUNT)
            && engine.seq() == seq
            && let Some(apart) = apart(&engine.snapshot(), &self.follower.snapshot())
        {
            return Err(format!("the state at record {seq} is not what its records make: {apart}"));
        }
        self.checked = seq;
        Ok(())
    }

    /// An event that was acknowledged comes again: it must not be taken as new.
    pub(super) fn judged_again(
        &mut self,
        edge: usize,
        life: u32,
        taken: Taken,
    ) -> Result<(), String> {
        let Ok((results, _)) = taken else { return Ok(()) };
        let forgotten = results.iter().find(|result| result.status == ResultStatus::Accepted);
        match forgotten.filter(|_| self.edges[edge].life == life) {
            Some(result) => Err(format!("the acknowledged event {} was forgotten", result.id)),
            None => Ok(()),
        }
    }
}

/// Where two states part, with what stands around the place.
fn apart(left: &[u8], right: &[u8]) -> Option<String> {
    /// Bytes shown before and after.
    const AROUND: usize = 200;
    let at = left.iter().zip(right).position(|(a, b)| a != b);
    let at = at.or((left.len() != right.len()).then(|| left.len().min(right.len())))?;
    let around = |bytes: &[u8]| {
        let to = (at + AROUND).min(bytes.len());
        String::from_utf8_lossy(&bytes[at.saturating_sub(AROUND)..to]).into_owned()
    };
    Some(format!("{} … and {}", around(left), around(right)))
}
