//! Mails with links, over SMTP: a mail server within the test, which really receives them.

use crate::certs::Authority;
use crate::support::{Server, until};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

const BASE: &str = "/v1/accounts/default";
const PASSWORD: &str = "correct horse";

/// A mail as it came in: to whom, and its text with the headers.
#[derive(Clone, Debug)]
struct Mail {
    to: String,
    text: String,
}

impl Mail {
    /// The link, as the receiver's program would find it.
    fn link(&self) -> String {
        // What quoted-printable has broken is whole again.
        let text = self.text.replace("=\r\n", "").replace("=3D", "=");
        let link = text.split("/welcome#").nth(1).expect("a link");
        link.split_whitespace().next().expect("its secret").to_owned()
    }

    fn header(&self, name: &str) -> String {
        let lines = self.text.lines().take_while(|line| !line.is_empty());
        let found = lines.filter_map(|line| line.split_once(": ")).find(|(n, _)| *n == name);
        found.expect("the header").1.to_owned()
    }
}

/// A mail server of the loopback. What it is told to answer to the next recipients it answers.
struct Post {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    refusals: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Post {
    fn open() -> Post {
        Post::open_as(Way::Plain)
    }

    fn open_as(way: Way) -> Post {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (mails, refusals) = (Arc::default(), Arc::default());
        let post = Post { port, mails: Arc::clone(&mails), refusals: Arc::clone(&refusals) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mails, refusals) = (Arc::clone(&mails), Arc::clone(&refusals));
                let way = way.clone();
                // A client that hangs up early ends its own talk only.
                std::thread::spawn(move || drop(way.talk(stream, &mails, &refusals)));
            }
        });
        post
    }

    /// With the word for how the way is encrypted.
    fn arguments(&self, tls: &str) -> Vec<String> {
        let server = format!("127.0.0.1:{}", self.port);
        let pairs = [
            ("--mail-server", server.as_str()),
            ("--mail-tls", tls),
            ("--mail-from", "Board <board@acme.test>"),
            ("--mail-page", "https://calls.acme.test/"),
        ];
        pairs.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect()
    }

    fn refuse(&self, answers: &[&'static str]) {
        self.refusals.lock().expect("free").extend(answers);
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("free").clone()
    }

    /// All mails, when there are so many.
    fn wait(&self, count: usize) -> Vec<Mail> {
        let enough = || Some(self.mails()).filter(|mails| mails.len() >= count);
        until(&format!("{count} mails"), enough)
    }
}

/// How the way to a mail server is encrypted.
#[derive(Clone)]
enum Way {
    Plain,
    /// From the first byte on.
    Implicit(Arc<ServerConfig>),
    /// After `STARTTLS`.
    Starttls(Arc<ServerConfig>),
}

impl Way {
    fn talk(
        self,
        stream: TcpStream,
        mails: &Mutex<Vec<Mail>>,
        refusals: &Mutex<VecDeque<&'static str>>,
    ) -> std::io::Result<()> {
        const GREETING: Option<&str> = Some("220 post.test");
        const ALONE: &str = "250-post.test\r\n250 AUTH PLAIN";
        let (stream, tls, greeting) = match self {
            Way::Plain => return talk(stream, (GREETING, ALONE), mails, refusals).map(drop),
            Way::Implicit(tls) => (stream, tls, GREETING),
            Way::Starttls(tls) => {
                // Who signs in or posts before the way is encrypted is heard, and seen by the tests.
                let offer = "250-post.test\r\n250-STARTTLS\r\n250 AUTH PLAIN";
                match talk(stream, (GREETING, offer), mails, refusals)? {
                    Some(stream) => (stream, tls, None),
                    None => return Ok(()),
                }
            }
        };
        let connection = ServerConnection::new(tls).expect("a connection");
        talk(StreamOwned::new(connection, stream), (greeting, ALONE), mails, refusals).map(drop)
    }
}

