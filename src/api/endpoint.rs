//! One endpoint: its path, its handler and its place in the OpenAPI document, said once and
//! together, so that the document cannot drift from what is served.

use crate::api::App;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    Paths,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

/// What an endpoint is described by, until [`Endpoint::done`].
pub struct Endpoint {
    path: &'static str,
    method: Method,
    operation: OperationBuilder,
    router: axum::routing::MethodRouter<App>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// The methods in use.
#[derive(Clone, Copy)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or replaces.
    Put,
    /// Acts.
    Post,
    /// Merges.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    fn filter(self) -> MethodFilter {
        match self {
            Method::Get => MethodFilter::GET,
            Method::Put => MethodFilter::PUT,
            Method::Post => MethodFilter::POST,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        }
    }

    fn documented(self) -> HttpMethod {
        match self {
            Method::Get => HttpMethod::Get,
            Method::Put => HttpMethod::Put,
            Method::Post => HttpMethod::Post,
            Method::Patch => HttpMethod::Patch,
            Method::Delete => HttpMethod::Delete,
        }
    }
}

/// An endpoint. `id` is the operation's id, unique; the first sentence of `about` its summary.
pub fn endpoint<H, T>(
    method: Method,
    path: &'static str,
    id: impl Into<String>,
    about: &str,
    handler: H,
) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    let operation = described(path, id.into(), about);
    let router = on(method.filter(), handler);
    Endpoint { path, method, operation, router, schemas: Vec::new() }
}

/// Apart from the above, so that it is compiled once and not with every handler.
fn described(path: &str, id: String, about: &str) -> OperationBuilder {
    let (summary, more) = match about.split_once(". ") {
        Some((summary, more)) => (summary.to_owned(), Some(more.to_owned())),
        None => (about.trim_end_matches('.').to_owned(), None),
    };
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let problem = ResponseBuilder::new()
        .description("A refusal; it changed nothing.")
        .content("application/problem+json", problem);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(more)
        .response("default", problem.build());
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        operation = operation.parameter(path_parameter(name));
    }
    operation
}

