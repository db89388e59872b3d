//! `callboard serve`: a node with its public surface, from the first line to a stop in good order.

use super::{Failure, in_runtime, log};
use crate::api;
use crate::api::limits::Limits;
use crate::api::server::{self, Serving};
use crate::config::{Config, Origin, SETTINGS, Setting};
use crate::console;
use crate::mail;
use crate::node::{EXIT_JOURNAL, Node, Options, SessionTimes, secret_file, telemetry};
use crate::sim::demo;
use crate::switch::webhook;
use crate::tls::{Identity, Trust};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, FromArgMatches};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

const EXIT_UNAVAILABLE: u8 = 69;
const EXIT_CONFIG: u8 = 78;

/// The file of the data folder with the page at which the owner sets a password.
const WELCOME: &str = "welcome.link";

/// How long the clients of open sockets have to take their last frames at a stop.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long answers under way may take at a stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long a stop may take to write what was decided, and a snapshot. What is not written by then was
/// not acknowledged either.
const LAST_RECORDS: Duration = Duration::from_secs(20);

#[derive(Args)]
pub(super) struct Serve {
    /// The configuration file; config/callboard.toml explains every key.
    #[arg(long, env = "CALLBOARD_CONFIG")]
    config: Option<PathBuf>,
    /// Stops when the standard input ends, as at SIGTERM: for a program that starts a server of its
    /// own, which should not outlive it.
    #[arg(long)]
    until_stdin_ends: bool,
    /// Serves the console's files from this folder instead of the binary, read at each request: for
    /// people who edit them (src/console/static).
    #[arg(long, value_name = "DIR", env = "CALLBOARD_CONSOLE_DIR")]
    console_dir: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingFlags,
}

