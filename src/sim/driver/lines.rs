//! Lines of a scenario as inputs of the engine.

use super::Driver;
use crate::domain::ids::Name;
use crate::domain::input::{
    Actor, CallChange, CallbackWish, Command, Door, Input, ObjectRef, Precondition,
};
use crate::domain::objects::user::Role;
use crate::domain::presence::Status;
use crate::domain::switching::{
    Arrival, ArrivalTarget, Direction, Happening, OverflowWhy, SwitchEvent, SyncCall, TransferKind,
    TransferTo,
};
use crate::sim::step::{Report, Step, To, What};
use std::collections::BTreeMap;

impl Driver {
    pub(super) fn input(&self, step: &Step) -> Option<Input> {
        let command = |actor, command| Some(Input::Command { actor, command });
        match step {
            Step::At(_) | Step::Expect(_) => None,
            Step::Put { kind, parent, id, body } => {
                use crate::domain::input::Kind;
                let id = if matches!(kind, Kind::User | Kind::Member) {
                    user_id(id)
                } else {
                    id.clone()
                };
                let object = ObjectRef { kind: *kind, parent: parent.clone(), id };
                let body = body.clone();
                command(
                    owner(),
                    Command::Put {
                        object,
                        body,
                        merge: false,
                        only_if: Precondition::None,
                        dry_run: false,
                    },
                )
            }
            Step::RemoveMember { queue, user } => {
                let kind = crate::domain::input::Kind::Member;
                let object = ObjectRef { kind, parent: queue.clone(), id: user_id(user) };
                command(
                    owner(),
                    Command::Delete { object, only_if: Precondition::None, dry_run: false },
                )
            }
            Step::Event(report) => Some(Input::Switch {
                actor: switch_actor(&report.switch),
                source: report.switch.clone(),
                event: self.event(report),
            }),
            Step::Status { user, status, when, lease_ms } => command(
                agent_actor(user),
                Command::SetStatus {
                    user: user_id(user),
                    status: *status,
                    reason: break_reason(*status),
                    when: *when,
                    lease_ms: *lease_ms,
                },
            ),
            Step::Force { user, status, when } => command(
                supervisor(),
                Command::ForceStatus {
                    user: user_id(user),
                    status: *status,
                    reason: break_reason(*status),
                    when: *when,
                },
            ),
            Step::Clear { user } => {
                command(supervisor(), Command::ClearForced { user: user_id(user) })
            }
            Step::Opt { user, queue, opted_in } => command(
                agent_actor(user),
                Command::SetOptedIn {
                    queue: queue.clone(),
                    user: user_id(user),
                    opted_in: *opted_in,
                },
            ),
            Step::Accept { call, user } => {
                command(agent_actor(user), Command::Accept { offer: self.offer_id(call, user) })
            }
            Step::Refuse { call, user } => {
                command(agent_actor(user), Command::Refuse { offer: self.offer_id(call, user) })
            }
            Step::Wrapped { call, user } => command(
                agent_actor(user),
                Command::EndWrapUp { call: self.call_id(call), disposition: None },
            ),
            Step::Assign { call, user } => command(
                supervisor(),
                Command::Assign { call: self.call_id(call), user: user_id(user) },
            ),
            Step::Change { call, priority, skills, queue } => command(
                supervisor(),
                Command::ChangeCall {
                    call: self.call_id(call),
                    change: CallChange {
                        priority: *priority,
                        skills: skills.clone(),
                        queue: queue.clone(),
                    },
                },
            ),
            Step::Callback { call: _, queue, switch } => command(
                supervisor(),
                Command::MakeCallback(Box::new(CallbackWish {
                    queue: queue.clone(),
                    number: "+15550002".to_owned(),
                    switch: Some(switch.clone()),
                    ..CallbackWish::default()
                })),
            ),
            Step::Cancel { call } => {
                command(supervisor(), Command::CancelCallback { call: self.call_id(call) })
            }
            Step::HangUp { call } => {
                command(owner(), Command::EndCall { call: self.call_id(call) })
            }
            Step::Desk { user, desk, open } => {
                let (user_name, desk) = (user_id(user), *desk);
                let change = if *open {
                    Command::DeskOpened { user: user_name, desk }
                } else {
                    Command::DeskClosed { user: user_name, desk }
                };
                command(agent_actor(user), change)
            }
            Step::Spoke { switch } => Some(Input::SwitchSpoke { switch: switch.clone() }),
            Step::Link { switch, open } => {
                Some(Input::SwitchLink { switch: switch.clone(), open: *open })
            }
            Step::Unreachable { switch } => {
                Some(Input::SwitchUnreachable { switch: switch.clone() })
            }
            Step::Restart { away_ms } => Some(Input::Resumed { away_ms: *away_ms }),
        }
    }

