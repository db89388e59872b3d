//! A server of the run's own: the same program as a child process, on a temporary data folder.

use crate::sim::demo::house::House;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a start may take.
const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// The child; it ends with this value.
pub struct Host {
    child: Child,
    // After the child: a temporary folder goes with it.
    house: House,
    /// Where it listens.
    pub url: String,
    /// The owner's key.
    pub key: String,
}

impl Host {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// In words: what the server said when it did not start.
    pub async fn start(data: Option<PathBuf>) -> Result<Host, String> {
        let house = House::new(data)?;
        let log = house.data().join("server.log");
        fs::create_dir_all(house.data()).map_err(|e| format!("{}: {e}", house.data().display()))?;
        let _ = fs::remove_file(house.data().join("listen.addr"));
        let child = spawn(house.data(), &log).map_err(|e| format!("the server: {e}"))?;
        let mut host = Host { child, house, url: String::new(), key: String::new() };
        let mut waited = Duration::ZERO;
        while waited < START {
            if let Ok(address) = fs::read_to_string(host.house.data().join("listen.addr")) {
                let key = fs::read_to_string(host.house.data().join("owner.key"));
                host.key = key.map_err(|e| format!("owner.key: {e}"))?.trim().to_owned();
                host.url = format!("http://{}", address.trim());
                return Ok(host);
            }
            if let Some(why) = host.ended() {
                return Err(why);
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
        Err("the server does not listen".to_owned())
    }

    /// How the child ended, with its last words, if it did.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let said = fs::read_to_string(self.house.data().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = said.trim().lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n");
        Some(format!("the server ended with {status}: {last}"))
    }

    /// The child's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.house.data()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // What it acknowledged is on disk: there is nothing that a kinder end would save. An error
        // says that it had ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &Path, log: &Path) -> io::Result<Child> {
    let log = File::create(log)?;
    Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg("--data")
        .arg(data)
        .args(["--listen", "127.0.0.1:0", "--log-level", "warn", "--until-stdin-ends"])
        // One key sets thousands of agents up.
        .args(["--requests-per-second", "0"])
        // A run that is killed cannot end its server: then this pipe ends, and the server by itself.
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for the run: it closes in good order, and then ends the server.
        .process_group(0)
        .spawn()
}