/// One flag per setting, from the table of `config`.
struct SettingFlags(Vec<(&'static str, Origin, String)>);

impl Args for SettingFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        SETTINGS.iter().fold(command, |command, setting| command.arg(flag(setting)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let about: String = setting.about.concat();
    let arg = Arg::new(setting.key).long(setting.flag()).env(setting.variable()).help(format!(
        "{} [default: {}]",
        about.trim(),
        setting.default
    ));
    if setting.default == "false" {
        // `--insecure` alone means yes.
        arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL")
    } else {
        arg.value_name("VALUE")
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for setting in SETTINGS {
            let Some(text) = matches.get_one::<String>(setting.key) else { continue };
            let origin = match matches.value_source(setting.key) {
                Some(ValueSource::EnvVariable) => Origin::Environment,
                _ => Origin::Flag,
            };
            given.push((setting.key, origin, text.clone()));
        }
        Ok(SettingFlags(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(super) fn serve(args: Serve) -> Result<(), Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(EXIT_CONFIG, why);
    let file = match &args.config {
        None => None,
        Some(path) => {
            Some(fs::read_to_string(path).map_err(|e| wrong(&format!("{}: {e}", path.display())))?)
        }
    };
    let config = Config::read(file.as_deref(), args.settings.0).map_err(|e| wrong(&e))?;
    config.check_listen().map_err(|e| wrong(&e))?;
    log(config.log_level, config.log_format);
    in_runtime(run(&config, args.until_stdin_ends, args.console_dir))
}

/// The demo's server: a node and the public surface, until `stop` says so.
pub(super) async fn host(
    data: PathBuf,
    listener: TcpListener,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> Result<demo::Hosted, String> {
    let node = Node::open(&Options::new(&data)).map_err(|e| e.to_string())?;
    let owner_key = fs::read_to_string(data.join("owner.key")).map_err(|e| e.to_string())?;
    let handle = node.handle();
    let mut stopped = stop.clone();
    // The demo has no flag for it: its pages are edited by who sets this.
    let console_dir = std::env::var_os("CALLBOARD_CONSOLE_DIR").map(PathBuf::from);
    let served = served(&node, Limits::default(), console_dir);
    let server = tokio::spawn(server::serve(listener, served, Serving::default(), async move {
        // A dropped sender stops it too.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let ended = async move {
        let failed = tokio::select! {
            fatal = node.failed() => Some(fatal),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let done = match failed {
            Some(fatal) => Err(fatal),
            None => node.stop().await,
        };
        // Sockets get their last frames meanwhile; what is slower is cut.
        let _ = tokio::time::timeout(FAREWELL, server).await;
        done.map_err(|fatal| fatal.why)
    };
    let owner_key = owner_key.trim().to_owned();
    Ok(demo::Hosted { node: handle, owner_key, ended: Box::pin(ended) })
}

/// Everything that is served on the one port.
fn served(node: &Node, limits: Limits, console_dir: Option<PathBuf>) -> api::Served {
    let figures = telemetry::install();
    let metrics = move || figures.as_ref().map(|f| f.render()).unwrap_or_default();
    api::router(api::App::new(node.handle(), limits, metrics), console::routes(console_dir))
}

fn options(config: &Config) -> Result<Options, Failure> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let trust = Trust::with_file(config.webhook_ca.0.as_deref())
        .map_err(|e| Failure::new(EXIT_CONFIG, format!("webhook.ca: {e}")))?;
    let password = std::env::var("CALLBOARD_MAIL_PASSWORD").ok();
    let mail = mail::Sender::configured(config, password);
    let mail = mail.map_err(|e| Failure::new(EXIT_CONFIG, e))?;
    Ok(Options {
        accept_loss: config.journal_accept_loss,
        keep_ms: config.journal_keep_days.0 * DAY_MS,
        history_keep_ms: config.history_keep_days.0 * DAY_MS,
        snapshot_every: config.journal_snapshot_every.0,
        inbox_capacity: usize::try_from(config.inbox_capacity.0).unwrap_or(usize::MAX),
        min_free: config.journal_min_free_mib.0 << 20,
        webhooks: webhook::Client::trusting(trust),
        sessions: SessionTimes {
            idle_ms: config.sessions_idle_minutes.0 * 60_000,
            most_ms: config.sessions_most_hours.0 * 3_600_000,
        },
        mail: mail.map(Arc::new),
        reports_folder: config.reports_folder.0.clone(),
        ..Options::new(&config.data)
    })
}

fn limits(config: &Config) -> Limits {
    let ms = Duration::from_millis;
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        connections: server::room_for(count(config.connections_max.0)),
        handshakes: count(config.connections_handshakes.0),
        handshake: ms(config.connections_handshake_ms.0),
        head: ms(config.connections_head_ms.0),
        body: ms(config.connections_body_ms.0),
        stall: ms(config.connections_stall_ms.0),
        ping: ms(config.connections_ping_ms.0),
        requests_per_second: u32::try_from(config.requests_per_second.0).unwrap_or(u32::MAX),
    }
}

/// The server's certificate, if there is to be TLS.
fn identity(config: &Config) -> Result<Option<Arc<Identity>>, Failure> {
    let (Some(cert), Some(key)) = (&config.tls_cert.0, &config.tls_key.0) else { return Ok(None) };
    let wrong = |error| Failure::new(EXIT_CONFIG, format!("TLS: {error}"));
    Identity::load(cert, key).map(Some).map_err(wrong)
}

/// The signals that are heard once this is there; before it each of them ends the process at once.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn heard() -> Result<Signals, Failure> {
        let heard = |kind| {
            signal(kind).map_err(|e| {
                Failure::new(EXIT_UNAVAILABLE, format!("signals cannot be heard: {e}"))
            })
        };
        Ok(Signals {
            hangup: heard(SignalKind::hangup())?,
            terminate: heard(SignalKind::terminate())?,
            interrupt: heard(SignalKind::interrupt())?,
        })
    }
}

/// Renews the certificate when its files change and when SIGHUP asks for it; without TLS a SIGHUP
/// asks for nothing.
async fn renew(identity: Option<Arc<Identity>>, mut asked: Signal, each: Duration) {
    // The files were read a moment ago: the first look at them is after `each`.
    let mut look = tokio::time::interval(each);
    look.reset();
    loop {
        tokio::select! {
            _ = asked.recv() => match &identity {
                // It tells itself how it went.
                Some(identity) => drop(identity.renew()),
                None => tracing::info!("SIGHUP: there is no certificate to read anew"),
            },
            _ = look.tick(), if identity.is_some() => {
                identity.as_ref().map(|identity| identity.look());
            }
        }
    }
}

async fn run(
    config: &Config,
    until_stdin_ends: bool,
    console_dir: Option<PathBuf>,
) -> Result<(), Failure> {
    // Before the first figure is taken.
    telemetry::install();
    let identity = identity(config)?;
    let tls = identity.as_ref().map(Identity::server).transpose();
    let tls = tls.map_err(|e| Failure::new(EXIT_CONFIG, e))?;
    let limits = limits(config);
    let node = Node::open(&options(config)?).map_err(|e| Failure::new(EXIT_JOURNAL, e))?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| Failure::new(EXIT_UNAVAILABLE, format!("{}: {e}", config.listen)))?;
    let addr = listener.local_addr().map_err(|e| Failure::new(EXIT_UNAVAILABLE, e))?;
    let served = served(&node, limits.clone(), console_dir);
    let (stop, stopped) = oneshot::channel::<()>();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let serving = Serving { limits, tls };
    let mut server = tokio::spawn(server::serve(listener, served, serving, async {
        // A dropped sender stops it too.
        let _ = stopped.await;
    }));
    let Signals { hangup, mut terminate, mut interrupt } = Signals::heard()?;
    tokio::spawn(renew(identity, hangup, Duration::from_millis(config.tls_check_ms.0)));
    let first = node.handle().first_link().await;
    let first = first.map_err(|e| Failure::new(EXIT_JOURNAL, e))?;
    tell(config, scheme, &addr.to_string(), first.as_deref())?;
    let failed = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = stdin_ends(), if until_stdin_ends => None,
        fatal = node.failed() => Some(fatal),
        ended = &mut server => {
            let why = format!("the listening socket failed: {ended:?}");
            return Err(Failure::new(EXIT_UNAVAILABLE, why));
        }
    };
    let _ = fs::remove_file(config.data.join("listen.addr"));
    let _ = secret_file::remove(&config.data.join(WELCOME));
    if let Some(fatal) = failed {
        // Nothing more may be answered: not even what is under way.
        eprintln!("callboard: {}", fatal.why);
        std::process::exit(i32::from(fatal.exit_code));
    }
    tracing::info!("stopping");
    // The port stays open meanwhile: whoever asks is told that the node stops (503), by /readyz too.
    let stopped = tokio::time::timeout(LAST_RECORDS, node.stop()).await;
    let stopped = stopped.map_err(|_| {
        let why = format!("the journal was not closed within {LAST_RECORDS:?}");
        Failure::new(EXIT_JOURNAL, why)
    })?;
    stopped.map_err(|fatal| Failure::new(fatal.exit_code, fatal.why))?;
    let _ = stop.send(());
    // A client that reads its last answer slowly does not hold up the stop.
    let _ = tokio::time::timeout(LAST_ANSWERS, server).await;
    tokio::time::sleep(FAREWELL).await;
    tracing::info!("stopped");
    Ok(())
}

/// Says where it listens: to people, and in `DATA/listen.addr` for scripts. Without an owner who can
/// sign in there is a link for one in `DATA/welcome.link`. Whoever reads it becomes the owner, so it is
/// printed to a terminal only: another output is kept, by systemd or a container's log.
fn tell(config: &Config, scheme: &str, addr: &str, first: Option<&str>) -> Result<(), Failure> {
    let welcome = config.data.join(WELCOME);
    // After the hash sign: browsers send it to nobody.
    let link = first.map(|link| format!("{scheme}://{addr}/welcome#{link}"));
    match &link {
        Some(link) => secret_file::write(&welcome, link),
        None => secret_file::remove(&welcome),
    }
    .map_err(|e| Failure::new(1, format!("{}: {e}", welcome.display())))?;
    let path = config.data.join("listen.addr");
    let draft = config.data.join("listen.addr.new");
    // Written aside and renamed, so that a reader never sees half of it.
    fs::write(&draft, format!("{addr}\n"))
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|e| Failure::new(1, format!("{}: {e}", path.display())))?;
    // For people; a server does not end because nobody can be told.
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "Callboard listens on {scheme}://{addr}");
    let _ = writeln!(out, "The owner's API key is in {}", config.data.join("owner.key").display());
    let _ = match link {
        Some(link) if out.is_terminal() => {
            writeln!(out, "Set the owner's password, once, at {link}")
        }
        Some(_) => {
            writeln!(out, "Set the owner's password, once, by the link in {}", welcome.display())
        }
        None => Ok(()),
    };
    Ok(())
}

/// Reads the standard input to its end, on a thread of its own: a read of it cannot be called off.
async fn stdin_ends() {
    let (ended, end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // An input that cannot be read has ended, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(ended);
    });
    let _ = end.await;
}
