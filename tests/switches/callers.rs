//! A caller, told by the test what to do and when.

use super::sip::{Dialog, Hears, Message, Party, unique, with_body};
use crate::support::until;

/// What a caller has heard.
pub struct Line {
    /// Address, Call-ID and the like: the INVITE's own lines, for CANCEL and ACK.
    invite: Invite,
    /// All statuses of the INVITE, in order.
    statuses: Vec<u16>,
    /// Places in the line, as told.
    places: Vec<u32>,
    dialog: Option<Dialog>,
    hung_up_on: bool,
    /// Responses to BYE and re-INVITE.
    taken: usize,
}

struct Invite {
    uri: String,
    via: String,
    from: String,
    to: String,
    call_id: String,
    contact: String,
}

impl Invite {
    fn request(&self, method: &str, to: &str, direction: Option<&str>) -> String {
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: 1 {method}\r\nContact: <{}>\r\nMax-Forwards: 70\r\n",
            self.uri, self.via, self.from, self.call_id, self.contact
        );
        with_body(text, direction)
    }
}

impl Hears for Line {
    fn hears(&mut self, message: &Message) -> Vec<String> {
        match (message.status(), message.cseq_method()) {
            (None, "BYE") => {
                self.hung_up_on = true;
                vec![message.response("200 OK", "", &self.invite.contact, false)]
            }
            (None, "INVITE") => vec![message.response("200 OK", "", &self.invite.contact, true)],
            (Some(200), "INVITE") if self.dialog.is_some() => {
                self.taken += 1;
                self.dialog.as_ref().map(Dialog::ack).into_iter().collect()
            }
            (Some(status), "INVITE") => {
                self.statuses.push(status);
                let told = message.header("X-Queue-Position");
                let place = told.and_then(|text| text.parse::<u32>().ok());
                self.places.extend(place);
                if status == 200 {
                    let dialog = Dialog::of_caller(message, &self.invite.contact);
                    let ack = dialog.ack();
                    self.dialog = Some(dialog);
                    return vec![ack];
                }
                let to = message.header("To").unwrap_or("");
                let ack = (status > 200).then(|| self.invite.request("ACK", to, None));
                ack.into_iter().collect()
            }
            (Some(200), "BYE") => {
                self.taken += 1;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// A caller on a port of its own.
pub struct Caller {
    party: Party<Line>,
    switch_port: u16,
    name: String,
}

impl Caller {
    /// Dials `number`; `name` becomes the Call-ID.
    pub fn dial(switch_port: u16, name: &str, number: &str) -> Caller {
        let party = Party::new(|address| Line {
            invite: Invite {
                uri: format!("sip:{number}@127.0.0.1:{switch_port}"),
                via: format!("SIP/2.0/UDP {address};branch=z9hG4bK-{}", unique()),
                from: format!("<sip:+15551230001@{address}>;tag={}", unique()),
                to: format!("<sip:{number}@127.0.0.1>"),
                call_id: name.to_owned(),
                contact: format!("sip:caller@{address}"),
            },
            statuses: Vec::new(),
            places: Vec::new(),
            dialog: None,
            hung_up_on: false,
            taken: 0,
        });
        let invite = {
            let line = party.state();
            line.invite.request("INVITE", &line.invite.to, Some("sendrecv"))
        };
        party.send(&invite, switch_port);
        Caller { party, switch_port, name: name.to_owned() }
    }

    /// The Call-ID.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until a response with this status has come.
    pub fn hears(&self, status: u16) {
        until(&format!("{} to hear {status}", self.name), || {
            let line = self.party.state();
            if let Some(last) = line.statuses.last().filter(|last| **last >= 200) {
                assert!(line.statuses.contains(&status), "{} heard {last} at last", self.name);
            }
            line.statuses.contains(&status).then_some(())
        });
    }

    /// Statuses so far.
    pub fn statuses(&self) -> Vec<u16> {
        self.party.state().statuses.clone()
    }

    /// Places in the line that were told so far.
    pub fn places(&self) -> Vec<u32> {
        self.party.state().places.clone()
    }

    /// Gives up before an answer.
    pub fn give_up(&self) {
        let line = self.party.state();
        let cancel = line.invite.request("CANCEL", &line.invite.to, None);
        self.party.send(&cancel, self.switch_port);
    }

    /// Hangs up, and waits until that is taken.
    pub fn hang_up(&self) {
        self.within("BYE", None);
    }

    /// Holds the call (`sendonly`) or takes it back (`sendrecv`), and waits until that is taken.
    pub fn re_invite(&self, direction: &str) {
        self.within("INVITE", Some(direction));
    }

    fn within(&self, method: &str, direction: Option<&str>) {
        let before = {
            let mut line = self.party.state();
            let text = line.dialog.as_mut().expect("a conversation").request(method, direction);
            self.party.send(&text, self.switch_port);
            line.taken
        };
        until(&format!("{}'s {method} to be taken", self.name), || {
            (self.party.state().taken > before).then_some(())
        });
    }

    /// Waits until the other side has hung up.
    pub fn is_hung_up_on(&self) {
        until(&format!("{} to be hung up on", self.name), || {
            self.party.state().hung_up_on.then_some(())
        });
    }
}
