//! Mails over SMTP: who is invited, or sets the password anew, is sent the link.

use crate::config::{Config, MailTls};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A mail that took longer was not sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How mails are sent.
pub struct Settings<'a> {
    /// The server, with or without `:port`.
    pub server: &'a str,
    /// How the way there is encrypted.
    pub tls: MailTls,
    /// Who signs in there, if somebody must.
    pub user: &'a str,
    /// With this.
    pub password: Option<String>,
    /// From whom mails are.
    pub from: &'a str,
    /// The address of the node's page, as people reach it.
    pub page: &'a str,
    /// Certificates of authorities (PEM) beside those that the system trusts.
    pub ca: Option<&'a Path>,
}

/// Sends mails.
pub struct Sender {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    page: String,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the transport: it holds the password.
        f.debug_struct("Sender").field("from", &self.from).field("page", &self.page).finish()
    }
}

/// A mail with a link.
#[derive(Debug)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// Whose it is.
    pub name: Option<String>,
    /// The account, as people call it.
    pub account: String,
    /// The link's secret.
    pub link: String,
    /// It ends then, RFC 3339.
    pub until: String,
    /// Whether it invites; else it lets set the password anew.
    pub is_invitation: bool,
    /// Names this mail, whenever it is sent.
    pub id: String,
}

/// A mail with a file.
#[derive(Debug)]
pub struct Parcel {
    /// The address.
    pub to: String,
    /// Whose it is.
    pub name: Option<String>,
    /// What it is about.
    pub subject: String,
    /// What stands in it.
    pub text: String,
    /// The file's name.
    pub file: String,
    /// Its media type.
    pub kind: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// Names this mail, whenever it is sent.
    pub id: String,
}

/// A mail was not sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// What the server answered.
    pub code: Option<u16>,
    /// Whether it is no use to try again.
    pub last: bool,
    /// In one word.
    pub why: &'static str,
}

/// The port of a server, and its name.
fn parts(server: &str, tls: MailTls) -> Result<(String, u16), String> {
    let usual = match tls {
        MailTls::Starttls => 587,
        MailTls::Implicit => 465,
        MailTls::None => 25,
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("{port:?} is no port"))?),
        None => (server, usual),
    };
    if host.is_empty() { Err("it names no host".to_owned()) } else { Ok((host.to_owned(), port)) }
}

impl Sender {
    /// With the settings of a node; `None` where these name no mail server. `password` is what the
    /// environment holds.
    ///
    /// # Errors
    /// Which setting is wrong, and why.
    pub fn configured(config: &Config, password: Option<String>) -> Result<Option<Sender>, String> {
        if config.mail_server.is_empty() {
            return Ok(None);
        }
        let read = |file: &Path| {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|e| format!("mail.password_file: {e}"))?;
            Ok::<_, String>(text.lines().next().unwrap_or_default().to_owned())
        };
        let password = match (password, &config.mail_password_file.0) {
            (None, Some(file)) => Some(read(file)?),
            (password, _) => password,
        };
        let settings = Settings {
            server: &config.mail_server,
            tls: config.mail_tls,
            user: &config.mail_user,
            password,
            from: &config.mail_from,
            page: &config.mail_page,
            ca: config.mail_ca.0.as_deref(),
        };
        Sender::new(settings).map(Some)
    }

    /// With these settings; nothing is connected yet.
    ///
    /// # Errors
    /// Which setting is wrong, and why.
    pub fn new(settings: Settings<'_>) -> Result<Sender, String> {
        let (host, port) =
            parts(settings.server, settings.tls).map_err(|why| format!("mail.server: {why}"))?;
        let from = settings.from.parse().map_err(|_| "mail.from must be an e-mail address")?;
        let page = settings.page.trim_end_matches('/');
        if !page.starts_with("http://") && !page.starts_with("https://") {
            return Err("mail.page must be the address of the page, https://…".to_owned());
        }
        let is_open = settings.tls == MailTls::None;
        if is_open && !settings.user.is_empty() {
            return Err("mail.user: no password is sent in the clear; say another mail.tls".into());
        }
        let tls = || -> Result<TlsParameters, String> {
            let mut tls = TlsParameters::builder(host.clone());
            if let Some(file) = settings.ca {
                let pem = std::fs::read(file).map_err(|e| format!("mail.ca: {e}"))?;
                let ca = Certificate::from_pem(&pem).map_err(|e| format!("mail.ca: {e}"))?;
                tls = tls.add_root_certificate(ca);
            }
            tls.build().map_err(|e| format!("mail.tls: {e}"))
        };
        let tls = match settings.tls {
            MailTls::Starttls => Tls::Required(tls()?),
            MailTls::Implicit => Tls::Wrapper(tls()?),
            MailTls::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some(password) = settings.password.filter(|_| !settings.user.is_empty()) {
            transport = transport.credentials(Credentials::new(settings.user.into(), password));
        }
        Ok(Sender { transport: transport.build(), from, page: page.to_owned() })
    }

    /// Sends one.
    ///
    /// # Errors
    /// The server was not reached, or did not take it.
    pub async fn send(&self, letter: &Letter) -> Result<(), Failed> {
        let broken = |why| Failed { code: None, last: true, why };
        let to: Address = letter.to.parse().map_err(|_| broken("no address"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(letter.name.clone(), to))
            .subject(subject(letter))
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(self.text(letter))
            .map_err(|_| broken("no message"))?;
        self.hand_over(message).await
    }

    /// Sends one with a file.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send_file(&self, parcel: &Parcel) -> Result<(), Failed> {
        let broken = |why| Failed { code: None, last: true, why };
        let to: Address = parcel.to.parse().map_err(|_| broken("no address"))?;
        let kind = ContentType::parse(parcel.kind).map_err(|_| broken("no message"))?;
        let file = Attachment::new(parcel.file.clone()).body(parcel.bytes.clone(), kind);
        let text = SinglePart::plain(parcel.text.clone());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(parcel.name.clone(), to))
            .subject(parcel.subject.clone())
            .message_id(Some(format!("<{}@{}>", parcel.id, self.from.email.domain())))
            .multipart(MultiPart::mixed().singlepart(text).singlepart(file))
            .map_err(|_| broken("no message"))?;
        self.hand_over(message).await
    }

    async fn hand_over(&self, message: Message) -> Result<(), Failed> {
        match tokio::time::timeout(2 * PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(Failed { code: None, last: false, why: "too slow" }),
        }
    }

    fn text(&self, letter: &Letter) -> String {
        let Letter { name, account, link, until, .. } = letter;
        let name = name.as_deref().unwrap_or("there");
        let why = if letter.is_invitation {
            format!("you are invited to {account}. Choose your password here, and sign in with it:")
        } else {
            format!("choose a new password for {account} here:")
        };
        let day = until.split('T').next().unwrap_or(until);
        let page = &self.page;
        format!(
            "Hello {name},\n\n{why}\n\n{page}/welcome#{link}\n\nThe link can be used once, until \
             {day}. If you did not expect it, do nothing.\n"
        )
    }
}

