//! The public HTTP surface (`docs/protocol.md`). Handlers are thin: they read, ask the node, and
//! write; every decision is the engine's.

mod accounts;
mod adherence;
mod agencies;
mod agents;
mod alerts;
mod answer;
mod ask;
mod audit;
mod behind;
mod body;
mod bulk;
mod callbacks;
mod calls;
mod configuration;
mod cookies;
mod desk;
mod endpoint;
mod exports;
mod feed;
mod figures;
mod grants;
mod ground;
mod health;
mod history;
mod idempotency;
mod imports;
mod invites;
mod keys;
pub mod limits;
mod link;
mod live;
mod objects;
mod past;
mod posted;
mod problem;
mod query;
mod rate;
mod requests;
mod rights;
mod schema;
pub mod server;
mod sessions;
mod socket;
mod supervise;
mod switches;
mod tickets;
mod users;
mod views;

use crate::domain::problem::FieldError;
use crate::node::Handle;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr,
};
use utoipa_axum::router::OpenApiRouter;

pub use problem::Refusal;

/// The media type of most bodies.
const JSON_BODY: &str = "application/json";

type Routes = OpenApiRouter<App>;

/// What all handlers share. Cloning it costs a counter: each request does it several times.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What an [`App`] holds.
pub struct Shared {
    /// The way to the node.
    pub node: Handle,
    /// The text of `/metrics`.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    idempotency: idempotency::Memory,
    tickets: tickets::Tickets,
    openapi: Bytes,
    requests: requests::Requests,
    limits: limits::Limits,
    rates: rate::Rates,
}