/// SMTP, as much as a client needs, until it goes or wants to go on in TLS. Who signs in stands in the
/// text of the mail.
fn talk<S: Read + Write>(
    stream: S,
    (greeting, hello): (Option<&'static str>, &'static str),
    mails: &Mutex<Vec<Mail>>,
    refusals: &Mutex<VecDeque<&'static str>>,
) -> std::io::Result<Option<S>> {
    let mut reader = BufReader::new(stream);
    let (mut to, mut line, mut signed_in) = (String::new(), String::new(), String::new());
    let mut next = greeting;
    loop {
        if let Some(next) = next {
            let stream = reader.get_mut();
            stream.write_all(format!("{next}\r\n").as_bytes())?;
            stream.flush()?;
            match &next[..3] {
                "221" => return Ok(None),
                "220" if !line.is_empty() => return Ok(Some(reader.into_inner())),
                _ => {}
            }
        }
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let (verb, rest) = line.trim_end().split_once([' ', ':']).unwrap_or((line.trim_end(), ""));
        next = Some(match verb {
            "EHLO" => hello,
            "STARTTLS" => "220 begin",
            "AUTH" => {
                signed_in = rest.to_owned();
                "235 come in"
            }
            "RCPT" => {
                to = rest.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                refusals.lock().expect("free").pop_front().unwrap_or("250 ok")
            }
            // What follows is asked for, and then taken whole.
            "DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n")?;
                reader.get_mut().flush()?;
                let mut text = format!("X-Signed-In: {signed_in}\r\n");
                while !text.ends_with("\r\n.\r\n") {
                    if reader.read_line(&mut text)? == 0 {
                        return Ok(None);
                    }
                }
                mails.lock().expect("free").push(Mail { to: to.clone(), text });
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        });
    }
}

fn serve(post: &Post, tls: &str, data: &Path) -> Server {
    let arguments = post.arguments(tls);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Server::start_in(data, &arguments)
}

fn person(name: &str) -> Value {
    json!({ "email": format!("{name}@acme.test"), "first_name": name, "last_name": "Lee",
        "role": "agent" })
}

fn invite(server: &Server, name: &str) -> Value {
    let body = json!({ "items": [person(name)] });
    server.must("POST", &format!("{BASE}/invites"), &body)["results"][0].clone()
}

fn stage(server: &Server, user: &str) -> Value {
    let page = server.must_get(&format!("{BASE}/invites"));
    let mut items = page["items"].as_array().expect("items").iter();
    items.find(|item| item["user"] == user).expect("invited")["mail"].clone()
}

fn told(server: &Server, kind: &str) -> Vec<Value> {
    let page = server.must_get(&format!("{BASE}/feed?limit=1000"));
    let records = page["items"].as_array().expect("items").iter();
    let events = records.flat_map(|record| record["events"].as_array().expect("events").clone());
    events.filter(|event| event["type"] == kind).collect()
}

