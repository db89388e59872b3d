//! Users beside what all families of objects have: a list that filters, and erasure.

use crate::api::answer::response;
use crate::api::ask::{Ask, Sent};
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::schema::{
    ListedUserView, OfflineBody, ProfileView, TeamChangeBody, TeamChangedView,
};
use crate::api::{JSON_BODY, Routes};
use crate::domain::fields::{Fields, ID, NUMBER, USER_ID};
use crate::domain::input::{Command, DialWish, Query, UserFilter};
use crate::domain::objects::User;
use crate::domain::objects::user::{Role, UserKind, UserState};
use crate::domain::problem::Problem;
use utoipa::ToSchema;

/// Who is to be dialled.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct DialBody {
    /// A number, or an extension, with or without `@` and a domain.
    to: String,
    /// The number to show: of the user's `caller_ids` or `numbers`; default the user's or the
    /// group's `caller_id`.
    #[schema(required = false)]
    caller_id: Option<String>,
    /// Which switch dials; default the only one that can.
    #[schema(required = false)]
    switch: Option<String>,
}

/// What the switch was told.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct DialedView {
    /// Who dials.
    user: String,
    /// Whom.
    to: String,
    /// The number that is shown; null: the switch's own.
    caller_id: Option<String>,
    /// Which switch.
    switch: String,
}

const TAG: &str = "Configuration";
const ALL: &str = "/v1/accounts/{account}/users";

/// The routes of users.
pub fn routes(routes: Routes) -> Routes {
    routes
        .routes(
            endpoint(Method::Get, ALL, "list_user", "Lists users, by id. Filters hold together.", list)
                .tag(TAG)
                .query_int("limit", "Items at most, 1–1,000; default 100.")
                .query_text("cursor", "The `next` of the page before.")
                .query_text("state", "invited, active or deactivated.")
                .query_flag("archived", "Only those put away, or only the others.")
                .query_flag("blocked", "Only those blocked now, or only the others.")
                .query_text("role", "A role.")
                .query_text("type", "contact_centre or pbx.")
                .query_text("queue", "Members of this queue or group.")
                .query_text("team", "Members of this team.")
                .query_text("skill", "Holders of this skill.")
                .query_text("text", "Part of a name, e-mail address, id or extension.")
                .query_flag("places", "Whether their queues, with stars, and group are told, too.")
                .answers_list::<ListedUserView>("A page.")
                .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/users/{user}/erase",
                "erase_user",
                "Erases the personal values of a user, for good. The id and what the user did stay; \
                 the user is archived.",
                erase,
            )
            .tag(TAG)
            .once()
            .answers::<User>(200, "What is left.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/users/{user}/profile",
                "user_profile",
                "Reads all that one page about a user tells: the user, teams, queues, group, and which \
                 settings hold.",
                profile,
            )
            .tag("Agents")
            .answers::<ProfileView>(200, "As of now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Put,
                "/v1/accounts/{account}/agents/{user}/offline",
                "put_agent_offline",
                "Sets where an agent's direct calls go while offline: direct.offline of the user. By the \
                 agent, where may_edit_offline allows it.",
                set_offline,
            )
            .tag("Agents")
            .body::<OfflineBody>(JSON_BODY)
            .answers::<OfflineBody>(200, "As it is now.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/agents/{user}/dial",
                "dial",
                "Has the switch dial out for an agent: their phone first, then the number. A refusal \
                 names the rule: outbound, caller_id or dial_domains.",
                dial,
            )
            .tag("Agents")
            .once()
            .body::<DialBody>(JSON_BODY)
            .answers::<DialedView>(202, "The switch is told.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/teams/{team}/members",
                "change_team_members",
                "Has users join and leave a team together. Who is in already, or out, stays so.",
                change_team,
            )
            .tag(TAG)
            .once()
            .body::<TeamChangeBody>(JSON_BODY)
            .answers::<TeamChangedView>(200, "All of it was done.")
            .done(),
        )
}

async fn list(ask: Ask) -> Answered {
    let mut query = ask.query()?;
    let (limit, after) = query.page();
    let filter = UserFilter {
        state: query.word("state", UserState::parse, UserState::ALL),
        archived: query.flag_or_none("archived"),
        blocked: query.flag_or_none("blocked"),
        role: query.word("role", Role::parse, Role::ALL),
        kind: query.word("type", UserKind::parse, UserKind::ALL),
        queue: query.text("queue"),
        team: query.text("team"),
        skill: query.text("skill"),
        text: query.text("text").filter(|text| !text.is_empty()),
        places: query.flag("places"),
    };
    query.done()?;
    Ok(response(ask.look(Query::Users { limit, after, filter }).await?))
}

/// Users of a team that change with one call at most.
const MOST_USERS: usize = 10_000;

async fn change_team(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json_body()?;
        let mut f = Fields::of(&body);
        let add = f.texts("add", MOST_USERS, USER_ID);
        let remove = f.texts("remove", MOST_USERS, USER_ID);
        let team = sent.ask.param("team");
        let command = Command::ChangeTeam { team, add, remove };
        let command = f.done(command).map_err(Problem::invalid)?;
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}

async fn dial(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let body = sent.json_body()?;
        let mut f = Fields::of(&body);
        let wish = DialWish {
            user: sent.ask.param("user"),
            to: f.text("to", NUMBER),
            caller_id: f.text_or_null("caller_id", NUMBER),
            switch: f.text_or_null("switch", ID),
        };
        let command = Command::Dial(f.done(wish).map_err(Problem::invalid)?);
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}

async fn set_offline(sent: Sent) -> Answered {
    sent.ask.no_query()?;
    let body = sent.json_body()?;
    let mut f = Fields::of(&body);
    let to = f.raw("to").cloned();
    if to.is_none() {
        f.missing("to", "a target such as { \"number\": \"+1555\" }, or null");
    }
    let user = sent.ask.param("user");
    let command = Command::SetOffline { user, to: to.unwrap_or_default() };
    let command = f.done(command).map_err(Problem::invalid)?;
    Ok(response(sent.ask.change(command).await?))
}

async fn profile(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Profile { user: ask.param("user") }).await?))
}

async fn erase(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let command = Command::EraseUser { user: sent.ask.param("user") };
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}
