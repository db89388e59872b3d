//! Phones that register with Kamailio, and what Callboard hears of it.

use super::kamailio::{Lab, Setup};
use super::phones::Manner;
use crate::support::until;
use crate::{lab_with, switches::sip::Message};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A registrar that lets phones go after a second.
fn registrar(passwords: Option<&std::path::Path>) -> Setup {
    let second = "1".to_owned();
    let how = match passwords {
        Some(folder) => ("CALLBOARD_PHONES", format!("text://{}", folder.display())),
        None => ("CALLBOARD_OPEN_REGISTRAR", "1".to_owned()),
    };
    let env = vec![
        ("CALLBOARD_REGISTER_LEAST", second.clone()),
        ("CALLBOARD_REGISTER_CHECK", second),
        how,
    ];
    Setup { env, ..Setup::default() }
}

/// An agent whose endpoint is the name under which the phone registers.
fn agent(lab: &Lab) {
    lab.queue("support", "longest_idle");
    lab.user("usr_ann", "ann");
    lab.put("/queues/support/members/usr_ann", &serde_json::json!({}));
    lab.set_status("usr_ann", "ready");
    lab.phones.set("ann", Manner::Answers);
}

fn until_device(lab: &Lab, lost: bool) {
    until(&format!("device_lost = {lost}"), || {
        let agent = lab.agent_json("usr_ann");
        let blocked = agent["queues"][0]["blocked_by"] == "device_lost";
        (agent["device_lost"] == lost && blocked == lost).then_some(())
    });
}

#[test]
fn a_phone_that_registers_is_rung_where_it_is_and_one_that_leaves_is_not() {
    let Some(lab) = lab_with(registrar(None)) else { return };
    agent(&lab);
    assert_eq!(lab.phones.register("ann", 60, None).status(), Some(200));
    let caller = lab.caller("registered");
    lab.until_call("registered", "connected");
    caller.hears(200);
    caller.hang_up();
    lab.until_call("registered", "ended");

    assert_eq!(lab.phones.register("ann", 0, None).status(), Some(200));
    until_device(&lab, true);
    let waits = lab.caller("waits");
    lab.until_call("waits", "waiting");
    assert_eq!(lab.phones.register("ann", 60, None).status(), Some(200));
    lab.until_call("waits", "connected");
    waits.hears(200);
    waits.hang_up();
    until_device(&lab, false);
}

#[test]
fn a_registration_that_runs_out_is_a_lost_device() {
    let Some(lab) = lab_with(registrar(None)) else { return };
    agent(&lab);
    assert_eq!(lab.phones.register("ann", 1, None).status(), Some(200));
    until_device(&lab, true);
    assert_eq!(lab.phones.register("ann", 60, None).status(), Some(200));
    until_device(&lab, false);
}

/// Not registered and nowhere to dial: unreachable, which is the phone's fault and no error.
#[test]
fn a_phone_that_never_registered_is_unreachable() {
    let Some(lab) = lab_with(registrar(None)) else { return };
    agent(&lab);
    let caller = lab.caller("never");
    let call = until("the offer over", || {
        lab.call_in_state("never", "waiting")
            .filter(|call| call["offers"][0]["outcome"].is_string())
    });
    assert_eq!(call["offers"][0]["outcome"], "unreachable", "{call:#}");
    assert_eq!(lab.agent_json("usr_ann")["queues"][0]["blocked_by"], "delay");
    caller.give_up();
    caller.hears(487);
}

