//! What administrators configure: one set of handlers for all families, since they differ only in
//! their bodies, and those are the engine's to read.

use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::body::{JSON, MERGE_PATCH};
use crate::api::endpoint::{Endpoint, Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::{QueueBody, TeamQueueBody};
use crate::api::{App, Routes};
use crate::domain::ids::is_name;
use crate::domain::input::{Command, Kind, ObjectRef, Precondition, Query};
use crate::domain::objects::{
    AccessGroup, Account, AlertRule, BreakReason, Calendar, Disposition, Hook, Member, Report,
    RoleBody, Route, Skill, Switch, Team, TeamMember, User,
};
use crate::domain::problem::{FieldError, Problem};
use serde_json::Value;
use utoipa::ToSchema;

/// A family of objects and where it is served.
#[derive(Clone, Copy)]
struct Family {
    kind: Kind,
    /// The path of all.
    all: &'static str,
    /// The path of one.
    one: &'static str,
    /// For operation ids: `skill`, `queue_member`.
    word: &'static str,
    /// In sentences: "a skill".
    a: &'static str,
    tag: &'static str,
}

impl Family {
    /// The object that the path names.
    fn object(self, ask: &Ask) -> ObjectRef {
        let parent = match self.kind {
            Kind::Member | Kind::QueueTeam => parent(ask),
            Kind::TeamMember => ask.param("team"),
            _ => String::new(),
        };
        let id = match self.kind {
            Kind::Account => String::new(),
            Kind::User | Kind::Member | Kind::TeamMember => ask.param("user"),
            Kind::QueueTeam => ask.param("team"),
            _ => ask.param("id"),
        };
        ObjectRef { kind: self.kind, parent, id }
    }
}

/// The queue or group that the path names.
pub(super) fn parent(ask: &Ask) -> String {
    let queue = ask.param("queue");
    if queue.is_empty() { ask.param("group") } else { queue }
}

macro_rules! family {
    ($kind:ident, $path:literal, $id:literal, $word:literal, $a:literal, $tag:literal) => {
        Family {
            kind: Kind::$kind,
            all: concat!("/v1/accounts/{account}/", $path),
            one: concat!("/v1/accounts/{account}/", $path, "/", $id),
            word: $word,
            a: $a,
            tag: $tag,
        }
    };
}

const ACCOUNT: Family = Family {
    kind: Kind::Account,
    all: "",
    one: "/v1/accounts/{account}",
    word: "account",
    a: "the account's settings",
    tag: "Configuration",
};
const SKILL: Family = family!(Skill, "skills", "{id}", "skill", "a skill", "Configuration");
const USER: Family = family!(User, "users", "{user}", "user", "a user", "Configuration");
const QUEUE: Family = family!(Queue, "queues", "{id}", "queue", "a queue", "Configuration");
const GROUP: Family = family!(Group, "groups", "{id}", "group", "a group", "Configuration");
const ROUTE: Family = family!(Route, "routes", "{id}", "route", "a route", "Configuration");
const SWITCH: Family = family!(Switch, "switches", "{id}", "switch", "a switch", "Configuration");
const BREAK: Family = family!(
    BreakReason,
    "break_reasons",
    "{id}",
    "break_reason",
    "a break reason",
    "Configuration"
);
const CALENDAR: Family =
    family!(Calendar, "calendars", "{id}", "calendar", "a calendar", "Configuration");
const ROLE: Family = family!(Role, "roles", "{id}", "role", "a role", "Rights");
const ACCESS_GROUP: Family =
    family!(AccessGroup, "access_groups", "{id}", "access_group", "an access group", "Rights");
const ALERT_RULE: Family =
    family!(AlertRule, "alert_rules", "{id}", "alert_rule", "an alert rule", "Figures");
const HOOK: Family = family!(Hook, "hooks", "{id}", "hook", "a hook", "Figures");
const REPORT: Family =
    family!(Report, "reports", "{id}", "report", "a scheduled report", "Figures");
const QUEUE_MEMBER: Family = family!(
    Member,
    "queues/{queue}/members",
    "{user}",
    "queue_member",
    "a member of a queue",
    "Configuration"
);
const GROUP_MEMBER: Family = family!(
    Member,
    "groups/{group}/members",
    "{user}",
    "group_member",
    "a member of a group",
    "Configuration"
);

const DISPOSITION: Family =
    family!(Disposition, "dispositions", "{id}", "disposition", "a disposition", "Configuration");
const TEAM: Family = family!(Team, "teams", "{id}", "team", "a team", "Configuration");
const TEAM_MEMBER: Family = family!(
    TeamMember,
    "teams/{team}/members",
    "{user}",
    "team_member",
    "a member of a team",
    "Configuration"
);
const QUEUE_TEAM: Family = family!(
    QueueTeam,
    "queues/{queue}/teams",
    "{team}",
    "queue_team",
    "a team that works for a queue, and how its members stand there",
    "Configuration"
);

/// The routes of all families.
pub fn routes(routes: Routes) -> Routes {
    let routes = routes.routes(get_one::<Account>(ACCOUNT)).routes(patch::<Account>(ACCOUNT));
    let routes = family::<Skill>(routes, SKILL);
    let routes = family_of_users(routes);
    let routes = family::<QueueBody>(routes, QUEUE);
    let routes = family::<QueueBody>(routes, GROUP);
    let routes = family::<Member>(routes, QUEUE_MEMBER);
    let routes = family::<Member>(routes, GROUP_MEMBER);
    let routes = family::<Team>(routes, TEAM);
    let routes = family::<TeamMember>(routes, TEAM_MEMBER);
    let routes = family::<TeamQueueBody>(routes, QUEUE_TEAM);
    let routes = family::<Route>(routes, ROUTE);
    let routes = family::<Switch>(routes, SWITCH);
    let routes = family::<Calendar>(routes, CALENDAR);
    let routes = family::<Disposition>(routes, DISPOSITION);
    let routes = family::<RoleBody>(routes, ROLE);
    let routes = family::<AccessGroup>(routes, ACCESS_GROUP);
    let routes = family::<AlertRule>(routes, ALERT_RULE);
    let routes = family::<Hook>(routes, HOOK);
    let routes = family::<Report>(routes, REPORT);
    family::<BreakReason>(routes, BREAK)
}

fn family<T: ToSchema>(routes: Routes, of: Family) -> Routes {
    routes
        .routes(get_all::<T>(of))
        .routes(get_one::<T>(of))
        .routes(put::<T>(of))
        .routes(patch::<T>(of))
        .routes(delete(of))
}

/// As [`family`], with a list that filters.
fn family_of_users(routes: Routes) -> Routes {
    super::users::routes(routes)
        .routes(get_one::<User>(USER))
        .routes(put::<User>(USER))
        .routes(patch::<User>(USER))
        .routes(delete(USER))
}

type Mounted = utoipa_axum::router::UtoipaMethodRouter<App>;

fn get_all<T: ToSchema>(of: Family) -> Mounted {
    let handler = move |ask: Ask| list(of, ask);
    let about = format!("Lists, by id: {}.", of.a);
    endpoint(Method::Get, of.all, format!("list_{}", of.word), &about, handler)
        .tag(of.tag)
        .query_int("limit", "Items at most, 1–1,000; default 100.")
        .query_text("cursor", "The `next` of the page before.")
        .answers_list::<T>("A page.")
        .done()
}

fn get_one<T: ToSchema>(of: Family) -> Mounted {
    let handler = move |ask: Ask| read(of, ask);
    let about = format!("Reads {}.", of.a);
    endpoint(Method::Get, of.one, format!("get_{}", of.word), &about, handler)
        .tag(of.tag)
        .answers::<T>(200, "All its fields; its version as `ETag`.")
        .done()
}

fn put<T: ToSchema>(of: Family) -> Mounted {
    let handler = move |sent: Sent| write(of, sent, false);
    let about =
        format!("Creates or replaces {}. A field left out takes its documented default.", of.a);
    conditional(endpoint(Method::Put, of.one, format!("put_{}", of.word), &about, handler))
        .tag(of.tag)
        .body::<T>("application/json")
        .answers::<T>(200, "Replaced.")
        .answers::<T>(201, "Created.")
        .done()
}

fn patch<T: ToSchema>(of: Family) -> Mounted {
    let handler = move |sent: Sent| write(of, sent, true);
    let about = format!(
        "Changes {}. JSON Merge Patch (RFC 7396): what is left out stays, null puts a field back \
         to its default.",
        of.a
    );
    conditional(endpoint(Method::Patch, of.one, format!("patch_{}", of.word), &about, handler))
        .tag(of.tag)
        .body::<T>("application/merge-patch+json")
        .answers::<T>(200, "Changed.")
        .done()
}

fn delete(of: Family) -> Mounted {
    let handler = move |ask: Ask| remove(of, ask);
    let about = format!("Deletes {}.", of.a);
    conditional(endpoint(Method::Delete, of.one, format!("delete_{}", of.word), &about, handler))
        .tag(of.tag)
        .answers_plain(204, "Deleted.")
        .done()
}

fn conditional(endpoint: Endpoint) -> Endpoint {
    endpoint.conditional().query_flag("dry_run", "Check only, change nothing.")
}

async fn list(of: Family, ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    query.done()?;
    let parent = of.object(&ask).parent;
    Ok(response(ask.look(Query::List { kind: of.kind, parent, limit, after }).await?))
}

async fn read(of: Family, ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Object(of.object(&ask))).await?))
}

