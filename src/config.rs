//! The settings of a node: one table says each key, its default and why; the file, the environment
//! and the flags are read from it, and `config/callboard.toml` is written from it.
//!
//! Precedence: flag, then environment (`CALLBOARD_…`), then file, then default. An unknown key is
//! refused. This module only parses and checks; `main` reads the file and the environment.

use crate::domain::spelling::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One setting, as the manual tells it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in the file, `journal.keep_days`.
    pub key: &'static str,
    /// What it does and why; the lines of its paragraph.
    pub about: &'static [&'static str],
    /// The default, as the file writes it.
    pub default: &'static str,
    /// Whether the value is a text in the file.
    pub is_text: bool,
}

impl Setting {
    /// The flag: `journal.keep_days` → `journal-keep-days`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// The environment variable: `journal.keep_days` → `CALLBOARD_JOURNAL_KEEP_DAYS`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("CALLBOARD_{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// The environment.
    Environment,
    /// A flag.
    Flag,
}

/// What is wrong with the settings; each line names the key and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Wrong(pub Vec<String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// A type that a setting may have.
trait Value: Sized {
    const IS_TEXT: bool;
    fn read(text: &str) -> Result<Self, String>;
}

impl Value for PathBuf {
    const IS_TEXT: bool = true;
    fn read(text: &str) -> Result<PathBuf, String> {
        if text.is_empty() { Err("must name a folder".into()) } else { Ok(PathBuf::from(text)) }
    }
}

/// A file that may be left out: then the text is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionalFile(pub Option<PathBuf>);

impl Value for OptionalFile {
    const IS_TEXT: bool = true;
    fn read(text: &str) -> Result<OptionalFile, String> {
        Ok(OptionalFile((!text.is_empty()).then(|| PathBuf::from(text))))
    }
}

impl Value for String {
    const IS_TEXT: bool = true;
    fn read(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }
}

impl Value for SocketAddr {
    const IS_TEXT: bool = true;
    fn read(text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8080".into())
    }
}

impl Value for bool {
    const IS_TEXT: bool = false;
    fn read(text: &str) -> Result<bool, String> {
        text.parse().map_err(|_| "must be true or false".into())
    }
}

/// A whole number within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within<const LEAST: u64, const MOST: u64>(pub u64);

impl<const LEAST: u64, const MOST: u64> Value for Within<LEAST, MOST> {
    const IS_TEXT: bool = false;
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        number.map(Within).ok_or_else(|| format!("must be a whole number from {LEAST} to {MOST}"))
    }
}

crate::domain::presence::words!(
    /// How much is logged.
    LogLevel {
        /// Only what must be looked at.
        Error => "error",
        /// … and what should be.
        Warn => "warn",
        /// … and the node's life.
        Info => "info",
        /// … and each connection.
        Debug => "debug",
        /// Everything.
        Trace => "trace",
    }
);

crate::domain::presence::words!(
    /// How it is logged.
    LogFormat {
        /// For people.
        Text => "text",
        /// One JSON object per line, for collectors.
        Json => "json",
    }
);

crate::domain::presence::words!(
    /// How the way to the mail server is encrypted.
    MailTls {
        /// By STARTTLS, which the server must offer.
        Starttls => "starttls",
        /// From the first byte.
        Implicit => "implicit",
        /// Not at all: for a server on the same machine or a network that is trusted.
        None => "none",
    }
);

macro_rules! word_value {
    ($name:ident) => {
        impl Value for $name {
            const IS_TEXT: bool = true;
            fn read(text: &str) -> Result<$name, String> {
                $name::parse(text).ok_or_else(|| {
                    let words: Vec<&str> = $name::ALL.iter().map(|word| word.word()).collect();
                    format!("must be one of {}", words.join(", "))
                })
            }
        }
    };
}
word_value!(LogLevel);
word_value!(LogFormat);
word_value!(MailTls);

