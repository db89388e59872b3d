//! Open files: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: the journal, its readers, webhooks, the runtime.
const OTHERS: u64 = 256;

/// Raises the process's limit of open files as far as so many connections need and the system
/// allows; how many connections there is room for.
#[must_use]
pub fn room_for(connections: usize) -> usize {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    // None stands for no limit.
    let most = limit.maximum.unwrap_or(u64::MAX);
    let mut now = limit.current.unwrap_or(u64::MAX);
    if now < needed {
        let raised = Rlimit { current: Some(needed.min(most)), maximum: limit.maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => now = needed.min(most),
            Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
        }
    }
    let room = usize::try_from(now.saturating_sub(OTHERS).max(16)).unwrap_or(usize::MAX);
    if room < connections {
        tracing::warn!(
            connections,
            room,
            files = now,
            "there may be fewer connections than configured: raise the limit of open files"
        );
    }
    room.min(connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_what_the_system_allows() {
        assert_eq!(room_for(8), 8);
        let most = getrlimit(Resource::Nofile).maximum;
        let room = room_for(usize::MAX);
        assert!(room >= 16);
        if let Some(most) = most {
            assert!(room as u64 <= most.max(16));
        }
    }
}