impl Endpoint {
    /// Under which heading it stands.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Endpoint {
        self.operation = self.operation.tag(tag);
        self
    }

    /// It needs no key.
    #[must_use]
    pub fn public(mut self) -> Endpoint {
        self.operation = self.operation.security(SecurityRequirement::default());
        self
    }

    /// A query field that is a whole number.
    #[must_use]
    pub fn query_int(self, name: &str, about: &str) -> Endpoint {
        self.query(name, about, Type::Integer)
    }

    /// A query field that is a text.
    #[must_use]
    pub fn query_text(self, name: &str, about: &str) -> Endpoint {
        self.query(name, about, Type::String)
    }

    /// A query field that is true or false.
    #[must_use]
    pub fn query_flag(self, name: &str, about: &str) -> Endpoint {
        self.query(name, about, Type::Boolean)
    }

    fn query(mut self, name: &str, about: &str, kind: Type) -> Endpoint {
        self.operation = self.operation.parameter(parameter(name, about, kind, ParameterIn::Query));
        self
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &str, about: &str) -> Endpoint {
        let header = parameter(name, about, Type::String, ParameterIn::Header);
        self.operation = self.operation.parameter(header);
        self
    }

    /// `If-Match`, and where an object can be made `If-None-Match`.
    #[must_use]
    pub fn conditional(self) -> Endpoint {
        let makes = matches!(self.method, Method::Put);
        let any =
            self.header("If-Match", "An ETag, or * for any version that is there; 412 otherwise.");
        match makes {
            true => any.header("If-None-Match", "* to make it and replace none; 412 otherwise."),
            false => any,
        }
    }

    /// `Idempotency-Key`.
    #[must_use]
    pub fn once(self) -> Endpoint {
        self.header(
            "Idempotency-Key",
            "Same key and body, same outcome; remembered for 24 h, not across a restart.",
        )
    }

    /// A required JSON body.
    #[must_use]
    pub fn body<T: ToSchema>(self, kind: &str) -> Endpoint {
        self.body_when::<T>(kind, Required::True)
    }

    /// A JSON body that may be left out.
    #[must_use]
    pub fn body_or_none<T: ToSchema>(self, kind: &str) -> Endpoint {
        self.body_when::<T>(kind, Required::False)
    }

    fn body_when<T: ToSchema>(mut self, kind: &str, required: Required) -> Endpoint {
        let schema = self.schema::<T>();
        self.body_with(kind, schema, required)
    }

    fn body_with(mut self, kind: &str, schema: RefOr<Schema>, required: Required) -> Endpoint {
        let body = RequestBodyBuilder::new()
            .content(kind, Content::new(Some(schema)))
            .required(Some(required));
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// A required body of one of these media types; those that are no JSON are files.
    #[must_use]
    pub fn body_as<T: ToSchema>(mut self, kinds: &[&str]) -> Endpoint {
        let schema = self.schema::<T>();
        let body = kinds.iter().fold(RequestBodyBuilder::new(), |body, kind| {
            body.content(*kind, content_of(kind, &schema))
        });
        self.operation =
            self.operation.request_body(Some(body.required(Some(Required::True)).build()));
        self
    }

    /// An answer in one of these media types.
    #[must_use]
    pub fn answers_as<T: ToSchema>(mut self, status: u16, about: &str, kinds: &[&str]) -> Endpoint {
        let schema = self.schema::<T>();
        let response = ResponseBuilder::new().description(about);
        let response = kinds
            .iter()
            .fold(response, |response, kind| response.content(*kind, content_of(kind, &schema)));
        self.operation = self.operation.response(status.to_string(), response.build());
        self
    }

    /// A JSON answer.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, about: &str) -> Endpoint {
        let schema = self.schema::<T>();
        self.answers_with(status, about, schema)
    }

    fn answers_with(mut self, status: u16, about: &str, schema: RefOr<Schema>) -> Endpoint {
        let content = Content::new(Some(schema));
        let response =
            ResponseBuilder::new().description(about).content("application/json", content);
        self.operation = self.operation.response(status.to_string(), response.build());
        self
    }

    /// A page of a list, 200.
    #[must_use]
    pub fn answers_list<T: ToSchema>(mut self, about: &str) -> Endpoint {
        let schema = self.schema::<T>();
        self.answers_with(200, about, page_of(schema))
    }

    /// An answer that is no JSON, or none at all.
    #[must_use]
    pub fn answers_plain(mut self, status: u16, about: &str) -> Endpoint {
        let response = ResponseBuilder::new().description(about);
        self.operation = self.operation.response(status.to_string(), response.build());
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.schemas);
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// What an `OpenApiRouter` takes.
    pub fn done(self) -> UtoipaMethodRouter<App> {
        let operation: Operation = self.operation.build();
        let mut paths = Paths::new();
        paths.paths.insert(self.path.into(), PathItem::new(self.method.documented(), operation));
        (self.schemas, paths, self.router)
    }
}

fn content_of(kind: &str, schema: &RefOr<Schema>) -> Content {
    if kind == "application/json" {
        return Content::new(Some(schema.clone()));
    }
    Content::new(Some(Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())))
}

/// A page of a list.
fn page_of(schema: RefOr<Schema>) -> RefOr<Schema> {
    let items = ArrayBuilder::new().items(schema).description(Some("The items."));
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .description(Some("Send it as `cursor` for the next page; null at the end."));
    let page = ObjectBuilder::new()
        .property("items", items)
        .required("items")
        .property("next", next)
        .required("next");
    RefOr::T(Schema::Object(page.build()))
}

fn parameter(name: &str, about: &str, kind: Type, place: ParameterIn) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(Schema::Object(schema)))
        .build()
}

fn path_parameter(name: &str) -> Parameter {
    let about = match name {
        "account" => "The account's id.",
        "user" => "A user's id, usr_….",
        "queue" => "A queue's id.",
        "group" => "A group's id.",
        "call" => "A call's id, cal_….",
        "offer" => "An offer's id, off_….",
        "key" => "A key's id, key_….",
        "switch" => "A switch's id.",
        "team" => "A team's id.",
        "message" => "A message's id, msg_….",
        "view" => "A view's id, chosen by whose it is.",
        "import" => "An import's id, imp_….",
        "figure" => "A figure's name, such as offered.",
        "session" => "A session's id, ses_….",
        _ => "The object's id.",
    };
    let mut parameter = parameter(name, about, Type::String, ParameterIn::Path);
    parameter.required = Required::True;
    parameter
}
