//! The bodies of journal records, an account's and the node's.

use crate::domain::event::Event;
use crate::engine::encode;
use crate::node::registry;

/// Whatever a record holds: unreadable, or events that are written to the same bytes again and
/// again. (The bytes given may have blanks, or fields in another order; what this program writes has
/// one form.)
pub fn records(bytes: &[u8]) {
    if let Ok(events) = serde_json::from_slice::<Vec<Event>>(bytes) {
        let written = encode(&events);
        assert!(!written.is_empty(), "events are JSON");
        let read: Vec<Event> = serde_json::from_slice(&written).expect("what was written is read");
        assert_eq!(read, events);
        assert_eq!(encode(&read), written);
    }
    if let Ok(events) = registry::decode(bytes) {
        let written = registry::encode(&events);
        let read = registry::decode(&written).expect("what was written is read");
        assert_eq!(registry::encode(&read), written);
    }
}