#[test]
fn a_phone_needs_its_password() {
    let passwords = tempfile::tempdir().unwrap();
    let table = "id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) \
                 expires(int)\n1:ann:0:0:open sesame:0\n";
    std::fs::write(passwords.path().join("phones"), table).unwrap();
    let Some(lab) = lab_with(registrar(Some(passwords.path()))) else { return };
    agent(&lab);
    // A phone whose password is there only after the table has been read again.
    let path = passwords.path().join("phones");
    std::fs::write(&path, format!("{table}2:dee:0:0:later:0\n")).unwrap();
    // Kamailio sees by the second whether a file has changed.
    let later = std::fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(2);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let dee = answer(&lab.phones.register("dee", 60, None), "dee", "later");
    assert_eq!(lab.phones.register("dee", 60, Some(&dee)).status(), Some(401));
    lab.kamcmd(&["htable.reload", "phones"]);
    let dee = answer(&lab.phones.register("dee", 60, None), "dee", "later");
    assert_eq!(lab.phones.register("dee", 60, Some(&dee)).status(), Some(200));
    let challenge = lab.phones.register("ann", 60, None);
    assert_eq!(challenge.status(), Some(401));
    let wrong = answer(&lab.phones.register("ann", 60, None), "ann", "guess");
    assert_eq!(lab.phones.register("ann", 60, Some(&wrong)).status(), Some(401));
    let other = answer(&lab.phones.register("bob", 60, None), "ann", "open sesame");
    assert_eq!(lab.phones.register("bob", 60, Some(&other)).status(), Some(401));
    let right = answer(&challenge, "ann", "open sesame");
    assert_eq!(lab.phones.register("ann", 60, Some(&right)).status(), Some(200));
    let caller = lab.caller("with-password");
    lab.until_call("with-password", "connected");
    caller.hears(200);
    caller.hang_up();
}

/// Without a word about registrations there is no registrar.
#[test]
fn no_phone_registers_unasked() {
    let Some(lab) = lab_with(Setup::default()) else { return };
    assert_eq!(lab.phones.register("ann", 60, None).status(), Some(403));
}

/// Only the addresses that CALLBOARD_TRUNKS names may call.
#[test]
fn a_stranger_s_call_is_refused() {
    let strangers = vec![("CALLBOARD_TRUNKS", "^192[.]0[.]2[.]".to_owned())];
    let Some(lab) = lab_with(Setup { env: strangers, ..Setup::default() }) else { return };
    let caller = lab.caller("stranger");
    caller.hears(403);
    let friends = vec![("CALLBOARD_TRUNKS", "^(192[.]0[.]2|127[.]0[.]0)[.]".to_owned())];
    drop(lab);
    let Some(lab) = lab_with(Setup { env: friends, ..Setup::default() }) else { return };
    lab.queue("support", "longest_idle");
    let caller = lab.caller("friend");
    lab.until_call("friend", "waiting");
    caller.give_up();
    caller.hears(487);
}

/// Whoever does not know the webhook's password gives no commands.
#[test]
fn a_stranger_s_commands_are_refused() {
    let Some(lab) = lab_with(Setup::default()) else { return };
    lab.queue("support", "longest_idle");
    let caller = lab.caller("victim");
    lab.until_call("victim", "waiting");
    let command = serde_json::json!({ "commands": [
        { "seq": 1, "id": "cmd_forged", "type": "call.end", "call": "victim", "reason": "forged" }
    ] });
    assert_eq!(lab.command("Bearer guess", &command).0, 401);
    assert!(caller.statuses().iter().all(|status| *status < 200));
    let unknown = serde_json::json!({ "commands": [
        { "seq": 1, "id": "cmd_odd", "type": "call.sing", "call": "victim" }
    ] });
    let (status, _, answer) = lab.command(super::kamailio::WEBHOOK_AUTHORIZATION, &unknown);
    let failed = serde_json::json!({ "failed": [{ "id": "cmd_odd", "reason": "unsupported" }] });
    assert_eq!((status, answer), (409, failed));
    caller.give_up();
    caller.hears(487);
}

/// The answer to a digest challenge (RFC 2617, without qop).
fn answer(challenge: &Message, user: &str, password: &str) -> String {
    let offered = challenge.header("WWW-Authenticate").expect("a challenge");
    let value = |name: &str| {
        let found = offered.split_once(&format!("{name}=\"")).map(|(_, rest)| rest);
        found.and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned()
    };
    let (realm, nonce, uri) = (value("realm"), value("nonce"), "sip:127.0.0.1");
    let who = md5(&format!("{user}:{realm}:{password}"));
    let response = md5(&format!("{who}:{nonce}:{}", md5(&format!("REGISTER:{uri}"))));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5"
    )
}

/// By the tool of coreutils: MD5 serves nothing else here.
fn md5(text: &str) -> String {
    use std::io::Write;
    let piped = Command::new("md5sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = piped.expect("md5sum");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..32].to_owned()
}