async fn write(of: Family, sent: Sent, merge: bool) -> Answered {
    let ask = &sent.ask;
    let (dry_run, only_if) = conditions(ask)?;
    let mut body = sent.json(if merge { MERGE_PATCH } else { JSON })?;
    let object = of.object(ask);
    named(&object)?;
    same_id(&object, &mut body)?;
    let command = Command::Put { object, body, merge, only_if, dry_run };
    Ok(response(ask.change(command).await?))
}

async fn remove(of: Family, ask: Ask) -> Answered {
    let (dry_run, only_if) = conditions(&ask)?;
    let command = Command::Delete { object: of.object(&ask), only_if, dry_run };
    Ok(response(ask.change(command).await?))
}

fn conditions(ask: &Ask) -> Result<(bool, Precondition), Problem> {
    let mut query = ask.query()?;
    let dry_run = query.flag("dry_run");
    query.done()?;
    Ok((dry_run, ask.only_if()?))
}

/// Answers show the `id`; who sends one back changed must say the same.
fn same_id(object: &ObjectRef, body: &mut Value) -> Result<(), Problem> {
    let sent = body.as_object_mut().and_then(|fields| fields.remove("id"));
    match sent {
        Some(id) if id.as_str() != Some(&object.id) => {
            let detail = format!("must be {:?}, as in the path, or left out", object.id);
            Err(Problem::invalid(vec![FieldError::new("/id", "conflict", detail)]))
        }
        _ => Ok(()),
    }
}

/// An id of the path that could never be created is told as such, before anything else.
fn named(object: &ObjectRef) -> Result<(), Problem> {
    use crate::domain::ids::{NAME_RULE, is_user_name};
    let (right, rule) = match object.kind {
        Kind::Account => (true, ""),
        Kind::User | Kind::Member | Kind::TeamMember => {
            (is_user_name(&object.id), "usr_[a-z0-9_-]{1,59}")
        }
        _ => (is_name(&object.id), NAME_RULE),
    };
    if right {
        return Ok(());
    }
    let detail = format!("{:?} cannot be an id: ids here are {rule}", object.id);
    Err(Problem::new(422, "invalid_id", detail))
}