macro_rules! settings {
    ($($(#[doc = $about:literal])+ $field:ident: $type:ty = $key:literal, $default:literal;)+) => {
        /// All settings, with values.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $field: $type,)+
        }

        /// Every setting, in the order of the manual.
        pub const SETTINGS: &[Setting] = &[
            $(Setting {
                key: $key,
                about: &[$($about),+],
                default: $default,
                is_text: <$type as Value>::IS_TEXT,
            }),+
        ];

        impl Config {
            fn of(given: &mut Given) -> Config {
                Config { $($field: given.value::<$type>($key, $default)),+ }
            }
        }
    };
}

settings! {
    /// The data folder: the journal, its snapshots, the first owner's key. It is made when it is
    /// not there. Only one process may have it.
    data: PathBuf = "data", "data";
    /// Where the node listens. Loopback by default: without TLS the keys would travel in the clear.
    listen: SocketAddr = "listen", "127.0.0.1:8080";
    /// Listen on other addresses than loopback without TLS. For trusted networks only, or behind
    /// a proxy that speaks TLS.
    insecure: bool = "insecure", "false";
    /// The server's certificate, PEM: its own first, those that lead to the authority after it. With
    /// it and the key everything is served over TLS (https, wss), and nothing without.
    tls_cert: OptionalFile = "tls.cert", "";
    /// The certificate's private key, PEM. Both files are read anew on SIGHUP and when they change;
    /// open connections go on, and a new pair that cannot be used leaves the old one in place.
    tls_key: OptionalFile = "tls.key", "";
    /// How often the two files are looked at for changes, in milliseconds.
    tls_check_ms: Within<100, 86_400_000> = "tls.check_ms", "10000";
    /// Certificates of authorities (PEM) that webhooks with https:// may have besides those that the
    /// system trusts. Read at the start.
    webhook_ca: OptionalFile = "webhook.ca", "";
    /// The mail server (SMTP), with or without :port: invitations and links that set a password go by
    /// mail then. Without it they are shown to who asks for them.
    mail_server: String = "mail.server", "";
    /// How the way there is encrypted: starttls (port 587), implicit (465), or none (25) for a
    /// server on a network that is trusted.
    mail_tls: MailTls = "mail.tls", "starttls";
    /// Who signs in at the mail server; empty: nobody has to.
    mail_user: String = "mail.user", "";
    /// The file with the password for that, in its first line. The environment may hold the password
    /// itself, as CALLBOARD_MAIL_PASSWORD.
    mail_password_file: OptionalFile = "mail.password_file", "";
    /// From whom mails are, such as Callboard <board@example.com>.
    mail_from: String = "mail.from", "";
    /// The address of this node's page as people reach it, such as `https://calls.example.com`: links
    /// in mails begin with it.
    mail_page: String = "mail.page", "";
    /// Certificates of authorities (PEM) that the mail server may have besides those that the system
    /// trusts. Read at the start.
    mail_ca: OptionalFile = "mail.ca", "";
    /// The folder below which accounts may have scheduled reports put; without it none is put
    /// anywhere.
    reports_folder: OptionalFile = "reports.folder", "";
    /// Connections at a time, WebSockets included; who comes after that is told 503. The limit of
    /// open files is raised to it as far as the system allows.
    connections_max: Within<16, 1_000_000> = "connections.max", "10000";
    /// A TLS handshake takes at most so many milliseconds.
    connections_handshake_ms: Within<10, 600_000> = "connections.handshake_ms", "10000";
    /// TLS handshakes under way at a time; with one more the oldest is given up.
    connections_handshakes: Within<1, 1_000_000> = "connections.handshakes", "512";
    /// A request's head (method, path, headers) is there within so many milliseconds; a connection
    /// on which nothing is asked is closed after them too.
    connections_head_ms: Within<10, 600_000> = "connections.head_ms", "30000";
    /// The next part of a request's body comes within so many milliseconds (408), and the whole body
    /// within ten times that.
    connections_body_ms: Within<10, 600_000> = "connections.body_ms", "30000";
    /// Who takes no byte of an answer for so many milliseconds is gone. Slow readers of live frames
    /// have ten minutes.
    connections_stall_ms: Within<10, 600_000> = "connections.stall_ms", "30000";
    /// WebSockets are pinged every so many milliseconds (desks every 10000 at least); with two pings
    /// unanswered the third time ends the connection (4408).
    connections_ping_ms: Within<10, 600_000> = "connections.ping_ms", "20000";
    /// Requests a second of one key on the average; ten times as many may come at once, and more
    /// are told 429 with Retry-After. Keys of role switch have no limit. 0: no limit for anybody.
    requests_per_second: Within<0, 1_000_000> = "requests.per_second", "1000";
    /// A session in which nothing was asked for so many minutes is over.
    sessions_idle_minutes: Within<1, 525_600> = "sessions.idle_minutes", "720";
    /// A session is over so many hours after signing in, whatever happens in it.
    sessions_most_hours: Within<1, 8_760> = "sessions.most_hours", "168";
    /// How much is logged: error, warn, info, debug or trace.
    log_level: LogLevel = "log.level", "info";
    /// How it is logged: text for people, json (one object per line) for collectors.
    log_format: LogFormat = "log.format", "text";
    /// How many days records are kept. At least what the newest two snapshots need is kept
    /// whatever this says; readers of the feed who come later than this get 410.
    journal_keep_days: Within<1, 36_500> = "journal.keep_days", "90";
    /// Records of an account between two snapshots, at least; the next one also waits until as many
    /// bytes were written as the last one was. Fewer make a start faster and write more.
    journal_snapshot_every: Within<1_000, 100_000_000> = "journal.snapshot_every", "500000";
    /// Below so many free MiB on the data folder's disk nothing new is taken in (507 disk_full),
    /// while calls still end and are answered. A reserve of 16 MiB is kept for the last records.
    journal_min_free_mib: Within<32, 1_048_576> = "journal.min_free_mib", "256";
    /// Start although records are known to be lost, after a damage that the start has told of.
    /// Set it for one start only.
    journal_accept_loss: bool = "journal.accept_loss", "false";
    /// How many days the history is kept: sums of intervals, lists of calls, agents' time. It may be
    /// more than the records are.
    history_keep_days: Within<1, 36_500> = "history.keep_days", "400";
    /// Inputs that may wait to be decided. When it is full the sender is told 503, and links are
    /// not read; an eighth of it is kept for what ends or answers a call.
    inbox_capacity: Within<64, 1_000_000> = "inbox.capacity", "8192";
}

impl Default for Config {
    fn default() -> Config {
        Config::of(&mut Given::default())
    }
}

/// Texts given for keys, and what is wrong with them.
#[derive(Default)]
struct Given {
    values: BTreeMap<&'static str, (Origin, String)>,
    wrong: Vec<String>,
}

impl Given {
    fn value<T: Value>(&mut self, key: &'static str, default: &str) -> T {
        if let Some((origin, text)) = self.values.get(key) {
            match T::read(text) {
                Ok(value) => return value,
                Err(why) => {
                    let name = named(key, *origin);
                    self.wrong.push(format!("{name} {why}; {text:?} is not"));
                }
            }
        }
        match T::read(default) {
            Ok(value) => value,
            Err(why) => unreachable!("the default of {key} is wrong: {why}"),
        }
    }
}

/// A setting as its origin calls it.
fn named(key: &'static str, origin: Origin) -> String {
    let setting = SETTINGS.iter().find(|setting| setting.key == key);
    match (origin, setting) {
        (Origin::Flag, Some(setting)) => format!("--{}", setting.flag()),
        (Origin::Environment, Some(setting)) => setting.variable(),
        _ => format!("{key} in the file"),
    }
}

impl Config {
    /// Reads the settings: `file` is the text of a configuration file, `given` what flags and the
    /// environment say of keys.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(
        file: Option<&str>,
        given: impl IntoIterator<Item = (&'static str, Origin, String)>,
    ) -> Result<Config, Wrong> {
        let mut all = Given::default();
        if let Some(text) = file {
            read_file(text, &mut all)?;
        }
        for (key, origin, text) in given {
            let weaker = all.values.get(key).is_none_or(|(before, _)| *before != Origin::Flag);
            if weaker {
                all.values.insert(key, (origin, text));
            }
        }
        let config = Config::of(&mut all);
        if all.wrong.is_empty() { Ok(config) } else { Err(Wrong(all.wrong)) }
    }

    /// Whether the node may listen where it is told to.
    ///
    /// # Errors
    /// An address that is no loopback, without TLS and without `insecure`; half of what TLS needs.
    pub fn check_listen(&self) -> Result<(), Wrong> {
        match (&self.tls_cert.0, &self.tls_key.0) {
            (Some(_), Some(_)) => return Ok(()),
            (Some(_), None) => return Err(half("tls.key", "the certificate's private key")),
            (None, Some(_)) => return Err(half("tls.cert", "the key's certificate")),
            (None, None) => {}
        }
        if self.listen.ip().is_loopback() || self.insecure {
            return Ok(());
        }
        Err(Wrong(vec![format!(
            "refusing to listen on {}: it is no loopback, and keys would travel in the clear. \
             Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS, \
             or say --insecure on a network that you trust",
            self.listen
        )]))
    }
}

/// TLS needs two files.
fn half(missing: &str, what: &str) -> Wrong {
    Wrong(vec![format!("{missing} is missing (--{}): {what}", missing.replace('.', "-"))])
}

fn read_file(text: &str, all: &mut Given) -> Result<(), Wrong> {
    let table: toml::Table = text
        .parse()
        .map_err(|e: toml::de::Error| Wrong(vec![format!("the file is no TOML: {e}")]))?;
    let mut flat = Vec::new();
    flatten("", &table, &mut flat);
    let keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    for (key, value) in flat {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            all.wrong.push(match nearest(&key, &keys) {
                Some(near) => format!("there is no key {key}; did you mean {near}?"),
                None => format!("there is no key {key}; known are {}", keys.join(", ")),
            });
            continue;
        };
        match (value, setting.is_text) {
            (toml::Value::String(text), true) => {
                all.values.insert(setting.key, (Origin::File, text.clone()));
            }
            (toml::Value::Integer(_) | toml::Value::Boolean(_), false) => {
                all.values.insert(setting.key, (Origin::File, value.to_string()));
            }
            (other, is_text) => {
                let wanted = if is_text { "a text in quotes" } else { "written without quotes" };
                all.wrong.push(format!("{key} in the file must be {wanted}; {other} is not"));
            }
        }
    }
    Ok(())
}

