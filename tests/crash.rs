//! `kill -9` under load, again and again on one data folder: what was acknowledged is there, nothing
//! else changed, and nobody who follows along notices a gap.

#[path = "crash/checks.rs"]
mod checks;
#[path = "crash/fold.rs"]
mod fold;
#[path = "crash/followers.rs"]
mod followers;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/socket.rs"]
mod socket;
mod support;

use checks::{Recovery, Tally};
use followers::{Dashboard, Reader};
use load::{Heard, Poller, Writer};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::json;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::Server;

const BASE: &str = "/v1/accounts/default";
const ROUNDS: u64 = 50;
const WRITERS: u64 = 4;
const AGENTS_EACH: u64 = 3;
/// The smallest there is, so that starts begin at snapshots.
const SETTINGS: [&str; 2] = ["--journal-snapshot-every", "1000"];

/// Everybody outside the server; they outlive its crashes.
struct Floor {
    dice: Pcg64,
    heard: Arc<Mutex<Heard>>,
    writers: Vec<Writer>,
    poller: Poller,
    reader: Reader,
    dashboard: Dashboard,
    tally: Tally,
}

impl Floor {
    fn new(seed: u64) -> Floor {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let writer = |nth| Writer::new(nth, seed, Arc::clone(&heard));
        Floor {
            dice: Pcg64::seed_from_u64(seed),
            writers: (0..WRITERS).map(writer).collect(),
            poller: Poller::new(seed, Arc::clone(&heard)),
            reader: Reader::default(),
            dashboard: Dashboard::default(),
            tally: Tally::default(),
            heard,
        }
    }

    /// Works until the server is killed at a random moment.
    fn work_until_killed(&mut self, server: &mut Server) {
        let lives = Duration::from_millis(self.dice.random_range(30..430));
        let api = server.api().clone();
        let (writers, poller) = (&mut self.writers, &mut self.poller);
        let (reader, dashboard) = (&mut self.reader, &mut self.dashboard);
        thread::scope(|scope| {
            for writer in writers {
                scope.spawn(|| writer.work(&api));
            }
            scope.spawn(|| poller.work(&api));
            scope.spawn(|| reader.follow(&api));
            scope.spawn(|| dashboard.follow(&api));
            thread::sleep(lives);
            server.kill();
        });
    }
}

fn furnish(server: &Server) {
    server.must("PUT", &format!("{BASE}/switches/sw"), &json!({ "name": "Switch" }));
    let queue = json!({ "name": "Support", "max_misses": 0, "max_unreachable": 0 });
    server.must("PUT", &format!("{BASE}/queues/support"), &queue);
    for user in (0..WRITERS).flat_map(|writer| (0..AGENTS_EACH).map(move |n| load::user(writer, n)))
    {
        let body = json!({ "first_name": user, "last_name": "Lee",
            "endpoint": format!("sip:{user}@192.0.2.1") });
        server.must("PUT", &format!("{BASE}/users/{user}"), &body);
        server.must("PUT", &format!("{BASE}/queues/support/members/{user}"), &json!({}));
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_fifty_kills() {
    let seed = std::env::var("CALLBOARD_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(20_261_122);
    println!("seed {seed} (CALLBOARD_SEED repeats it)");
    let began = Instant::now();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut floor = Floor::new(seed);
    let mut server = Server::start_in(&data, &SETTINGS);
    furnish(&server);
    for round in 0..ROUNDS {
        floor.work_until_killed(&mut server);
        server = Server::start_in(&data, &SETTINGS);
        Recovery { round, server: &server, floor: &mut floor }.check();
    }
    // The last record is one that no fold has seen: the snapshot of the stop is the live state.
    let last = json!({ "status": "on_break" });
    server.must("PUT", &format!("{BASE}/agents/{}/status", load::user(0, 0)), &last);
    assert!(server.stop().success(), "{}", server.log());
    fold::check(&data);
    let verify = Command::new(env!("CARGO_BIN_EXE_callboard")).arg("verify").arg(&data).output();
    let verify = verify.expect("callboard verify");
    let said = String::from_utf8_lossy(&verify.stdout);
    assert!(verify.status.success(), "{said}\n{}", String::from_utf8_lossy(&verify.stderr));
    let tally = &floor.tally;
    println!("{ROUNDS} kills in {:.1?}: {tally:?}\n{said}", began.elapsed());
    let resumed = floor.dashboard.resumed;
    assert!(resumed >= ROUNDS - 1, "the dashboard resumed only {resumed} times");
    // Otherwise the checks had nothing to look at.
    let rounds = ROUNDS as usize;
    assert!(tally.acknowledged > 5 * rounds && tally.under_way > 0, "that was no load: {tally:?}");
    assert!(tally.commands > rounds && tally.connected > 0, "that was no load: {tally:?}");
}
