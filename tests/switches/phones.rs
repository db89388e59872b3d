//! Any number of agents' phones on one port, told apart by the user's part of the address. On one
//! port, so that what they hear has one order: how many ring at once is exact.

use super::sip::{Dialog, Hears, Message, Party, unique, with_body};
use std::collections::BTreeMap;

/// What a phone does with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Rings until something is done.
    #[default]
    Rings,
    /// Says nothing at all.
    Dead,
    /// Is answered at once.
    Answers,
    /// 486.
    Busy,
    /// Rings, then 603.
    Refuses,
    /// Its user answers when the CANCEL is on its way: the answer crosses it.
    AnswersTooLate,
    /// No phone: what tells callers their place (183), until it is cancelled or has ended.
    Announces,
}

/// What a phone is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing has happened yet.
    #[default]
    Nothing,
    /// It rings.
    Ringing,
    /// It speaks to the caller, who still waits.
    Announcing,
    /// It was told to stop.
    Cancelled,
    /// It said no, or was busy.
    Declined,
    /// It has the call.
    Talking,
    /// The other side hung up.
    HungUpOn,
    /// It hung up.
    HungUp,
}

#[derive(Default)]
struct Phone {
    manner: Manner,
    doing: Doing,
    rung: usize,
    invite: Option<Message>,
    tag: String,
    dialog: Option<Dialog>,
}

/// All of them.
pub struct Switchboard {
    address: String,
    phones: BTreeMap<String, Phone>,
    /// The most that rang at once.
    most: usize,
    /// Responses to REGISTER, the latest last.
    registered: Vec<Message>,
}

impl Switchboard {
    fn ringing(&self) -> usize {
        self.phones.values().filter(|phone| phone.doing == Doing::Ringing).count()
    }
}

impl Hears for Switchboard {
    fn hears(&mut self, message: &Message) -> Vec<String> {
        if message.status().is_some() {
            return self.hears_response(message);
        }
        let user = match message.method() {
            // In a conversation the address is the phone's contact.
            "INVITE" | "CANCEL" | "BYE" => message.user().to_owned(),
            _ => return Vec::new(),
        };
        let contact = format!("sip:{user}@{}", self.address);
        let phone = self.phones.entry(user).or_default();
        let said = phone.hears(message, &contact);
        self.most = self.most.max(self.ringing());
        said
    }
}

