//! The routes as the OpenAPI document tells of them, and requests made from that.

use crate::harness::{Answer, Harness, Person, enc};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    /// Names of the parameters in the path.
    pub(super) in_path: Vec<String>,
    /// Names of the parameters in the query, and whether they must be there.
    pub(super) in_query: Vec<(String, bool)>,
    /// The schema of a body of JSON.
    pub(super) body: Option<Value>,
}

/// All operations, with the document that their schemas refer to.
pub(super) struct Api {
    document: Value,
    pub(super) operations: Vec<Operation>,
}

impl Api {
    pub(super) fn load() -> Self {
        let document = serde_json::to_value(conman_server::openapi()).expect("the document is plain JSON");
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item
                .as_object()
                .expect("a path's methods")
                .iter()
                .filter(|(m, _)| METHODS.contains(&m.as_str()))
            {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let name = |p: &Value| p["name"].as_str().expect("a name").to_owned();
                let of =
                    |place: &str| parameters.iter().filter(|p| p["in"] == place).cloned().collect::<Vec<_>>();
                operations.push(Operation {
                    method: method.to_uppercase().parse().expect("a method"),
                    path: path.clone(),
                    in_path: of("path").iter().map(name).collect(),
                    in_query: of("query").iter().map(|p| (name(p), p["required"] == true)).collect(),
                    body: operation.pointer("/requestBody/content/application~1json/schema").cloned(),
                });
            }
        }
        assert!(operations.len() > 80, "the document tells of {} operations", operations.len());
        Self { document, operations }
    }

    /// Those under an app.
    pub(super) fn in_apps(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.path.starts_with("/api/apps/{appId}"))
    }

    /// Bodies that fit a schema: one, or one per variant where it has variants.
    pub(super) fn bodies(&self, schema: &Value) -> Vec<Value> {
        self.samples(schema, "")
    }

    /// The same, and each without one of its fields: some fields exclude each other, which no schema says.
    pub(super) fn bodies_and_parts(&self, schema: &Value) -> Vec<Value> {
        let whole = self.bodies(schema);
        let without = |body: &Value| {
            let fields = body.as_object().expect("bodies are objects").clone();
            let names: Vec<String> = fields.keys().cloned().collect();
            names.into_iter().map(move |name| {
                let mut fields = fields.clone();
                fields.remove(&name);
                Value::Object(fields)
            })
        };
        let parts: Vec<Value> = whole.iter().flat_map(without).collect();
        whole.into_iter().chain(parts).collect()
    }

    fn samples(&self, schema: &Value, name: &str) -> Vec<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').expect("references stay in the document");
            return self.samples(self.document.pointer(pointer).expect("it names something"), name);
        }
        if let Some(variants) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let real = variants.iter().filter(|variant| variant["type"] != "null");
            return real.flat_map(|variant| self.samples(variant, name)).collect();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                whole.extend(self.samples(part, name)[0].as_object().expect("parts are objects").clone());
            }
            return vec![Value::Object(whole)];
        }
        if let Some(names) = schema["enum"].as_array() {
            return vec![names[0].clone()];
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
            other => other.as_str(),
        };
        match kind {
            Some("object") if schema["properties"].is_object() => self.objects(schema),
            Some("object") => vec![json!({})],
            Some("array") => {
                let items = self.samples(&schema["items"], name);
                items.into_iter().map(|item| json!([item])).collect()
            }
            Some("integer" | "number") => vec![json!(1)],
            Some("boolean") => vec![json!(true)],
            Some("string") => vec![json!(text(schema, name))],
            _ => vec![json!({})],
        }
    }

    fn objects(&self, schema: &Value) -> Vec<Value> {
        let mut objects = vec![Map::new()];
        for (name, schema) in schema["properties"].as_object().expect("properties") {
            let samples = self.samples(schema, name);
            objects = objects
                .into_iter()
                .flat_map(|object| {
                    samples.iter().map(move |sample| {
                        let mut object = object.clone();
                        object.insert(name.clone(), sample.clone());
                        object
                    })
                })
                .collect();
        }
        objects.into_iter().map(Value::Object).collect()
    }
}