impl App {
    /// Around a node; `metrics` writes the figures in Prometheus' format.
    pub fn new(
        node: Handle,
        limits: limits::Limits,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> App {
        let openapi = Bytes::from(openapi_json());
        let idempotency = idempotency::Memory::default();
        let tickets = tickets::Tickets::default();
        let requests = requests::Requests::default();
        let rates = rate::Rates::default();
        let metrics = Box::new(metrics);
        let shared =
            Shared { node, metrics, idempotency, tickets, openapi, requests, limits, rates };
        App(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

/// Everything that is served; `pages` is merged in (the console).
///
/// Serve it with [`server::serve`], which tells each request its peer's address: keys may be bound
/// to networks.
pub fn router(app: App, pages: Router) -> Served {
    let (routes, _) = routes().split_for_parts();
    let observe = from_fn_with_state(app.clone(), requests::observe);
    // Bodies are read, and refused, by `body::read`: no extractor with a limit of its own is in use.
    let router = routes
        .with_state(app.clone())
        .merge(pages)
        .fallback(problem::no_path)
        .method_not_allowed_fallback(problem::no_method)
        .layer(observe);
    Served { app, router: TowerToHyperService::new(router) }
}

/// Everything that is served: the router, and the short way past it.
pub struct Served {
    app: App,
    router: TowerToHyperService<Router>,
}

impl Served {
    /// Answers a request from `peer`.
    async fn answer(&self, peer: SocketAddr, mut request: Request<Incoming>) -> Response {
        if posted::is_open_to(&request) {
            return posted::answer(&self.app, peer, request).await;
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn routes() -> Routes {
    let mut routes = OpenApiRouter::with_openapi(document());
    for mount in [
        objects::routes,
        bulk::routes,
        bulk::message_routes,
        configuration::routes,
        agents::routes,
        calls::routes,
        supervise::routes,
        views::routes,
        callbacks::routes,
        switches::routes,
        desk::routes,
        live::routes,
        feed::routes,
        tickets::routes,
        keys::routes,
        sessions::routes,
        rights::routes,
        adherence::routes,
        audit::routes,
        figures::routes,
        alerts::routes,
        history::routes,
        past::routes,
        behind::routes,
        invites::routes,
        imports::routes,
        accounts::routes,
        agencies::routes,
        grants::routes,
        health::routes,
    ] {
        routes = mount(routes);
    }
    routes
}

fn document() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0"));
    let info = InfoBuilder::new()
        .title("Callboard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Real-time call routing and agent status. JSON; times RFC 3339 in UTC, durations in \
             milliseconds; refusals RFC 9457. Unknown fields of objects, commands and queries are \
             refused by name.",
        ))
        .license(Some(license.build()));
    let components = ComponentsBuilder::new()
        .schema_from::<problem::Shown<'_>>()
        .schema_from::<FieldError>()
        .security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new("key", Vec::<String>::new())]))
        .build()
}

/// The OpenAPI 3.1 document, as `/openapi.json` and `docs/openapi.json` hold it.
#[must_use]
pub fn openapi_json() -> String {
    let mut document = routes().into_openapi();
    for (name, needed) in NEEDED {
        let components = document.components.as_mut();
        if let Some(RefOr::T(schema)) = components.and_then(|c| c.schemas.get_mut(*name)) {
            require_only(schema, needed);
        }
    }
    for (name, shown) in SHOWN {
        let components = document.components.as_mut();
        if let Some(RefOr::T(schema)) = components.and_then(|c| c.schemas.get_mut(*name)) {
            also_shows(schema, shown);
        }
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// What bodies must hold; all else may be left out and takes its documented default. (The structs
/// have every field, so that derived schemas call every field required.)
const NEEDED: &[(&str, &[&str])] = &[
    ("Account", &[]),
    ("ConfigurationDocument", &[]),
    ("Skill", &["name"]),
    ("User", &["first_name", "last_name"]),
    ("Personal", &["first_name", "last_name"]),
    ("Contact", &["to"]),
    ("Direct", &[]),
    ("GroupDefaults", &[]),
    ("GroupSettings", &[]),
    ("Member", &[]),
    ("Route", &["number", "to"]),
    ("Switch", &["name"]),
    ("SavedView", &["name", "path"]),
    ("Webhook", &["url"]),
    ("Capabilities", &[]),
    ("SkillNeed", &["skill"]),
    ("Step", &[]),
    ("Exits", &[]),
    ("Announce", &[]),
    ("CallbackPlan", &[]),
    ("RoleBody", &["name"]),
    ("AccessGroup", &["name"]),
    ("AlertRule", &["name", "figure"]),
    ("Hook", &["name", "webhook"]),
    ("Report", &["name"]),
    ("Row", &["roles"]),
];

/// What answers show beside the fields of the body.
const SHOWN: &[(&str, &[(&str, Type)])] = &[
    ("Skill", ID_ONLY),
    ("User", ID_ONLY),
    ("Queue", &[("id", Type::String), ("resolved", Type::Object)]),
    ("Route", ID_ONLY),
    ("Switch", SWITCH_STATE),
    ("BreakReason", ID_ONLY),
    ("Disposition", ID_ONLY),
    ("Calendar", ID_ONLY),
    ("Team", ID_ONLY),
    ("TeamMember", ID_ONLY),
    ("QueueTeam", ID_ONLY),
    ("RoleBody", &[("id", Type::String), ("preset", Type::Boolean)]),
    ("AccessGroup", ID_ONLY),
    ("AlertRule", ID_ONLY),
    ("Hook", &[("id", Type::String), ("waiting", Type::Integer), ("dropped", Type::Integer)]),
    ("Report", &[("id", Type::String), ("sent_until", Type::String)]),
    ("Member", &[("id", Type::String), ("source", Type::String), ("opted_in", Type::Boolean)]),
];
const SWITCH_STATE: &[(&str, Type)] = &[
    ("id", Type::String),
    ("bootid", Type::String),
    ("suspected", Type::Boolean),
    ("clock_off", Type::Boolean),
    ("clock_skew_ms", Type::Integer),
];
/// … and may be null.
const OR_NULL: &[&str] = &["bootid", "clock_skew_ms"];
const ID_ONLY: &[(&str, Type)] = &[("id", Type::String)];

fn also_shows(schema: &mut Schema, shown: &[(&str, Type)]) {
    let fields = shown.iter().fold(ObjectBuilder::new(), |fields, (name, kind)| {
        let mut kinds = vec![kind.clone()];
        if OR_NULL.contains(name) {
            kinds.push(Type::Null);
        }
        let field = ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds)).read_only(true);
        fields.property(*name, field)
    });
    let fields = fields.build();
    match schema {
        Schema::Object(object) => object.properties.extend(fields.properties),
        Schema::AllOf(parts) => parts.items.push(RefOr::T(Schema::Object(fields))),
        _ => {}
    }
}

fn require_only(schema: &mut Schema, needed: &[&str]) {
    match schema {
        Schema::Object(object) => object.required.retain(|name| needed.contains(&name.as_str())),
        Schema::AllOf(parts) => {
            for part in &mut parts.items {
                if let RefOr::T(part) = part {
                    require_only(part, needed);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn operations_have_ids_of_their_own() {
        let document: serde_json::Value =
            serde_json::from_str(&openapi_json()).expect("the document is JSON");
        let mut ids = BTreeSet::new();
        let paths = document["paths"].as_object().expect("paths");
        for operation in paths.values().filter_map(|item| item.as_object()).flat_map(|i| i.values())
        {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
        }
        assert!(ids.len() > 60, "{ids:?}");
        assert_eq!(document["openapi"], "3.1.0");
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let text = openapi_json();
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for reference in text.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap_or_default();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
    }
}
