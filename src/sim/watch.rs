//! `callboard watch`: the live board, or the account's event feed, in a terminal, over the public
//! WebSockets. A broken connection is made again, and both go on where they were.

pub mod feed;
pub mod render;

use super::board::{Applied, Board};
use super::client::{Client, Error, Place, Socket};
use crate::domain::time::Millis;
use render::Style;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Waiting times between tries to connect: doubled from the first to the last.
const RETRY_MS: (u64, u64) = (250, 5_000);
/// On a terminal the board is drawn this often at most; durations move even when nothing else does.
const DRAW: Duration = Duration::from_millis(200);
/// Without a terminal, this often, and only what changed.
const PRINT: Duration = Duration::from_secs(2);

/// What `callboard watch` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Only this queue or group, its agents and its calls.
    #[arg(long)]
    pub queue: Option<String>,
    /// The account's events, one JSON line each, in place of the board.
    #[arg(long)]
    pub events: bool,
    /// With --events: only what follows this sequence.
    #[arg(long, requires = "events", conflicts_with = "once")]
    pub after: Option<u64>,
    /// Show the board once, whole, and end.
    #[arg(long, conflicts_with = "events")]
    pub once: bool,
}

/// Runs until Ctrl-C (or, with `--once`, until the board has been shown).
///
/// # Errors
/// When the server refuses: a wrong key, a missing right, an unknown account.
pub async fn run(args: Args) -> Result<(), Error> {
    let client = args.place.client()?;
    let ctrl_c = tokio::signal::ctrl_c();
    if args.events {
        let path = format!("/v1/accounts/{}/feed", args.place.account);
        let feed = feed::Feed { client, path, queue: args.queue, after: args.after };
        return tokio::select! {
            ended = feed.run(|line| say(&line)) => ended,
            _ = ctrl_c => Ok(()),
        };
    }
    let screen = Screen::open(&args);
    let mut viewer = Viewer { client, args, screen, board: Board::default() };
    let ended = tokio::select! {
        ended = viewer.run() => ended,
        _ = ctrl_c => Ok(()),
    };
    viewer.screen.close();
    ended
}

struct Viewer {
    client: Client,
    args: Args,
    screen: Screen,
    board: Board,
}

impl Viewer {
    async fn run(&mut self) -> Result<(), Error> {
        let mut wait = RETRY_MS.0;
        loop {
            let had = self.board.seq;
            match self.connection().await {
                Ok(()) => return Ok(()),
                Err(e) if !e.may_pass() => return Err(e),
                Err(e) => {
                    self.screen.lost(&self.board, &format!("{e}; trying again"));
                    wait = if self.board.seq != had { RETRY_MS.0 } else { wait };
                }
            }
            tokio::time::sleep(Duration::from_millis(wait)).await;
            wait = (wait * 2).min(RETRY_MS.1);
        }
    }

    /// One life of the connection. `Ok` when enough was shown.
    async fn connection(&mut self) -> Result<(), Error> {
        let path = format!("/v1/accounts/{}/live", self.args.place.account);
        let mut socket = self.client.socket(&path, "callboard.live.v1").await?;
        self.subscribe(&mut socket).await?;
        let mut redraw = tokio::time::interval(if self.screen.live { DRAW } else { PRINT });
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut fresh = false;
        loop {
            tokio::select! {
                frame = socket.next() => match self.board.apply(&frame?) {
                    Ok(applied) => fresh |= applied == Applied::Changed,
                    // Frames are missing: a new snapshot is the honest way on.
                    Err(_) => {
                        self.board.reset();
                        self.subscribe(&mut socket).await?;
                    }
                },
                _ = redraw.tick() => {
                    if self.board.is_whole() && (fresh || self.screen.live) {
                        self.screen.show(&self.board);
                        fresh = false;
                        if self.args.once {
                            return Ok(());
                        }
                    }
                }
            }
            if self.args.once && fresh {
                self.screen.show(&self.board);
                return Ok(());
            }
        }
    }

    async fn subscribe(&self, socket: &mut Socket) -> Result<(), Error> {
        let mut frame = match &self.args.queue {
            Some(queue) => {
                let mut frame = self.board.subscribe(&json!([queue]), 100);
                frame["subscribe"]["agents"] = json!({ "queue": queue });
                frame
            }
            None => self.board.subscribe(&Value::from("*"), 100),
        };
        if self.args.once {
            frame["subscribe"]["every_ms"] = json!(1000);
        }
        socket.send(&frame).await
    }
}

/// The terminal, or a pipe.
struct Screen {
    live: bool,
    style: Style,
    queue: Option<String>,
}

impl Screen {
    fn open(args: &Args) -> Screen {
        let terminal = std::io::stdout().is_terminal();
        let live = terminal && !args.once;
        if live {
            // Another screen, without a cursor: what was there comes back at the end.
            print!("\x1b[?1049h\x1b[?25l");
        }
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        Screen { live, style: Style { colour }, queue: args.queue.clone() }
    }

    fn show(&self, board: &Board) {
        let now = Millis::parse_rfc3339(&board.at).unwrap_or_default();
        let text = render::board(board, now, self.queue.as_deref(), self.style);
        self.put(&text);
    }

    /// The connection is gone: the board stays, and says so.
    fn lost(&self, board: &Board, why: &str) {
        if self.live {
            let now = Millis::parse_rfc3339(&board.at).unwrap_or_default();
            let text = render::board(board, now, self.queue.as_deref(), self.style);
            self.put(&format!("not connected: {why}\n{text}"));
        } else {
            eprintln!("not connected: {why}");
        }
    }

    fn put(&self, text: &str) {
        if self.live {
            let (rows, columns) = size();
            let text = render::fit(text, rows, columns);
            let body = text.replace('\n', "\x1b[K\n");
            let _ = write!(std::io::stdout(), "\x1b[H{body}\x1b[J");
            let _ = std::io::stdout().flush();
        } else {
            say(text);
        }
    }

    fn close(&self) {
        if self.live {
            print!("\x1b[?25h\x1b[?1049l");
            let _ = std::io::stdout().flush();
        }
    }
}

/// Rows and columns, from the shell's variables where it exports them: asking the terminal itself
/// takes a system call that the standard library does not have.
fn size() -> (usize, usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("LINES").unwrap_or(50), number("COLUMNS").unwrap_or(120))
}

/// A closed pipe (`| head`) is the reader's good right and ends the program without a word.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}
