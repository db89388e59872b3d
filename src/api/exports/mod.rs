//! Lists as files: CSV and XLSX of any size, made page by page while they are sent.

use crate::api::answer::json;
use crate::api::problem::Answered;
use crate::api::query::Queries;
use crate::domain::presence::words;
use crate::domain::problem::Problem;
use crate::reporting::files::Writer;
use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

words!(
    /// How a list is answered.
    Format {
        /// A page.
        Json => "json",
        /// All of it: RFC 4180, UTF-8.
        Csv => "csv",
        /// All of it: a workbook of Excel since 2007.
        Xlsx => "xlsx",
    }
);

/// Items of a page that goes into a file.
pub const FILE_PAGE: usize = 1_000;
/// The media types of answers.
pub const KINDS: [&str; 3] = ["application/json", CSV, XLSX];
const CSV: &str = "text/csv";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

impl Format {
    /// By `format=`, else by `Accept`.
    pub fn wanted(query: &mut Queries, headers: &HeaderMap) -> Format {
        if let Some(format) = query.word("format", Format::parse, Format::ALL) {
            return format;
        }
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut kinds = accept.split(',').filter_map(|kind| kind.split(';').next());
        let found = kinds.find_map(|kind| match kind.trim() {
            CSV => Some(Format::Csv),
            XLSX => Some(Format::Xlsx),
            "application/json" | "*/*" => Some(Format::Json),
            _ => None,
        });
        found.unwrap_or(Format::Json)
    }
}

/// A page as JSON; its `next` is the cursor of the one behind it.
pub type Page = BoxFuture<'static, Result<Value, Problem>>;

/// A list that can be a file.
pub struct List {
    /// The file's name, without the ending.
    pub name: String,
    /// The headings.
    pub columns: Vec<String>,
    /// The rows of an item, with a cell for each heading.
    pub rows: fn(&[String], &Value) -> Vec<Vec<Value>>,
    /// Gets the page behind a cursor.
    pub page: Box<dyn FnMut(Option<String>) -> Page + Send>,
}

/// What is between two chunks.
struct Sending {
    list: List,
    writer: Option<Writer>,
    /// A page that was got already.
    page: Option<Value>,
    next: Option<String>,
}

impl Sending {
    /// The next chunk; `None`: that was all.
    async fn chunk(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            let Some(mut writer) = self.writer.take() else { return Ok(None) };
            let page = match (self.page.take(), self.next.take()) {
                (Some(page), _) => page,
                (None, Some(next)) => {
                    (self.list.page)(Some(next)).await.map_err(std::io::Error::other)?
                }
                (None, None) => return writer.end().map(Some),
            };
            for item in page["items"].as_array().into_iter().flatten() {
                for row in (self.list.rows)(&self.list.columns, item) {
                    writer.row(&row)?;
                }
            }
            self.next = page["next"].as_str().map(str::to_owned);
            let bytes = writer.take();
            self.writer = Some(writer);
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// Answers a list: a page, or all of it as a file. What goes wrong after the file has begun breaks it
/// off.
///
/// # Errors
/// Those of the first page.
pub async fn answer(format: Format, mut list: List, cursor: Option<String>) -> Answered {
    let first = (list.page)(cursor).await?;
    let (mut writer, kind) = match format {
        Format::Json => return Ok(json(200, &first)),
        Format::Csv => (Writer::csv(), CSV),
        Format::Xlsx => (Writer::xlsx().map_err(|error| broken(&error))?, XLSX),
    };
    let headings: Vec<Value> = list.columns.iter().map(|name| Value::from(name.as_str())).collect();
    writer.row(&headings).map_err(|error| broken(&error))?;
    let named = format!("attachment; filename=\"{}.{}\"", list.name, format.word());
    let sending = Sending { list, writer: Some(writer), page: Some(first), next: None };
    let chunks = stream::unfold(sending, |mut sending| async {
        match sending.chunk().await {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk), sending)),
            Err(error) => {
                tracing::warn!(%error, "a file could not be sent whole");
                Some((Err(error), sending))
            }
        }
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(named) = HeaderValue::from_str(&named) {
        headers.insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

fn broken(error: &std::io::Error) -> Problem {
    Problem::new(500, "internal", format!("the file could not be begun: {error}"))
}

/// A row of an item's own fields.
pub fn fields(columns: &[String], item: &Value) -> Vec<Vec<Value>> {
    vec![columns.iter().map(|name| item[name.as_str()].clone()).collect()]
}
