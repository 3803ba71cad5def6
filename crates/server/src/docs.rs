//! The page at `/docs`: the API document for people.

use crate::openapi;
use crate::page::{escape, page, prose};
use axum::response::Html;
use serde_json::Value;
use std::sync::LazyLock;

/// The API for people
pub(crate) async fn show() -> Html<String> {
    static BODY: LazyLock<String> = LazyLock::new(|| {
        let document = serde_json::to_value(openapi::document()).expect("the document is plain data");
        body(&document)
    });
    page("hone: the API", &BODY)
}

fn body(document: &Value) -> String {
    let info = &document["info"];
    let operations: Vec<Operation<'_>> = operations(document);
    let sections: String = tags(document)
        .map(|(tag, about)| {
            let own: String = operations.iter().filter(|op| op.tag() == tag).map(Operation::html).collect();
            format!("<section><h2>{}</h2><p>{}</p>{own}</section>", escape(tag), prose(about))
        })
        .collect();
    let index: String = operations.iter().map(Operation::link).collect();
    let schemas: String =
        fields(&document["components"]["schemas"]).map(|(name, s)| schema(name, s)).collect();
    format!(
        "<nav><a href=\"/\">hone</a><ul>{index}</ul><a href=\"#types\">Types</a></nav>\n<main>\n\
         <h1>{} <small>{}</small></h1><p class=\"lead\">{}</p>\n{sections}\n\
         <section id=\"types\"><h2>Types</h2>{schemas}</section>\n</main>",
        escape(text(&info["title"])),
        escape(text(&info["version"])),
        prose(text(&info["description"])),
    )
}

/// One method of one path.
struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    about: &'d Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    fields(&document["paths"])
        .flat_map(|(path, methods)| {
            fields(methods).map(move |(method, about)| Operation { method, path, about })
        })
        .collect()
}

impl Operation<'_> {
    fn tag(&self) -> &str {
        text(&self.about["tags"][0])
    }

    fn id(&self) -> String {
        format!("{}{}", self.method, self.path.replace(['/', '{', '}'], "-"))
    }

    fn link(&self) -> String {
        let (id, method, path) = (self.id(), self.method.to_uppercase(), escape(self.path));
        format!("<li><a href=\"#{id}\"><b>{method}</b> {path}</a></li>")
    }

    fn html(&self) -> String {
        let about = self.about;
        let request = match content(&about["requestBody"]) {
            text if text.is_empty() => String::new(),
            text => format!("<p>Takes {text}.</p>"),
        };
        let parameters: String = items(&about["parameters"])
            .map(|p| {
                let (name, about) = (escape(text(&p["name"])), prose(text(&p["description"])));
                format!("<p><code>{name}</code> in the path: {about}</p>")
            })
            .collect();
        let responses: String = fields(&about["responses"])
            .map(|(status, response)| {
                let (about, content) = (prose(text(&response["description"])), content(response));
                let kind = if status.starts_with('2') { "good" } else { "bad" };
                format!(
                    "<tr><td class=\"{kind}\">{}</td><td>{about}</td><td>{content}</td></tr>",
                    escape(status)
                )
            })
            .collect();
        format!(
            "<article id=\"{}\"><h3><b>{}</b> <code>{}</code></h3><p><strong>{}</strong></p><p>{}</p>{parameters}{request}\
             <table><thead><tr><th>Status</th><th>Meaning</th><th>Body</th></tr></thead><tbody>{responses}</tbody></table></article>",
            self.id(),
            self.method.to_uppercase(),
            escape(self.path),
            prose(text(&about["summary"])),
            prose(text(&about["description"])),
        )
    }
}

/// The bodies of a request or a response: each type and its media type.
fn content(holder: &Value) -> String {
    let one = |(media, content): (&str, &Value)| {
        format!("{} <small>{}</small>", type_name(&content["schema"]), escape(media))
    };
    fields(&holder["content"]).map(one).collect::<Vec<_>>().join(", ")
}

/// One named type, with a row for every field.
fn schema(name: &str, schema: &Value) -> String {
    let rows: String =
        properties(schema).into_iter().map(|(field, about, required)| row(field, about, required)).collect();
    let table = match rows.as_str() {
        "" => format!("<p>{}</p>", type_name(schema)),
        rows => format!(
            "<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        ),
    };
    let (name, about) = (escape(name), prose(text(&schema["description"])));
    format!("<article id=\"{name}\"><h3><code>{name}</code></h3><p>{about}</p>{table}</article>")
}

/// The fields of an object, and of those that it is made of.
fn properties(schema: &Value) -> Vec<(&str, &Value, bool)> {
    let required: Vec<&str> = items(&schema["required"]).map(text).collect();
    let own = fields(&schema["properties"]).map(|(name, about)| (name, about, required.contains(&name)));
    own.chain(items(&schema["allOf"]).flat_map(properties)).collect()
}

fn row(field: &str, about: &Value, required: bool) -> String {
    let needed = if required { "" } else { " <small>optional</small>" };
    let mut limits = String::new();
    for (key, word) in
        [("minimum", "from"), ("maximum", "to"), ("default", "default"), ("example", "such as")]
    {
        if let Some(value) = about.get(key) {
            limits.push_str(&format!(" <small>{word} <code>{}</code></small>", escape(&value.to_string())));
        }
    }
    format!(
        "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}{limits}</td></tr>",
        escape(field),
        type_name(about),
        prose(text(&about["description"])),
    )
}

/// A type in words; named types are links.
fn type_name(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#{name}\"><code>{name}</code></a>");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if schema[key].is_array() {
            let names: Vec<String> =
                items(&schema[key]).map(type_name).filter(|name| name != "null").collect();
            return names.join(if key == "allOf" { " and " } else { " or " });
        }
    }
    if schema["enum"].is_array() {
        let words = items(&schema["enum"]).map(|word| format!("<code>{}</code>", escape(text(word))));
        return words.collect::<Vec<_>>().join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().map(text).filter(|kind| *kind != "null").collect::<Vec<_>>().join(" or ")
        }
        kind => text(kind).to_owned(),
    };
    match kinds.as_str() {
        "array" => format!("array of {}", type_name(&schema["items"])),
        "" => "any".to_owned(),
        kinds => escape(kinds),
    }
}

fn tags(document: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(&document["tags"]).map(|tag| (text(&tag["name"]), text(&tag["description"])))
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
