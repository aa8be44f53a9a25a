//! A server of its own for every test, and people who use it.

use conman_domain::access::{Role, TokenScope};
use conman_domain::audit::{AuditEvent, RequestContext};
use conman_domain::id::AppId;
use conman_domain::mail::Mail;
use conman_git::{Ownership, Repositories};
use conman_server::{AppState, Config, run};
use conman_store::collections::{self, AUDIT_BY_TIME, MAIL_BY_TIME};
use conman_store::{Query, Store, StoreUrl};
use conman_testkit::MongoDatabase;
use conman_workflow::{Actor, AppSource, MasterKey, NewApp, Settings, Workflow};
use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Once;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A password that is good enough; others are made from it.
pub(crate) const PASSWORD: &str = "violet-kettle-tundra";

/// Which store a server stands on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    Sqlite,
    Mongo,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) workflow: Workflow,
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
    _mongo: Option<MongoDatabase>,
}

impl Server {
    /// Starts a server without any account.
    pub(crate) async fn start(on: On) -> Self {
        Self::configured(on, |_| ()).await
    }

    /// Starts a server with other settings.
    pub(crate) async fn configured(on: On, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = conman_testkit::folder().unwrap();
        let (url, mongo) = match on {
            On::Sqlite => (StoreUrl::sqlite(folder.path().join("store")), None),
            On::Mongo => {
                let mongo = MongoDatabase::fresh().await.unwrap();
                (mongo.url().parse().unwrap(), Some(mongo))
            }
        };
        let store = Store::open(&url, collections::ALL).await.unwrap();
        let repositories_folder = folder.path().join("repositories");
        let repositories = Repositories::open(&repositories_folder, Ownership::Exclusive).await.unwrap();
        let distribution = format!("sqlite:{}", folder.path().join("distribution.db").display());
        let distribution = conman_distribution::open(&distribution).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let public_url = "https://conman.example".to_owned();
        let settings =
            Settings { public_url, local_imports: false, master_key: Some(MasterKey::new([7; 32])) };
        let workflow = Workflow::new(store, repositories, distribution, None, settings);
        let mut config = Config::new(repositories_folder);
        configure(&mut config);
        let state = AppState::new(workflow.clone(), config);
        let shutdown = CancellationToken::new();
        let task = Some(tokio::spawn(run(listener, state, shutdown.clone())));
        Self { address, workflow, shutdown, task, _folder: folder, _mongo: mongo }
    }

