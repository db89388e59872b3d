//! SIPp, which plays one call of a scenario in `tests/switches/sipp/`.

use crate::support::{PATIENCE, Process, free_udp_port, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// One SIPp that plays one call of a scenario in `tests/switches/sipp/`.
pub struct Sipp {
    /// Its SIP port.
    pub port: u16,
    process: Process,
    errors: PathBuf,
    scenario: String,
}

impl Sipp {
    /// Starts it; `arguments` come before the scenario.
    pub fn start(folder: &Path, scenario: &str, arguments: &[&str]) -> Sipp {
        let port = free_udp_port();
        let file = format!("tests/switches/sipp/{scenario}.xml");
        let errors = folder.join(format!("{scenario}-{port}.err"));
        let mut command = Command::new("sipp");
        command
            .args(arguments)
            .arg("-sf")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin"])
            // Ports of its own for media and control: the defaults are shared by all.
            .args(["-mp", &media_port().to_string(), "-cp", &free_udp_port().to_string()])
            .args(["-timeout", &format!("{}s", PATIENCE.as_secs()), "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(&errors);
        let log = folder.join(format!("{scenario}-{port}.out"));
        let process = Process::start(&format!("sipp {scenario}"), &mut command, &log);
        Sipp { port, process: process.stopped_with("USR1"), errors, scenario: scenario.to_owned() }
    }

    /// Waits until it listens.
    #[must_use]
    pub fn listening(self) -> Sipp {
        until("a phone to listen", || udp_port_is_open(self.port).then_some(()));
        self
    }

    /// Waits for the end of the scenario; panics when it went otherwise than written.
    pub fn must_succeed(&mut self) {
        let status = self.process.wait(PATIENCE * 2);
        let said = fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(status.success(), "sipp {} ended with {status}:\n{said}", self.scenario);
    }
}

/// SIPp binds this port and the next ones: below those that the kernel gives to others.
fn media_port() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    10_000 + std::process::id() % 100 * 200 + NEXT.fetch_add(4, Ordering::Relaxed) % 200
}

/// Whether a process listens on this UDP port: read from the kernel's table, because a bind of our
/// own to find out could take the port away from the one that is about to have it.
fn udp_port_is_open(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let local = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .any(|line| line.split_whitespace().nth(1).is_some_and(|address| address.ends_with(&local)))
}
