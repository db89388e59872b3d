//! What dashboards are sent: every frame, word for word, without sockets.

#[path = "live_frames/floor.rs"]
mod floor;
#[path = "live_frames/frames.rs"]
mod frames;
#[path = "live_frames/property.rs"]
mod property;
#[path = "live_frames/readers.rs"]
mod readers;
#[path = "live_frames/sockets.rs"]
mod sockets;