impl Switchboard {
    fn hears_response(&mut self, message: &Message) -> Vec<String> {
        match message.cseq_method() {
            "REGISTER" => self.registered.push(message.clone()),
            // The other side has taken a re-INVITE.
            "INVITE" if message.status() == Some(200) => {
                let of_call = |phone: &&Phone| {
                    let own = phone.invite.as_ref().and_then(|invite| invite.header("Call-ID"));
                    own == message.header("Call-ID") && phone.dialog.is_some()
                };
                let phone = self.phones.values().find(of_call);
                return phone
                    .and_then(|p| p.dialog.as_ref())
                    .map(Dialog::ack)
                    .into_iter()
                    .collect();
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Phone {
    fn hears(&mut self, message: &Message, contact: &str) -> Vec<String> {
        let ok = message.response("200 OK", &self.tag, contact, false);
        match message.method() {
            "INVITE" if self.dialog.is_some() => {
                vec![message.response("200 OK", &self.tag, contact, true)]
            }
            "INVITE" => self.is_called(message, contact),
            "CANCEL" if matches!(self.doing, Doing::Ringing | Doing::Announcing) => {
                let invite = self.invite.clone().unwrap();
                if self.manner == Manner::AnswersTooLate {
                    return vec![ok, self.pick_up(contact)];
                }
                self.doing = Doing::Cancelled;
                vec![ok, invite.response("487 Request Terminated", &self.tag, contact, false)]
            }
            "BYE" => {
                self.doing = Doing::HungUpOn;
                self.dialog = None;
                vec![ok]
            }
            _ => vec![ok],
        }
    }

    fn is_called(&mut self, invite: &Message, contact: &str) -> Vec<String> {
        // The same again: it was answered already.
        let again = self.invite.as_ref().and_then(|known| known.header("Via"));
        if again == invite.header("Via") {
            return Vec::new();
        }
        (self.invite, self.tag, self.rung) = (Some(invite.clone()), unique(), self.rung + 1);
        let say = |phone: &Phone, status: &str| invite.response(status, &phone.tag, contact, false);
        let ringing = say(self, "180 Ringing");
        self.doing = Doing::Ringing;
        match self.manner {
            Manner::Rings | Manner::AnswersTooLate => vec![ringing],
            Manner::Answers => vec![ringing, self.pick_up(contact)],
            Manner::Announces => {
                self.doing = Doing::Announcing;
                vec![invite.response("183 Session Progress", &self.tag, contact, true)]
            }
            Manner::Dead => {
                self.doing = Doing::Nothing;
                Vec::new()
            }
            Manner::Busy => {
                self.doing = Doing::Declined;
                vec![say(self, "486 Busy Here")]
            }
            Manner::Refuses => {
                self.doing = Doing::Declined;
                vec![ringing, say(self, "603 Decline")]
            }
        }
    }

    fn pick_up(&mut self, contact: &str) -> String {
        let invite = self.invite.clone().unwrap();
        self.doing = Doing::Talking;
        self.dialog = Some(Dialog::of_called(&invite, &self.tag, contact));
        invite.response("200 OK", &self.tag, contact, true)
    }
}

/// The phones of a laboratory.
pub struct Phones {
    party: Party<Switchboard>,
    switch_port: u16,
}

impl Phones {
    /// None yet; what they send goes to this port.
    pub fn new(switch_port: u16) -> Phones {
        let make = |address: &str| Switchboard {
            address: address.to_owned(),
            phones: BTreeMap::new(),
            most: 0,
            registered: Vec::new(),
        };
        Phones { party: Party::new(make), switch_port }
    }

    /// Their port.
    pub fn port(&self) -> u16 {
        self.party.port()
    }

    /// From now on this phone behaves so.
    pub fn set(&self, user: &str, manner: Manner) {
        self.party.state().phones.entry(user.to_owned()).or_default().manner = manner;
    }

    /// What a phone is doing.
    pub fn doing(&self, user: &str) -> Doing {
        self.party.state().phones.get(user).map_or(Doing::Nothing, |phone| phone.doing)
    }

    /// How often a phone was rung.
    pub fn rung(&self, user: &str) -> usize {
        self.party.state().phones.get(user).map_or(0, |phone| phone.rung)
    }

    /// How many ring now.
    pub fn ringing(&self) -> Vec<String> {
        let state = self.party.state();
        let ringing = state.phones.iter().filter(|(_, phone)| phone.doing == Doing::Ringing);
        ringing.map(|(user, _)| user.clone()).collect()
    }

    /// The most that rang at once.
    pub fn most_ringing(&self) -> usize {
        self.party.state().most
    }

    /// The user of a ringing phone picks up.
    pub fn answer(&self, user: &str) {
        let contact = format!("sip:{user}@127.0.0.1:{}", self.port());
        self.with(user, |phone| {
            assert_eq!(phone.doing, Doing::Ringing, "{user}'s phone does not ring");
            phone.pick_up(&contact)
        });
    }

    /// An announcement is over: a failure ends it. Returns what the INVITE said of the caller's place.
    pub fn ends_announcement(&self, user: &str) -> String {
        let mut place = String::new();
        self.with(user, |phone| {
            assert_eq!(phone.doing, Doing::Announcing, "{user} announces nothing");
            phone.doing = Doing::Declined;
            let invite = phone.invite.clone().unwrap();
            place = invite.header("X-Queue-Position").unwrap_or_default().to_owned();
            invite.response("480 Announcement Done", &phone.tag, "", false)
        });
        place
    }

    /// The user hangs up.
    pub fn hang_up(&self, user: &str) {
        self.with(user, |phone| {
            phone.doing = Doing::HungUp;
            phone.dialog.take().expect("a conversation").request("BYE", None)
        });
    }

    /// The user holds the call (`sendonly`) or takes it back (`sendrecv`).
    pub fn re_invite(&self, user: &str, direction: &str) {
        self.with(user, |phone| {
            phone.dialog.as_mut().expect("a conversation").request("INVITE", Some(direction))
        });
    }

    /// Sends what a phone says. Its state stays locked meanwhile, so that nothing overtakes it.
    fn with(&self, user: &str, act: impl FnOnce(&mut Phone) -> String) {
        let mut state = self.party.state();
        let text = act(state.phones.get_mut(user).expect("a phone that was rung"));
        self.party.send(&text, self.switch_port);
    }

    /// Registers a phone for so many seconds (0 = not any more), with an answer to a challenge;
    /// returns the response.
    pub fn register(&self, user: &str, seconds: u32, authorization: Option<&str>) -> Message {
        let before = self.party.state().registered.len();
        let (port, server) = (self.port(), self.switch_port);
        let mut text = format!(
            "REGISTER sip:127.0.0.1:{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{0}\r\n\
             From: <sip:{user}@127.0.0.1>;tag={0}\r\nTo: <sip:{user}@127.0.0.1>\r\n\
             Call-ID: register-{user}-{0}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{user}@127.0.0.1:{port}>\r\nExpires: {seconds}\r\n",
            unique()
        );
        authorization.iter().for_each(|value| text += &format!("Authorization: {value}\r\n"));
        self.party.send(&with_body(text, None), server);
        crate::support::until("the registrar's response", || {
            self.party.state().registered.get(before).cloned()
        })
    }
}