#[test]
fn who_is_invited_is_sent_the_link_and_comes_in_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let post = Post::open();
    let server = serve(&post, "none", &folder.path().join("data"));
    let made = invite(&server, "ann");
    assert_eq!((&made["link"], &made["mailed"]), (&Value::Null, &json!(true)), "hers alone");
    let mails = post.wait(1);
    assert_eq!(mails[0].to, "ann@acme.test");
    assert_eq!(mails[0].header("From"), "Board <board@acme.test>");
    assert_eq!(mails[0].header("Subject"), "You are invited to default");
    let nobody = server.with_key("");
    let with = |link: &str| json!({ "link": link, "password": PASSWORD, "confirm": PASSWORD });
    let user = made["id"].as_str().expect("an id");
    until("that it is sent", || (stage(&server, user) == "sent").then_some(()));
    assert_eq!(told(&server, "mail_sent"), [json!({ "type": "mail_sent", "agent": user })]);

    // Sent again: another link, and the one before is dead.
    let again = server.must("POST", &format!("{BASE}/users/{user}/link"), &json!({}));
    assert_eq!((&again["link"], &again["mailed"]), (&Value::Null, &json!(true)));
    let mails = post.wait(2);
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    assert_eq!(nobody.post("/v1/links/use", &with(&mails[0].link())).0, 410);
    assert_eq!(nobody.post("/v1/links/use", &with(&mails[1].link())).0, 200);
    let sign_in = json!({ "email": "ann@acme.test", "password": PASSWORD });
    assert_eq!(nobody.post("/v1/sessions", &sign_in).0, 201);

    // To set the password anew it goes the same way; who has no address is shown it as before.
    server.must("POST", &format!("{BASE}/users/{user}/link"), &json!({}));
    let mails = post.wait(3);
    assert_eq!(mails[2].header("Subject"), "Your password for default");
    assert_eq!(nobody.post("/v1/links/use", &with(&mails[2].link())).0, 200);
    let bare = json!({ "first_name": "Bo", "last_name": "Lee" });
    server.must("PUT", &format!("{BASE}/users/usr_bo"), &bare);
    let shown = server.must("POST", &format!("{BASE}/users/usr_bo/link"), &json!({}));
    assert_eq!((shown["link"].is_string(), &shown["mailed"]), (true, &json!(false)));
    // Neither the log nor the feed tells a link.
    for mail in &mails {
        assert!(!server.log().contains(&mail.link()));
        assert!(
            !server.must_get(&format!("{BASE}/feed?limit=1000")).to_string().contains(&mail.link())
        );
    }
}

#[test]
fn who_forgot_the_password_is_sent_a_link_and_a_stranger_learns_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let post = Post::open();
    let server = serve(&post, "none", &folder.path().join("data"));
    let nobody = server.with_key("");
    invite(&server, "ann");
    let mails = post.wait(1);
    let used = json!({ "link": mails[0].link(), "password": PASSWORD, "confirm": PASSWORD });
    nobody.must("POST", "/v1/links/use", &used);
    let forgot = |email: &str| nobody.post("/v1/links/forgotten", &json!({ "email": email }));
    let (known, unknown) = (forgot("Ann@acme.test"), forgot("bob@acme.test"));
    assert_eq!((known.0, unknown.0, &known.2), (202, 202, &unknown.2));
    let mails = post.wait(2);
    assert_eq!(
        (&*mails[1].to, mails[1].header("Subject")),
        ("ann@acme.test", "Your password for default".to_owned())
    );
    let new = json!({ "link": mails[1].link(), "password": "a new one 2026", "confirm": "a new one 2026" });
    nobody.must("POST", "/v1/links/use", &new);
    // From wherever it is asked: nobody's post box is filled.
    let answers: Vec<u16> = (0..10).map(|_| forgot("ann@acme.test").0).collect();
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
    assert_eq!(post.mails().iter().filter(|mail| mail.to == "bob@acme.test").count(), 0);
    let without = Server::start();
    let refused = without.with_key("").post("/v1/links/forgotten", &json!({ "email": "a@b.test" }));
    assert_eq!((refused.0, &refused.2["code"]), (409, &json!("no_mail_server")));
}

#[test]
fn a_mail_is_tried_again_until_it_is_taken_or_refused_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let post = Post::open();
    let server = serve(&post, "none", &folder.path().join("data"));
    post.refuse(&["451 not now", "451 not now"]);
    let ann = invite(&server, "ann")["id"].clone();
    post.wait(1);
    until("that it is sent", || {
        (stage(&server, ann.as_str().expect("an id")) == "sent").then_some(())
    });
    let failures = told(&server, "mail_failed");
    assert_eq!(failures.len(), 2, "{failures:?}");
    let failure = json!({ "type": "mail_failed", "agent": ann, "code": 451, "last": false });
    assert_eq!(failures[0], failure);

    post.refuse(&["550 no such mailbox"]);
    let bob = invite(&server, "bob")["id"].clone();
    let bob = bob.as_str().expect("an id");
    until("that it is given up", || (stage(&server, bob) == "failed").then_some(()));
    let last = told(&server, "mail_failed").pop().expect("told");
    assert_eq!((&last["code"], &last["last"]), (&json!(550), &json!(true)));
    let metrics = server.must_get("/metrics");
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("callboard_mails_total{outcome=\"failed\"} 3"), "{metrics}");
    assert!(!server.log().contains("bob@acme.test"));
    // Asked for anew, it is sent anew.
    server.must("POST", &format!("{BASE}/users/{bob}/link"), &json!({}));
    assert_eq!(post.wait(2)[1].to, "bob@acme.test");
}

