//! The command line: reads what is asked, and hands it to the modules that do it.
//!
//! Exit codes: 0 done · 1 what was checked is not sound, or the command failed · 2 wrong usage ·
//! 69 the address is taken · 70 the program itself is wrong · 74 the journal failed or refuses to
//! start · 78 wrong settings.
//!
//! It is a part of the library, and the program only calls it: what is generic would otherwise be
//! compiled twice, and the program after the library.

mod serve;

use self::serve::Serve;
use crate::api;
use crate::config::{LogFormat, LogLevel};
use crate::journal;
use crate::sim::client::Client;
use crate::sim::{configure, demo, load, watch};
use crate::tls::Trust;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to say how it is.
const HEALTH_WITHIN: Duration = Duration::from_secs(4);

#[derive(Parser)]
#[command(name = "callboard", version, about = "Real-time call routing and agent status")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node: decides calls, serves the API and the dashboards.
    Serve(Serve),
    /// Checks a data folder or a backup: every record, every checksum, every sequence.
    Verify {
        /// The data folder, or a backup's file.
        path: PathBuf,
    },
    /// Copies the journal of a data folder, also of a running node, into one file.
    Backup {
        /// The data folder.
        data: PathBuf,
        /// The file to write; it must not be there yet.
        file: PathBuf,
    },
    /// Puts a backup into a folder that holds no journal; `serve` then starts from it, with a new epoch.
    Restore {
        /// The backup's file.
        file: PathBuf,
        /// The data folder; it is made when it is not there.
        data: PathBuf,
    },
    /// Asks a server whether calls can come (/readyz): exit code 0 when they can, 1 when not.
    Health {
        /// Where it listens.
        #[arg(default_value = "http://127.0.0.1:8080", env = "CALLBOARD_URL")]
        url: String,
        /// Certificates of authorities (PEM) that the server's may be of, besides the system's.
        #[arg(long, env = "CALLBOARD_CA")]
        ca: Option<PathBuf>,
    },
    /// Prints the OpenAPI 3.1 document.
    Openapi,
    /// Shows calls being routed: a server, agents and callers in one process, for trying it out.
    Demo(demo::Args),
    /// Loads a server (or one of its own) with calls, agents and dashboards; measures and checks.
    Load(Box<load::Args>),
    /// Shows the live board, or the account's events, of a running server in the terminal.
    Watch(watch::Args),
    /// Writes the whole account of a running server as one document, without secrets.
    Export(configure::ExportArgs),
    /// Applies a document to the account of a running server, as a whole or not at all, and says what
    /// it has changed.
    Apply(configure::ApplyArgs),
}

/// Why a command failed: for people, and for scripts.
struct Failure {
    why: String,
    code: u8,
}

impl Failure {
    fn new(code: u8, why: impl std::fmt::Display) -> Failure {
        Failure { why: why.to_string(), code }
    }
}

/// Does what the arguments of the process ask for.
pub fn main() -> ExitCode {
    let line = CommandLine::try_parse().unwrap_or_else(|error| {
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            let _ = error.print();
            std::process::exit(2);
        }
        error.exit()
    });
    let done = match line.command {
        Command::Serve(args) => serve::serve(args),
        Command::Verify { path } => verify(&path),
        Command::Backup { data, file } => backup(&data, &file),
        Command::Restore { file, data } => restore(&file, &data),
        Command::Health { url, ca } => health(&url, ca.as_deref()),
        Command::Openapi => print(api::openapi_json()),
        Command::Demo(args) => run_demo(args),
        Command::Load(args) => run_load(*args),
        Command::Watch(args) => run_watch(args),
        Command::Export(args) => run_export(&args),
        Command::Apply(args) => run_apply(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("callboard: {}", failure.why);
            ExitCode::from(failure.code)
        }
    }
}

/// Prints. Who closes the pipe (`| head`) has read enough.
fn print(text: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(1, format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Runs to its end; tasks that are still open then end with the runtime.
fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(1, format!("the runtime did not start: {e}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

fn health(url: &str, ca: Option<&Path>) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(1, format!("{url}: {e}"));
    in_runtime(async {
        let trust = Trust::with_file(ca).map_err(|e| failed(&e))?;
        let client = Client::trusting(url, "", trust).map_err(|e| failed(&e))?;
        let asked = tokio::time::timeout(HEALTH_WITHIN, client.get("/readyz")).await;
        let answer = asked.map_err(|_| failed(&"no answer in time"))?;
        print(format_args!("{}\n", answer.map_err(|e| failed(&e))?))
    })
}

fn run_watch(args: watch::Args) -> Result<(), Failure> {
    in_runtime(async { watch::run(args).await.map_err(|e| Failure::new(1, e)) })
}

fn run_export(args: &configure::ExportArgs) -> Result<(), Failure> {
    let document =
        in_runtime(async { configure::export(args).await.map_err(|e| Failure::new(1, e)) })?;
    print(document)
}

fn run_apply(args: &configure::ApplyArgs) -> Result<(), Failure> {
    let wrong = |e| Failure::new(1, format!("{}: {e}", args.file.display()));
    let text = fs::read(&args.file).map_err(|e| wrong(e.to_string()))?;
    let told =
        in_runtime(async { configure::apply(args, text).await.map_err(|e| wrong(e.to_string())) })?;
    print(told)
}

fn run_demo(args: demo::Args) -> Result<(), Failure> {
    // The demo's own lines are its output: only what is wrong comes between them.
    log(LogLevel::Warn, LogFormat::Text);
    let held = in_runtime(async {
        demo::run(args, serve::host).await.map_err(|why| Failure::new(1, why))
    })?;
    if held { Ok(()) } else { Err(Failure::new(1, "the demo found a rule broken; see above")) }
}

fn run_load(args: load::Args) -> Result<(), Failure> {
    let held = in_runtime(async { load::run(args).await.map_err(|why| Failure::new(1, why)) })?;
    if held { Ok(()) } else { Err(Failure::new(1, "the load found a check broken; see above")) }
}

fn log(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    // Colours are for people: a collector would keep them as rubbish.
    let colours = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_max_level(level).with_ansi(colours);
    let lines = lines.with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

fn verify(path: &Path) -> Result<(), Failure> {
    let report = journal::verify::verify(path).map_err(|e| Failure::new(1, e))?;
    let (epoch, format, values) = (&report.epoch, report.format, report.values);
    print(format_args!("epoch {epoch}, format {format}, {values} personal values\n"))?;
    for stream in &report.streams {
        print(format_args!(
            "stream {}: records {} to {} ({}), snapshots at {:?}\n",
            stream.stream, stream.oldest, stream.head, stream.records, stream.snapshots
        ))?;
    }
    if report.is_sound() {
        return print("sound\n");
    }
    Err(Failure::new(1, report.problems.join("\ncallboard: ")))
}

fn restore(file: &Path, data: &Path) -> Result<(), Failure> {
    journal::backup::restore(file, data).map_err(|e| Failure::new(1, e))?;
    let (file, data) = (file.display(), data.display());
    print(format_args!("{file} is restored in {data}; check it with callboard verify\n"))
}

fn backup(data: &Path, file: &Path) -> Result<(), Failure> {
    let copied = journal::backup::backup(data, file).map_err(|e| Failure::new(1, e))?;
    let (bytes, streams) = (copied.bytes, copied.heads.len());
    print(format_args!("{bytes} bytes, {streams} streams, in {}\n", file.display()))
}