    /// Stops the server, and fails if it does not stop in an orderly way.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.task.take().expect("a server stops once").await.unwrap();
    }

    /// Somebody with a browser that nobody is signed in with.
    pub(crate) fn browser(&self) -> Browser {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider()
                .install_default()
                .expect("no other provider is installed");
        });
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser {
            base: format!("http://{}", self.address),
            client,
            cookie: None,
            bearer: None,
            forwarded_for: None,
        }
    }

    /// Makes the first account through its link, signed in.
    pub(crate) async fn first_account(&self) -> Browser {
        let link = self.workflow.ensure_setup_link().await.unwrap().unwrap();
        let token = link.strip_prefix("/setup/").unwrap();
        let mut browser = self.browser();
        let body = json!({"token": token, "email": "root@lab.example", "handle": "root", "name": "Rita Root", "password": PASSWORD});
        let answer = browser.post("/api/auth/setup", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        browser
    }

    /// Makes an app whose app admin is `admin`.
    pub(crate) async fn app(&self, admin: &Browser, slug: &str) -> AppId {
        let actor = self.actor(admin).await;
        let new =
            NewApp { name: slug.parse().unwrap(), slug: slug.parse().unwrap(), source: AppSource::Empty };
        self.workflow.create_app(&actor, new).await.unwrap().id
    }

    /// The account of a browser, as use cases see it.
    pub(crate) async fn actor(&self, browser: &Browser) -> Actor {
        let me = browser.get("/api/me").await;
        let user = self.workflow.store().get::<conman_domain::access::User>(me.body["id"].as_str().unwrap());
        Actor::new(&user.await.unwrap().unwrap(), TokenScope::Write, RequestContext::default())
    }

    /// Invites and accepts: a new account with a role in an app, signed in.
    pub(crate) async fn joins(&self, admin: &Browser, app: AppId, handle: &str, role: Role) -> Browser {
        let token = self.invited(admin, app, &format!("{handle}@lab.example"), role).await;
        let mut browser = self.browser();
        let account = json!({"handle": handle, "name": handle, "password": PASSWORD});
        let answer =
            browser.post("/api/auth/accept-invite", &json!({"token": token, "account": account})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        browser
    }

    /// Invites an address, and answers the token out of the mail.
    pub(crate) async fn invited(&self, admin: &Browser, app: AppId, email: &str, role: Role) -> String {
        let body = json!({"email": email, "role": role.name()});
        let answer = admin.send(Method::POST, &format!("/api/apps/{app}/invites"), Some(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        self.mailed_token(email, "/invite/").await
    }

    /// The token in the newest mail to an address.
    pub(crate) async fn mailed_token(&self, email: &str, path: &str) -> String {
        let mails = self.mails().await;
        let mail = mails.iter().rev().find(|mail| mail.to.as_str() == email).expect("there is a mail");
        mail.link.as_deref().unwrap().strip_prefix(path).unwrap().to_owned()
    }

    /// All mails, oldest first.
    pub(crate) async fn mails(&self) -> Vec<Mail> {
        let found = self.workflow.store().find(Query::<Mail>::on(&MAIL_BY_TIME)).await.unwrap();
        found.items.into_iter().map(|mail| mail.doc).collect()
    }

    /// All audit events, oldest first.
    pub(crate) async fn audit(&self) -> Vec<AuditEvent> {
        let found = self.workflow.store().find(Query::<AuditEvent>::on(&AUDIT_BY_TIME)).await.unwrap();
        found.items.into_iter().map(|event| event.doc).collect()
    }

    /// Waits until work that goes on after answers is done: the next mail to an address.
    pub(crate) async fn mail_arrives(&self, email: &str, after: usize) {
        for _ in 0..500 {
            let count = self.mails().await.iter().filter(|mail| mail.to.as_str() == email).count();
            if count > after {
                return;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no mail to {email}");
    }
}

/// Somebody with a browser.
#[derive(Clone)]
pub(crate) struct Browser {
    base: String,
    client: reqwest::Client,
    pub(crate) cookie: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) forwarded_for: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Response {
    /// The problem's code, or nothing.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that was set, `name=value`.
    pub(crate) fn cookie(&self) -> Option<String> {
        let set = self.headers.get(SET_COOKIE)?.to_str().unwrap();
        set.split(';').next().map(str::to_owned)
    }
}

impl Browser {
    /// A request as a browser makes it from the server's own pages.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header("origin", &self.base);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", address);
        }
        request
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Posts, and keeps the cookie that was set.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Response {
        let response = self.send(Method::POST, path, Some(body)).await;
        if let Some(cookie) = response.cookie() {
            self.cookie = if cookie.ends_with('=') { None } else { Some(cookie) };
        }
        response
    }

    pub(crate) async fn signs_in(&mut self, email: &str, password: &str) -> Response {
        self.post("/api/auth/login", &json!({"email": email, "password": password})).await
    }

    pub(crate) async fn is_signed_in(&self) -> bool {
        match self.get("/api/me").await.status {
            200 => true,
            401 => false,
            other => panic!("/api/me answers {other}"),
        }
    }
}

/// Sends a request, and reads the whole answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    let status = response.status();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_client_error() || status.is_server_error() {
        let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(
            kind == "application/problem+json" || status == StatusCode::SERVICE_UNAVAILABLE,
            "{status} {kind} {text}"
        );
        assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    }
    Response { status: status.as_u16(), headers, body, text }
}
