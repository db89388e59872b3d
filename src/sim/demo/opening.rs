//! Opens the floor: configures the account, issues keys, and puts everybody in their places.

use super::dashboard::Dashboard;
use super::{ACCOUNT, Args};
use crate::sim::client::{Client, Error};
use crate::sim::floor::agent::{Agent, Habits};
use crate::sim::floor::exchange::{Phone, Said};
use crate::sim::floor::switch::{Seen, Switch};
use crate::sim::floor::{Now, callers, dice, world};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Requests of the configuration that are under way at once.
const AT_ONCE: usize = 16;

/// An open floor.
pub struct Floor {
    /// Sends callers.
    pub callers: JoinHandle<()>,
    /// What the switch has seen.
    pub seen: Seen,
    /// What the dashboard shows.
    pub dashboard: Dashboard,
    /// Who cannot go on, and why.
    pub trouble: UnboundedReceiver<String>,
    people: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Floor {
    /// Everybody goes home.
    pub fn leave(self) {
        let _ = self.stop.send(true);
        self.people.iter().for_each(JoinHandle::abort);
    }
}

/// Configures the account and lets everybody begin.
///
/// # Errors
/// When the server refuses some of it.
pub async fn open(args: &Args, owner: Client, now: Now) -> Result<Floor, Error> {
    let agents = usize::try_from(args.agents).unwrap_or(usize::MAX);
    configure(&owner, agents).await?;
    let (tell, trouble) = mpsc::unbounded_channel();
    let (said, hear) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let mut people = Vec::new();
    let mut start = |who: String, work: Work| people.push(employ(who, work, tell.clone()));

    let (dashboard, watching) = Dashboard::open(owner.clone(), ACCOUNT);
    start("the dashboard".to_owned(), Box::pin(watching));
    let phones = staff(args, &owner, agents, &said, &mut start).await?;
    let seen = Seen::default();
    let key = json!({ "name": world::SWITCH, "role": "switch", "switch": world::SWITCH });
    let switch = Switch {
        client: owner.with_key(&issue(&owner, &key).await?),
        link: format!("{}/switches/{}/link", account(), world::SWITCH),
        id: world::SWITCH.to_owned(),
        // A start of the switch that this data folder has not seen.
        boot: format!("boot-{}", now()),
        now,
        phones,
        said: said.clone(),
        seen: seen.clone(),
    };
    start("the switch".to_owned(), Box::pin(switch.run(hear, stopped)));
    let callers = tokio::spawn(callers::run(dice(args.seed, 0), args.rate(), said));
    Ok(Floor { callers, seen, dashboard, trouble, people, stop })
}

type Work = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Somebody's work as a task that tells when it cannot go on.
fn employ(who: String, work: Work, tell: UnboundedSender<String>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = work.await {
            // Nobody listens any more only when the floor is closing.
            let _ = tell.send(format!("{who}: {error}"));
        }
    })
}

async fn staff(
    args: &Args,
    owner: &Client,
    agents: usize,
    said: &UnboundedSender<Said>,
    start: &mut impl FnMut(String, Work),
) -> Result<BTreeMap<String, UnboundedSender<Phone>>, Error> {
    let keys = stream::iter(0..agents).map(|number| {
        let user = world::user(number);
        async move {
            let key = json!({ "name": user, "role": "agent", "user": user });
            issue(owner, &key).await.map(|key| (number, user, key))
        }
    });
    let keys: Vec<(usize, String, String)> = keys.buffered(AT_ONCE).try_collect().await?;
    let mut phones = BTreeMap::new();
    for (number, user, key) in keys {
        let (ring, phone) = mpsc::unbounded_channel();
        phones.insert(user.clone(), ring);
        let agent = Agent {
            user: user.clone(),
            client: owner.with_key(&key),
            account: account(),
            phone,
            switch: said.clone(),
            dice: dice(args.seed, 1 + number as u64),
            habits: Habits::default(),
        };
        start(user, Box::pin(agent.run()));
    }
    Ok(phones)
}

/// Sets up everything that the account has, stage by stage.
async fn configure(owner: &Client, agents: usize) -> Result<(), Error> {
    for stage in world::stages(agents) {
        let puts = stream::iter(stage).map(|(path, body)| async move {
            owner.put(&format!("{}{path}", account()), &body).await.map(drop)
        });
        puts.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

fn account() -> String {
    format!("/v1/accounts/{ACCOUNT}")
}

/// A new key's secret.
async fn issue(owner: &Client, request: &Value) -> Result<String, Error> {
    let answer = owner.post(&format!("{}/keys", account()), request).await?;
    let secret = answer["secret"].as_str().or_else(|| answer["key"].as_str());
    secret.map(str::to_owned).ok_or_else(|| Error::NotJson(format!("no secret in {answer}")))
}