    fn event(&self, report: &Report) -> SwitchEvent {
        let offer = |agent: &String| self.offer_id(&report.subject, agent);
        let what = match &report.what {
            What::Arrived { to, media, priority, skills, from, steps, preferred } => {
                let (target, dialled) = match to {
                    To::Queue(id) => (Some(ArrivalTarget::Queue(id.clone())), None),
                    To::Extension(ext) => (Some(ArrivalTarget::Extension(ext.clone())), None),
                    To::Agent(user) => (Some(ArrivalTarget::Agent(user_id(user))), None),
                    To::Number(number) => (None, Some(number.clone())),
                };
                Happening::CallArrived(Box::new(Arrival {
                    media: *media,
                    from: Some(from.clone()),
                    to: dialled,
                    target,
                    priority: *priority,
                    skills: skills.clone(),
                    steps: steps.clone(),
                    preferred: preferred.clone(),
                    attributes: BTreeMap::new(),
                }))
            }
            What::Abandoned => Happening::CallAbandoned,
            What::Ended(by) => Happening::CallEnded { by: *by },
            What::Updated { priority, skills } => Happening::CallUpdated {
                priority: *priority,
                skills: skills.clone(),
                attributes: None,
            },
            What::Held => Happening::CallHeld,
            What::Resumed => Happening::CallResumed,
            What::Transferred { to, attended } => Happening::CallTransferred {
                to: match to {
                    To::Queue(id) => TransferTo::Queue(id.clone()),
                    To::Extension(ext) => TransferTo::Extension(ext.clone()),
                    To::Agent(user) => TransferTo::Agent(user_id(user)),
                    To::Number(number) => TransferTo::Number(number.clone()),
                },
                kind: if *attended { TransferKind::Attended } else { TransferKind::Blind },
            },
            What::Choice => Happening::CallChoice,
            What::Party { agent, joins: true } => Happening::CallJoined { agent: user_id(agent) },
            What::Party { agent, .. } => Happening::CallLeft { agent: user_id(agent) },
            What::Customer(None) => Happening::CustomerAnswered,
            What::Customer(Some(reason)) => Happening::CustomerFailed { reason: *reason },
            What::Overflowed => Happening::CallOverflowed { why: OverflowWhy::EngineTimeout },
            What::Ringing { agent } => Happening::OfferRinging { offer: offer(agent) },
            What::Answered { agent } => Happening::OfferAnswered { offer: offer(agent) },
            What::Failed { agent, reason } => {
                Happening::OfferFailed { offer: offer(agent), reason: *reason }
            }
            What::OwnCall { agent, started: true } => Happening::AgentCallStarted {
                agent: user_id(agent),
                direction: Direction::Outbound,
            },
            What::OwnCall { agent, .. } => Happening::AgentCallEnded { agent: user_id(agent) },
            What::Device { agent, lost: true } => Happening::DeviceLost { agent: user_id(agent) },
            What::Device { agent, .. } => Happening::DeviceRegistered { agent: user_id(agent) },
            What::Started => Happening::SwitchStarted { software: None },
            What::Heartbeat => Happening::SwitchHeartbeat,
            What::Sync(calls) => Happening::SwitchSync {
                calls: calls
                    .iter()
                    .map(|(call, state)| SyncCall {
                        call: self.subject(call),
                        state: *state,
                        offer: None,
                    })
                    .collect(),
            },
            What::Unknown => Happening::Unknown {
                kind: "acme.strange".to_owned(),
                data: serde_json::json!({ "a": 1 }),
            },
        };
        SwitchEvent {
            id: report.id.clone().unwrap_or_else(|| format!("line-{}", self.inputs)),
            subject: self.subject(&report.subject),
            time: None,
            bootid: report.boot.clone(),
            sequence: report.seq,
            replayed: report.replayed,
            what,
            extra: None,
        }
    }
}

fn user_id(name: &str) -> String {
    format!("usr_{name}")
}

fn break_reason(status: Status) -> Option<String> {
    (status == Status::OnBreak).then(|| "unavailable".to_owned())
}

fn actor(name: &str, role: Role, user: Option<Name>, switch: Option<Name>) -> Actor {
    Actor { name: name.into(), role, user, switch, door: Door::default() }
}

fn owner() -> Actor {
    actor("own", Role::Owner, None, None)
}

fn supervisor() -> Actor {
    actor("sup", Role::Supervisor, None, None)
}

fn agent_actor(user: &str) -> Actor {
    let id: Name = user_id(user).into();
    actor(&id, Role::Agent, Some(id.clone()), None)
}

fn switch_actor(switch: &str) -> Actor {
    actor(switch, Role::Switch, None, Some(switch.into()))
}