#[test]
fn what_was_not_sent_before_the_end_is_sent_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let post = Post::open();
    let mut server = serve(&post, "none", &data);
    post.refuse(&["451 not now"]);
    let ann = invite(&server, "ann")["id"].clone();
    let ann = ann.as_str().expect("an id");
    until("the failure", || (stage(&server, ann) == "failing").then_some(()));
    server.kill();
    let server = serve(&post, "none", &data);
    let mails = post.wait(1);
    let with = json!({ "link": mails[0].link(), "password": PASSWORD, "confirm": PASSWORD });
    assert_eq!(server.with_key("").post("/v1/links/use", &with).0, 200);
    assert_eq!(server.must_get(&format!("{BASE}/users/{ann}"))["state"], "active");
}

#[test]
fn wrong_settings_of_mails_end_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    for (settings, said) in [
        (&["--mail-server", "m.test"][..], "mail.from"),
        (&["--mail-server", "m.test", "--mail-from", "a@b.test"], "mail.page"),
        (&["--mail-server", "m.test", "--mail-tls", "ssl"], "starttls, implicit, none"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_callboard"))
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path())
            .args(settings)
            .output()
            .expect("runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(said), "{settings:?}: {told}");
    }
}

/// Posts over a way that is encrypted so: not without the authority, and with it signed in.
fn encrypted(word: &str, way: fn(Arc<ServerConfig>) -> Way) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let authority = Authority::new(folder.path(), "authority");
    let post = Post::open_as(way(authority.server(folder.path(), "post")));
    std::fs::write(file("password"), "open sesame\n").expect("written");
    let mut arguments = post.arguments(word);
    let text = |name: &str| file(name).display().to_string();
    let ca = authority.file.display().to_string();
    let more = ["--mail-user", "board", "--mail-password-file", &text("password")];
    arguments.extend(more.map(str::to_owned));
    let started = |name: &str, arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Server::start_in(&file(name), &arguments)
    };
    // A server whose authority nobody knows is not trusted with anything.
    let server = started("distrusts", &arguments);
    let ann = invite(&server, "ann")["id"].clone();
    let ann = ann.as_str().expect("an id");
    until("the failure", || (stage(&server, ann) == "failing").then_some(()));
    assert!(post.mails().is_empty());

    arguments.extend(["--mail-ca".to_owned(), ca]);
    let server = started("trusts", &arguments);
    invite(&server, "ann");
    let mail = post.wait(1).remove(0);
    // "\0board\0open sesame", as SASL PLAIN has it.
    assert_eq!(mail.header("X-Signed-In"), "PLAIN AGJvYXJkAG9wZW4gc2VzYW1l");
    assert!(!server.log().contains("sesame"), "{}", server.log());
}

#[test]
fn a_mail_server_is_signed_in_to_over_tls_from_the_first_byte_on() {
    encrypted("implicit", Way::Implicit);
}

#[test]
fn a_mail_server_is_signed_in_to_after_starttls() {
    encrypted("starttls", Way::Starttls);
}

#[test]
fn a_mail_server_that_does_not_offer_starttls_is_told_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let post = Post::open();
    let server = serve(&post, "starttls", &folder.path().join("data"));
    let ann = invite(&server, "ann")["id"].clone();
    let ann = ann.as_str().expect("an id");
    until("the failure", || (stage(&server, ann) == "failing").then_some(()));
    assert!(post.mails().is_empty());
}