/// A text that fits a property of this name.
fn text(schema: &Value, name: &str) -> String {
    match (schema["format"].as_str(), name) {
        (Some("uuid"), _) => uuid::Uuid::now_v7().to_string(),
        (Some("date-time"), _) => "2100-01-01T00:00:00Z".to_owned(),
        (_, "email" | "to") if schema["format"] == "email" => "x@lab.example".to_owned(),
        (_, "email") => "x@lab.example".to_owned(),
        (_, "expected_blob") => "0".repeat(40),
        (_, "path" | "from" | "to") => "pages/none.yml".to_owned(),
        (_, "integration_branch") => "main".to_owned(),
        (_, "base64") => "eA==".to_owned(),
        (_, "base_url") => "https://lab.example".to_owned(),
        (_, "expires_at") => "2100-01-01T00:00:00Z".to_owned(),
        _ => "sample".to_owned(),
    }
}

impl Operation {
    /// What to call it in messages.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with ids in the places of its parameters; those that are not given get one that nothing has.
    pub(super) fn filled(&self, ids: &BTreeMap<String, String>) -> String {
        let mut path = self.path.clone();
        for name in &self.in_path {
            let id = ids.get(name).cloned().unwrap_or_else(|| match name.as_str() {
                // No ids: a parameter of the sample, and an instant at which everything has begun.
                "name" => "beds".to_owned(),
                "version" => "1".to_owned(),
                "timestamp" => "2999-01-01T00:00:00Z".to_owned(),
                _ => uuid::Uuid::now_v7().to_string(),
            });
            path = path.replace(&format!("{{{name}}}"), &id);
        }
        let needed: Vec<String> = self
            .in_query
            .iter()
            .filter(|(_, needed)| *needed)
            .map(|(name, _)| match name.as_str() {
                // The first version of an environment.
                "version" => "version=1".to_owned(),
                "left" | "right" if ids.contains_key("hash") => format!("{name}={}", ids["hash"]),
                name => format!("{name}={}", enc(&text(&Value::Null, name))),
            })
            .collect();
        if needed.is_empty() { path } else { format!("{path}?{}", needed.join("&")) }
    }
}

/// Somebody's browser: a session, made by resetting a password.
#[derive(Debug, Clone)]
pub(super) struct Session {
    cookie: String,
    person: Person,
}

impl Session {
    /// Signs the app admin in.
    pub(super) async fn of_admin(h: &Harness) -> Self {
        let person = h.admin().person.clone();
        let email = json!({"email": person.email});
        h.admin().post("/api/auth/forgot-password", &email).await.ok();
        let link = h.until("the link to a new password is mailed", || async {
            let mails = h.all("/api/outbox").await;
            mails
                .iter()
                .find_map(|mail| Some(mail["link"].as_str()?.strip_prefix("/reset-password/")?.to_owned()))
        });
        let password = "violet-kettle-tundra";
        let wish = json!({"token": link.await, "password": password});
        h.admin().post("/api/auth/reset-password", &wish).await.ok();
        let login =
            person.client.post(format!("{}/api/auth/login", person.server)).header("origin", &person.server);
        let answer =
            Answer::to(login.json(&json!({"email": person.email, "password": password})), "login".to_owned())
                .await;
        let cookie = answer.headers["set-cookie"]
            .to_str()
            .expect("a cookie is ASCII")
            .split(';')
            .next()
            .expect("a cookie");
        Self { cookie: cookie.to_owned(), person }
    }

    /// A request as a browser makes it from the server's own pages.
    pub(super) fn request(&self, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.person.client.request(method.clone(), format!("{}{path}", self.person.server));
        request
            .header("cookie", &self.cookie)
            .header("origin", &self.person.server)
            .header("if-match", "\"v1\"")
    }

    /// Sends it.
    pub(super) async fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::to(request, format!("{method} {path} {}", body.map(Value::to_string).unwrap_or_default()))
            .await
    }
}
