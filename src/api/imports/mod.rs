//! Users from .csv, .xlsx and .xls: checked, run, and taken back.

mod columns;
mod guard;
mod sheet;

use crate::api::answer::{body, json, response};
use crate::api::ask::{Ask, Large, Sent};
use crate::api::body::is_of;
use crate::api::endpoint::{Method, endpoint};
use crate::api::problem::Answered;
use crate::api::{App, Routes};
use crate::domain::fields::ID;
use crate::domain::ids::Name;
use crate::domain::import::{Import, Invitation, MOST_ROWS, Row};
use crate::domain::input::{Command, Query};
use crate::domain::problem::{FieldError, Problem};
use crate::domain::rights::Permission;
use columns::{Columns, column_of, named_by};
use serde_json::{Value, json as value};
use sheet::Kind;
use std::collections::BTreeMap;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

const TAG: &str = "Imports";
/// The query field that says the role of who is new.
const ROLE: &str = "role";

/// Files that are opened at a time: each may take a hundred megabytes while it is.
static OPENING: Semaphore = Semaphore::const_new(1);

/// A file of users.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct UserFile(String);

/// A wrong cell.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct CellError {
    /// The column's letter; null: the row lacks it.
    column: Option<String>,
    /// JSON pointer to the user's field.
    pointer: String,
    /// A stable word.
    code: String,
    /// What is wrong and what to do.
    detail: String,
}

/// What became, or would become, of a row.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportedRow {
    /// Its number in the file, from 1.
    row: u32,
    /// The user; null: refused, or checked only and new.
    id: Option<String>,
    /// 200, or the status of the refusal.
    status: u16,
    /// made, changed, unchanged or refused.
    change: String,
    /// Who was invited: the link's secret; it is shown once.
    link: Option<String>,
    /// The link ends then.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The refusal's code; null: none.
    code: Option<String>,
    /// The refusal in words; null: none.
    detail: Option<String>,
    /// Every wrong cell.
    errors: Vec<CellError>,
}

/// What a file has done, or would do.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportReport {
    /// The import's id, to take it back; null: it was checked only, or changed nothing.
    import: Option<String>,
    /// Whether it was checked only.
    dry_run: bool,
    /// Users that are new.
    made: u32,
    /// Users that are changed.
    changed: u32,
    /// Users that are so already.
    unchanged: u32,
    /// Rows that are wrong.
    refused: u32,
    /// Each row.
    results: Vec<ImportedRow>,
}

/// An import that is remembered.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportItem {
    /// Its id, imp_….
    id: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who asked for it.
    by: String,
    /// Users that it made.
    made: u32,
    /// Users that it changed.
    changed: u32,
    /// Whether it was taken back.
    undone: bool,
}

/// A user whom an import changed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportChange {
    /// The user.
    id: String,
    /// The fields.
    fields: Vec<String>,
}

/// An import with its users.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportView {
    /// Its id, imp_….
    id: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who asked for it.
    by: String,
    /// Whether it was taken back.
    undone: bool,
    /// The users that it made.
    made: Vec<String>,
    /// The users that it changed.
    changed: Vec<ImportChange>,
}

/// What became of a user when an import was taken back.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct UndoneUser {
    /// The user.
    id: String,
    /// 200, or the status of the refusal.
    status: u16,
    /// erased (who was made), restored (who was changed), or kept.
    undone: String,
    /// Fields that stay, since somebody changed them meanwhile.
    kept: Vec<String>,
    /// The refusal.
    error: Option<Value>,
}

/// What was taken back.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes, for the OpenAPI document")]
struct ImportUndone {
    /// The import.
    import: String,
    /// Each of its users.
    results: Vec<UndoneUser>,
}

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/v1/accounts/{account}/imports";
    let kinds: Vec<&str> = Kind::ALL.iter().map(|(kind, _)| *kind).collect();
    routes
        .routes(
            endpoint(
                Method::Post,
                ALL,
                "import_users",
                "Makes and changes users from the first sheet of a file, a row each. Rows that are wrong \
                 are told and left out.",
                import,
            )
            .tag(TAG)
            .once()
            .query_flag("dry_run", "Check only, change nothing.")
            .query_flag("invite", "Who is new is invited; else they are active at once.")
            .query_text("role", "The role of who is new where no row says it; default agent.")
            .body_as::<UserFile>(&kinds)
            .answers::<ImportReport>(200, "All rows are right.")
            .answers::<ImportReport>(207, "Some were refused; see each result.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                ALL,
                "list_imports",
                "Lists the last ten imports, the newest first.",
                list,
            )
            .tag(TAG)
            .answers_list::<ImportItem>("All that are remembered.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Get,
                "/v1/accounts/{account}/imports/{import}",
                "get_import",
                "Reads an import: whom it made, and what it changed.",
                one,
            )
            .tag(TAG)
            .answers::<ImportView>(200, "As it was.")
            .done(),
        )
        .routes(
            endpoint(
                Method::Post,
                "/v1/accounts/{account}/imports/{import}/undo",
                "undo_import",
                "Takes an import back: whom it made is erased, what it changed is as it was, but for what \
                 somebody has changed since.",
                undo,
            )
            .tag(TAG)
            .once()
            .answers::<ImportUndone>(200, "All of it.")
            .answers::<ImportUndone>(207, "All but what has changed since; see each result.")
            .done(),
        )
}