fn subject(letter: &Letter) -> String {
    let account = &letter.account;
    if letter.is_invitation {
        format!("You are invited to {account}")
    } else {
        format!("Your password for {account}")
    }
}

/// The mailbox will not take it, ever: 550 to 559. Everything else may be mended: a password of the
/// server's own is wrong, a certificate has expired.
fn failed(error: &SmtpError) -> Failed {
    let code = error.status().map(u16::from);
    let last = code.is_some_and(|code| (550..560).contains(&code));
    let why = match code {
        Some(_) if last => "refused",
        Some(_) => "not taken",
        None if error.is_tls() => "TLS",
        None if error.is_timeout() => "too slow",
        None => "not reached",
    };
    Failed { code, last, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<'a>(server: &'a str, tls: MailTls, user: &'a str) -> Settings<'a> {
        let (from, page) = ("Board <board@acme.test>", "https://calls.acme.test/");
        let password = Some("a secret".to_owned());
        Settings { server, tls, user, password, from, page, ca: None }
    }

    #[test]
    fn a_server_has_the_port_of_its_kind() {
        let port = |server, tls| parts(server, tls).map(|(_, port)| port);
        assert_eq!(port("mail.test", MailTls::Starttls), Ok(587));
        assert_eq!(port("mail.test", MailTls::Implicit), Ok(465));
        assert_eq!(port("mail.test", MailTls::None), Ok(25));
        assert_eq!(port("mail.test:2525", MailTls::None), Ok(2525));
        assert!(port("mail.test:x", MailTls::None).is_err() && port(":25", MailTls::None).is_err());
    }

    #[test]
    fn wrong_settings_are_named_and_the_password_is_never_shown() {
        let why = |settings| Sender::new(settings).err().unwrap_or_default();
        assert!(why(settings("", MailTls::None, "")).starts_with("mail.server"));
        assert!(why(settings("m:25", MailTls::None, "me")).starts_with("mail.user"));
        let from = Settings { from: "nobody", ..settings("m", MailTls::Starttls, "") };
        assert!(why(from).starts_with("mail.from"));
        let page = Settings { page: "calls", ..settings("m", MailTls::Starttls, "") };
        assert!(why(page).starts_with("mail.page"));
        let sender = Sender::new(settings("m", MailTls::Implicit, "me")).expect("right");
        assert!(!format!("{sender:?}").contains("secret"), "{sender:?}");
    }

    #[test]
    fn the_text_says_who_invites_where_to_and_until_when() {
        let sender = Sender::new(settings("m", MailTls::Starttls, "")).expect("right");
        let letter = Letter {
            to: "ann@acme.test".into(),
            name: Some("Ann Lee".into()),
            account: "Acme".into(),
            link: "cbl_x".into(),
            until: "2026-11-30T10:00:00.000Z".into(),
            is_invitation: true,
            id: "acme.usr_ann.7".into(),
        };
        let text = sender.text(&letter);
        for part in ["Hello Ann Lee", "invited to Acme", "2026-11-30"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("\nhttps://calls.acme.test/welcome#cbl_x\n"), "{text}");
        assert!(sender.text(&Letter { is_invitation: false, ..letter }).contains("new password"));
    }
}