/// `[journal] keep_days = 3` → `journal.keep_days`.
fn flatten<'t>(at: &str, table: &'t toml::Table, flat: &mut Vec<(String, &'t toml::Value)>) {
    for (name, value) in table {
        // A dot within quotes is part of a name, and leads nowhere: a key has one spelling only.
        let name = if name.contains('.') { format!("{name:?}") } else { name.clone() };
        let key = if at.is_empty() { name } else { format!("{at}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, flat),
            value => flat.push((key, value)),
        }
    }
}

/// The file with every setting at its default, commented out: the user's manual.
#[must_use]
pub fn manual() -> String {
    let mut text = String::from(
        "# Callboard's settings: every key, its default, and why.\n\
         #\n\
         # Each is also a flag (--journal-keep-days) and an environment variable\n\
         # (CALLBOARD_JOURNAL_KEEP_DAYS). A flag wins over the environment, that over this file.\n\
         # An unknown key is refused. Written by a test from src/config.rs.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (table, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if table != section {
            section = table;
            let _ = write!(text, "\n[{table}]\n");
        }
        text.push('\n');
        for line in setting.about {
            let _ = writeln!(text, "#{line}");
        }
        let quote = if setting.is_text { "\"" } else { "" };
        let _ = writeln!(text, "# {name} = {quote}{}{quote}", setting.default);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<Config, Vec<String>> {
        Config::read(Some(file), []).map_err(|wrong| wrong.0)
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let file =
            Some("listen = \"127.0.0.1:1\"\n[journal]\nkeep_days = 1\n[log]\nlevel = \"warn\"");
        let given = [
            ("listen", Origin::Environment, "127.0.0.1:2".to_owned()),
            ("journal.keep_days", Origin::Environment, "2".to_owned()),
            ("listen", Origin::Flag, "127.0.0.1:3".to_owned()),
        ];
        let config = Config::read(file, given).expect("is right");
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.journal_keep_days.0, 2);
        assert_eq!(config.log_level, LogLevel::Warn);
        assert_eq!(config.inbox_capacity, Config::default().inbox_capacity);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_the_nearest_name() {
        let wrong = read(
            "liste = \"x\"\n\"log.level\" = \"warn\"\ninsecure = \"true\"\n[journal]\nkeep_days = 0\nkeepdays = 3\n[log]\nlevel = 3",
        )
        .expect_err("is wrong");
        let all = wrong.join("\n");
        for part in [
            "there is no key liste; did you mean listen?",
            "insecure in the file must be written without quotes",
            "there is no key \"log.level\"; did you mean log.level?",
            "journal.keepdays; did you mean journal.keep_days?",
            "log.level in the file must be a text in quotes",
            "journal.keep_days in the file must be a whole number from 1 to 36500",
        ] {
            assert!(all.contains(part), "{part:?} is missing in\n{all}");
        }
        assert_eq!(wrong.len(), 6, "{all}");
        let given = [("listen", Origin::Flag, "here".to_owned())];
        let wrong = Config::read(None, given).expect_err("is wrong").0;
        assert!(wrong[0].starts_with("--listen must be an address"), "{wrong:?}");
        assert!(read("a = ").is_err());
    }

    #[test]
    fn only_loopback_is_listened_on_unless_said_otherwise() {
        let config = read("listen = \"0.0.0.0:80\"").expect("reads");
        assert!(config.check_listen().is_err());
        let config = read("listen = \"0.0.0.0:80\"\ninsecure = true").expect("reads");
        assert!(config.check_listen().is_ok());
        assert!(Config::default().check_listen().is_ok());
        let tls = "listen = \"0.0.0.0:443\"\n[tls]\ncert = \"c.pem\"\n";
        let wrong = read(tls).expect("reads").check_listen().expect_err("half").0;
        assert!(wrong[0].starts_with("tls.key is missing (--tls-key)"), "{wrong:?}");
        let config = read(&format!("{tls}key = \"k.pem\"")).expect("reads");
        assert!(config.check_listen().is_ok());
    }
}