async fn import(Large(sent): Large) -> Answered {
    sent.once(async |sent: &Sent| {
        let ask = &sent.ask;
        let mut query = ask.query()?;
        let (dry_run, invite) = (query.flag("dry_run"), query.flag("invite"));
        let role = query.text(ROLE).unwrap_or_else(|| "agent".to_owned());
        query.done()?;
        if !(ID.holds)(&role) {
            let wrong = FieldError::new(ROLE, "malformed", format!("must be {}", ID.must_be));
            return Err(Problem::invalid(vec![wrong]).into());
        }
        if !ask.may(Permission::Users).await? {
            return Err(Problem::forbidden(Permission::Users.word()).into());
        }
        let (columns, lines) = columns::columns(open(sent).await?)?;
        if lines.len() > MOST_ROWS {
            return Err(sheet::too_much().into());
        }
        let (mut import, mut links) = (Import { dry_run, ..Import::default() }, BTreeMap::new());
        let mut wrong = Vec::new();
        for (number, cells) in lines {
            match columns::row(&columns, &cells) {
                Ok((user, body)) => {
                    let (row, link) =
                        asked(&ask.app, ask.account(), number, invite, &role, (user, body))?;
                    links.extend(link.map(|link| (number, link)));
                    import.rows.push(row);
                }
                Err(errors) => wrong.push((number, errors)),
            }
        }
        let report = body(ask.change(Command::Import(Box::new(import))).await?);
        let report = told(report, &columns, &links, wrong);
        Ok(json(if report["refused"] == 0 { 200 } else { 207 }, &report))
    })
    .await
}

/// The file's cells. Hostile ones may have the reader panic: its thread then ends, and nothing else.
async fn open(sent: &Sent) -> Result<Vec<sheet::Line>, Problem> {
    let known: Vec<&str> = Kind::ALL.iter().map(|(kind, _)| *kind).collect();
    is_of(&sent.ask.headers, &known)?;
    let of = |kind: &str| is_of(&sent.ask.headers, &[kind]).is_ok();
    let kind = Kind::ALL.iter().find(|(kind, _)| of(kind)).map_or(Kind::Csv, |(_, kind)| *kind);
    let bytes = sent.bytes.clone();
    let _turn = OPENING.acquire().await;
    let read = tokio::task::spawn_blocking(move || sheet::read(kind, &bytes)).await;
    read.unwrap_or_else(|_| Err(sheet::unreadable("it is damaged")))
}

/// A row as the engine takes it, and the secret of an invitation's link.
fn asked(
    app: &App,
    account: &Name,
    row: u32,
    invite: bool,
    role: &str,
    (user, body): (Option<String>, Value),
) -> Result<(Row, Option<String>), Problem> {
    let email = body["email"].as_str().unwrap_or_default();
    let mut default = value!({ "role": role });
    let says_no_name = body["first_name"].is_null() && body["last_name"].is_null();
    if says_no_name && email.contains('@') {
        let (first, last) = named_by(email);
        (default["first_name"], default["last_name"]) = (first.into(), last.into());
    }
    let (fresh, link) = (app.node.fresh_user()?, invite.then(|| app.node.fresh_link(account)));
    let (link, invite) = match link.transpose()? {
        Some((link, hash, until)) => {
            let mail = app.node.by_mail(&link);
            // One that goes by mail is its receiver's alone.
            let shown = mail.is_none().then_some(link);
            (shown, Some(Invitation { hash, until, mail }))
        }
        None => (None, None),
    };
    Ok((Row { row, user, fresh, body, default, invite, elsewhere: None }, link))
}

/// The engine's report with the columns of what is wrong, and the rows that never came so far.
fn told(
    mut report: Value,
    columns: &Columns,
    links: &BTreeMap<u32, String>,
    wrong: Vec<(u32, Vec<FieldError>)>,
) -> Value {
    let dry_run = report["dry_run"] == true;
    let cell = |error: &Value| {
        let pointer = error["pointer"].as_str().unwrap_or_default();
        value!({ "column": column_of(columns, pointer), "pointer": pointer, "code": error["code"],
            "detail": error["detail"] })
    };
    let mut results: Vec<Value> = Vec::new();
    for result in report["results"].as_array().into_iter().flatten() {
        let made = result["change"] == "made";
        let row = result["row"].as_u64().and_then(|row| u32::try_from(row).ok()).unwrap_or(0);
        let errors = result["error"]["errors"].as_array().into_iter().flatten();
        results.push(value!({
            "row": row, "status": result["status"], "change": result["change"],
            "id": if made && dry_run { &Value::Null } else { &result["id"] },
            "link": links.get(&row).filter(|_| made && !dry_run),
            "expires_at": result["expires_at"],
            "code": result["error"]["code"], "detail": result["error"]["detail"],
            "errors": errors.map(cell).collect::<Vec<_>>(),
        }));
    }
    let more = wrong.len();
    for (row, errors) in wrong {
        let problem = Problem::invalid(errors);
        let errors = value!(problem.errors);
        let errors: Vec<Value> = errors.as_array().into_iter().flatten().map(cell).collect();
        results.push(value!({ "row": row, "status": 422, "change": "refused", "id": null,
            "link": null, "expires_at": null, "code": problem.code, "detail": problem.detail,
            "errors": errors }));
    }
    results.sort_by_key(|result| result["row"].as_u64());
    let refused = report["refused"].as_u64().unwrap_or(0) + more as u64;
    (report["refused"], report["results"]) = (refused.into(), results.into());
    report
}

async fn list(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Imports).await?))
}

async fn one(ask: Ask) -> Answered {
    ask.no_query()?;
    Ok(response(ask.look(Query::Import(ask.param("import"))).await?))
}

async fn undo(sent: Sent) -> Answered {
    sent.once(async |sent: &Sent| {
        sent.ask.no_query()?;
        let command = Command::UndoImport { import: sent.ask.param("import") };
        Ok(response(sent.ask.change(command).await?))
    })
    .await
}
