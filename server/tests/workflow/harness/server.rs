//! The server under test, with its databases, its people and its runners.

use super::{Answer, Person, Release, Someone, sample_bundle};
use chrono::TimeDelta;
use conman_distribution::Distribution;
use conman_domain::Timestamp;
use conman_domain::access::{
    Membership, PasswordHash, Role, Token, TokenHash, TokenPurpose, TokenScope, User,
};
use conman_domain::id::{AppId, UserId};
use conman_domain::job::Job;
use conman_git::{Ownership, Repositories};
use conman_jobs::{Runner, RunnerConfig};
use conman_server::{AppState, Config, run};
use conman_store::collections::{self, JOB_BY_STATE, JOB_DUE, JOB_LEASED};
use conman_store::{Batch, Query, Store, StoreUrl};
use conman_testkit::{MongoDatabase, PostgresDatabase};
use conman_workflow::{MasterKey, Settings, Workflow, fresh_id, random_token};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long something may take that a test waits for; far more than it ever should.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Which databases a server stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// SQLite twice, in one folder.
    Embedded,
    /// MongoDB and PostgreSQL.
    Team,
}

/// A job runner at work.
pub(crate) struct RunnerTask {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl RunnerTask {
    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stops(self) {
        self.shutdown.cancel();
        self.task.await.expect("a runner stops in an orderly way");
    }
}

/// A server with an app, five people and job runners. [`Harness::ends`] has to be called at the end.
pub(crate) struct Harness {
    pub(crate) workflow: Workflow,
    pub(crate) url: String,
    pub(crate) app: String,
    /// Environment ids by name.
    pub(crate) environments: BTreeMap<String, String>,
    on: On,
    store_url: StoreUrl,
    distribution_url: String,
    repositories: Repositories,
    people: BTreeMap<&'static str, Person>,
    runners: Mutex<Vec<RunnerTask>>,
    /// Failed jobs that the test announced: type to count.
    failures: Mutex<BTreeMap<String, usize>>,
    shutdown: CancellationToken,
    others: Mutex<Vec<JoinHandle<()>>>,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
    databases: (Option<MongoDatabase>, Option<PostgresDatabase>),
}

/// Who there is: name, role, and whether they make apps.
const PEOPLE: [(&str, Role, bool); 6] = [
    ("ana", Role::User, false),
    ("ben", Role::User, false),
    ("rita", Role::Reviewer, false),
    ("ravi", Role::Reviewer, false),
    ("mona", Role::ConfigManager, false),
    ("ada", Role::AppAdmin, true),
];

impl Harness {
    /// Starts a server with so many job runners.
    pub(crate) async fn with(on: On, runners: usize) -> Self {
        let folder = conman_testkit::folder().expect("there is a folder for temporary files");
        let (store_url, distribution_url, databases) = match on {
            On::Embedded => {
                let distribution = format!("sqlite:{}", folder.path().join("distribution.db").display());
                (StoreUrl::sqlite(folder.path().join("store")), distribution, (None, None))
            }
            On::Team => {
                let (mongo, postgres) = tokio::join!(MongoDatabase::fresh(), PostgresDatabase::fresh());
                let mongo = mongo.unwrap_or_else(|error| panic!("{error:#}"));
                let postgres = postgres.unwrap_or_else(|error| panic!("{error:#}"));
                let store: StoreUrl =
                    mongo.url().parse().expect("the address of a database is one of a store");
                (store, postgres.url().to_owned(), (Some(mongo), Some(postgres)))
            }
        };
        let repositories_folder = folder.path().join("repositories");
        let (store, repositories, distribution) = tokio::join!(
            Store::open(&store_url, collections::ALL),
            Repositories::open(&repositories_folder, Ownership::Shared),
            conman_distribution::open(&distribution_url),
        );
        let (store, repositories) =
            (store.expect("the store opens"), repositories.expect("the repositories open"));
        let distribution = distribution.expect("the distribution database opens");
        let workflow = Workflow::new(store, repositories.clone(), distribution, None, settings());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let shutdown = CancellationToken::new();
        let state = AppState::new(workflow.clone(), Config::new(&repositories_folder));
        let server = tokio::spawn(run(listener, state, shutdown.clone()));
        let mut harness = Self {
            workflow,
            url,
            app: String::new(),
            environments: BTreeMap::new(),
            on,
            store_url,
            distribution_url,
            repositories,
            people: BTreeMap::new(),
            runners: Mutex::new(Vec::new()),
            failures: Mutex::new(BTreeMap::new()),
            shutdown,
            others: Mutex::new(Vec::new()),
            server,
            folder,
            databases,
        };
        harness.people_join().await;
        harness.app_begins().await;
        for number in 0..runners {
            let runner =
                harness.runs(&harness.workflow, &format!("runner-{number}"), Duration::from_secs(15));
            harness.keeps(runner);
        }
        harness
    }

    /// Accounts without passwords, which nobody signs in to, with a token each: hashing passwords takes long.
    async fn people_join(&mut self) {
        let at = self.workflow.now().await.expect("the store has a clock");
        let client = client();
        let mut batch = Batch::new();
        for (name, _, instance_admin) in PEOPLE {
            let (id, secret): (UserId, String) = (fresh_id(), random_token("cpat"));
            let email = format!("{name}@lab.example");
            batch = batch.insert(&User {
                id,
                handle: name.parse().expect("it is a handle"),
                name: capitalised(name).parse().expect("it is a name"),
                email: email.parse().expect("it is an address"),
                password: PasswordHash("!".to_owned()),
                instance_admin,
                mail_wanted: true,
                created_at: at,
                password_set_at: at,
            });
            batch = batch.insert(&Token {
                id: fresh_id(),
                purpose: TokenPurpose::Personal { user_id: id, scope: TokenScope::Write },
                name: "tests".parse().expect("it is a name"),
                token_hash: TokenHash::of(&secret),
                created_at: at,
                expires_at: Some(at.plus(TimeDelta::days(1))),
                last_used_at: None,
            });
            let server = self.url.clone();
            let (id, app, client) = (id.to_string(), String::new(), client.clone());
            self.people.insert(name, Person { id, name, email, token: secret, app, server, client });
        }
        self.workflow.store().commit(batch).await.expect("the accounts are new");
    }

    /// The sample app, by upload, with three stages of which the last is canonical, and everybody as a member.
    async fn app_begins(&mut self) {
        let admin = self.account("ada");
        let folder = self.folder.path().join("sample");
        std::fs::create_dir(&folder).expect("the folder is empty");
        let app = self.uploads(&admin, "ward", sample_bundle(&folder)).await.ok();
        self.app = app["id"].as_str().expect("an app has an id").to_owned();
        let app_id: AppId = self.app.parse().expect("an id");
        for person in self.people.values_mut() {
            person.app = self.app.clone();
        }
        let at = self.workflow.now().await.expect("the store has a clock");
        let mut batch = Batch::new();
        for (name, role, instance_admin) in PEOPLE {
            if !instance_admin {
                let user_id = self.people[name].id.parse().expect("an id");
                batch = batch.insert(&Membership {
                    id: fresh_id(),
                    app_id,
                    user_id,
                    role,
                    added_by: None,
                    created_at: at,
                });
            }
        }
        self.workflow.store().commit(batch).await.expect("the members are new");
        self.has_environments(&["dev", "staging", "prod"]).await;
    }

    /// Makes these the pipeline's stages, the last one canonical.
    pub(crate) async fn has_environments(&mut self, names: &[&str]) {
        let last = names.len() - 1;
        let stage = |(at, name): (usize, &&str)| json!({"name": name, "canonical": at == last});
        let stages: Vec<Value> = names.iter().enumerate().map(stage).collect();
        let admin = self.account("ada");
        let made = admin.patch(&admin.at("/environments"), &json!({"environments": stages})).await.ok();
        let stages = made["data"].as_array().expect("a list");
        let id = |e: &Value| (text(&e["name"]), text(&e["id"]));
        self.environments = stages.iter().map(id).collect();
    }

    /// Uploads a bundle as a new app.
    pub(crate) async fn uploads(&self, person: &Person, slug: &str, bundle: Vec<u8>) -> Answer {
        let path = format!("/api/apps/import?name={slug}&slug={slug}");
        let request = person.request(Method::POST, &path).header("content-type", "application/x-git-bundle");
        Answer::to(request.body(bundle), format!("{} uploads {slug}", person.name)).await
    }

    /// Replaces some of the app's settings.
    pub(crate) async fn changes_settings(&self, changed: Value) -> Answer {
        let admin = self.account("ada").in_app(&self.app);
        let app = admin.get(&admin.at("")).await;
        let etag = app.etag();
        let mut settings = app.ok();
        let name = settings["name"].clone();
        let settings = settings["settings"].as_object_mut().expect("settings");
        settings.insert("name".to_owned(), name);
        settings.extend(changed.as_object().expect("an object").clone());
        admin.patch_if(&admin.at("/settings"), &etag, &Value::Object(settings.clone())).await
    }

    fn account(&self, name: &str) -> Person {
        self.people.get(name).unwrap_or_else(|| panic!("nobody is called {name}")).clone()
    }

    /// Somebody by name.
    pub(crate) fn person(&self, name: &str) -> Someone<'_> {
        Someone { h: self, person: self.account(name) }
    }

    /// An author.
    pub(crate) fn author(&self) -> Someone<'_> {
        self.person("ana")
    }

    /// Another author.
    pub(crate) fn second_author(&self) -> Someone<'_> {
        self.person("ben")
    }

    /// A reviewer.
    pub(crate) fn reviewer(&self) -> Someone<'_> {
        self.person("rita")
    }

    /// Another reviewer.
    pub(crate) fn second_reviewer(&self) -> Someone<'_> {
        self.person("ravi")
    }

    /// The config manager.
    pub(crate) fn manager(&self) -> Someone<'_> {
        self.person("mona")
    }

    /// The app admin, who also makes apps.
    pub(crate) fn admin(&self) -> Someone<'_> {
        self.person("ada")
    }

    /// Where the app's repository lies.
    pub(crate) fn git_dir(&self) -> PathBuf {
        self.folder.path().join("repositories").join(format!("{}.git", self.app))
    }

    /// A folder for what a test needs beside.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        folder
    }

    /// Cuts every connection to PostgreSQL, as one that restarts does; false where there is none.
    pub(crate) async fn cuts_connections(&self) -> bool {
        let Some(postgres) = &self.databases.1 else { return false };
        postgres.cut_connections().await.expect("the cluster cuts connections");
        true
    }

    /// Lets nobody connect to PostgreSQL until told otherwise; false where there is none.
    pub(crate) async fn postgres_is_away(&self, away: bool) -> bool {
        let Some(postgres) = &self.databases.1 else { return false };
        postgres.is_away(away).await.expect("the cluster shuts and opens the database");
        true
    }

    /// A further server's view of the same memories: its own connection where the store takes several.
    pub(crate) async fn another_server(&self, distribution: Arc<dyn Distribution>) -> Workflow {
        let store = match self.on {
            On::Team => Store::open(&self.store_url, collections::ALL).await.expect("the store opens twice"),
            // One process at a time has the embedded store open.
            On::Embedded => self.workflow.store().clone(),
        };
        Workflow::new(store, self.repositories.clone(), distribution, None, settings())
    }

    /// Starts another server over the same memories, and answers its address. It stops with the first.
    pub(crate) async fn starts_another_server(&self) -> String {
        let distribution = match self.on {
            On::Team => conman_distribution::open(&self.distribution_url).await.expect("it opens twice"),
            // One process at a time has the embedded database open.
            On::Embedded => self.workflow.distribution().clone(),
        };
        let workflow = self.another_server(distribution).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = AppState::new(workflow, Config::new(self.folder.path().join("repositories")));
        let server = tokio::spawn(run(listener, state, self.shutdown.clone()));
        self.others.lock().push(server);
        url
    }

    /// Starts a job runner.
    pub(crate) fn runs(&self, workflow: &Workflow, name: &str, lease: Duration) -> RunnerTask {
        let config = RunnerConfig { lease, poll: Duration::from_millis(100), ..RunnerConfig::named(name) };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(Runner::new(workflow.clone(), config).run(shutdown.clone()));
        RunnerTask { shutdown, task }
    }

    /// Stops a runner with the server.
    pub(crate) fn keeps(&self, runner: RunnerTask) {
        self.runners.lock().push(runner);
    }

    /// Announces jobs that fail.
    pub(crate) fn expects_failed_jobs(&self, kind: &str, count: usize) {
        *self.failures.lock().entry(kind.to_owned()).or_default() += count;
    }

    /// Waits until something is there; fails the test if that takes too long.
    pub(crate) async fn until<T, F>(&self, what: &str, mut look: impl FnMut() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        let began = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
            assert!(!self.server.is_finished(), "the server died while the test waited until {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a job has ended, and answers it.
    pub(crate) async fn job_ends(&self, id: &str) -> Value {
        let admin = self.admin();
        let path = admin.at(&format!("/jobs/{id}"));
        let finished =
            |job: &Value| !["queued", "running"].contains(&job["state"].as_str().unwrap_or_default());
        let look = || async { Some(admin.get(&path).await.ok()).filter(finished) };
        self.until("a job has ended", look).await
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn is_quiet(&self) {
        let began = Instant::now();
        self.until("no job waits or runs", || async {
            let left = self.unfinished().await;
            // Whoever waits in vain wants to know for what.
            assert!(left.is_empty() || began.elapsed() < PATIENCE, "still unfinished: {left:#?}");
            left.is_empty().then_some(())
        })
        .await;
    }

    /// The jobs that wait or run. One that is given back is between the two lists, hence the second look at the first.
    async fn unfinished(&self) -> Vec<Job> {
        let far = Timestamp::from_millis(4_000_000_000_000).to_string();
        let store = self.workflow.store();
        let due =
            store.find(Query::<Job>::on(&JOB_DUE).at_most(far.as_str())).await.expect("the store answers");
        let left =
            store.find(Query::<Job>::on(&JOB_LEASED).at_most(far.as_str())).await.expect("the store answers");
        let again =
            store.find(Query::<Job>::on(&JOB_DUE).at_most(far.as_str())).await.expect("the store answers");
        [due, left, again].into_iter().flat_map(|found| found.items).map(|job| job.doc).collect()
    }

    async fn failed(&self) -> Vec<Job> {
        let query = Query::<Job>::on(&JOB_BY_STATE).eq(self.app.as_str()).eq("failed");
        let found = self.workflow.store().find(query).await.expect("the store answers");
        found.items.into_iter().map(|job| job.doc).collect()
    }

    /// Stops everything; fails on jobs that are left over or failed unannounced, and on tasks that died.
    pub(crate) async fn ends(self) {
        let runners = std::mem::take(&mut *self.runners.lock());
        assert!(!self.server.is_finished(), "the server died");
        assert!(runners.iter().all(|runner| !runner.task.is_finished()), "a runner died");
        if !runners.is_empty() {
            self.is_quiet().await;
        }
        let left: Vec<_> = self.unfinished().await.into_iter().map(|job| (job.work, job.status)).collect();
        assert!(left.is_empty(), "jobs are left over: {left:?}");
        let mut announced = self.failures.lock().clone();
        for job in self.failed().await {
            let count = announced.get_mut(job.work.name());
            let count = count
                .filter(|count| **count > 0)
                .unwrap_or_else(|| panic!("a job failed: {:?}", (&job.work, &job.status)));
            *count -= 1;
        }
        announced.retain(|_, count| *count > 0);
        assert!(announced.is_empty(), "jobs were to fail and did not: {announced:?}");
        for runner in runners {
            runner.stops().await;
        }
        self.shutdown.cancel();
        let others = std::mem::take(&mut *self.others.lock());
        for server in others {
            server.await.expect("another server stops in an orderly way");
        }
        self.server.await.expect("the server stops in an orderly way");
    }

    /// What the app's repository says to a command of Git.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(super::git(&self.git_dir(), arguments, b"")).expect("it is text").trim().to_owned()
    }

    /// A release as it is now.
    pub(crate) async fn release(&self, release: &Release) -> Value {
        let admin = self.admin();
        admin.get(&admin.at(&format!("/releases/{}", release.id))).await.ok()
    }
}

fn settings() -> Settings {
    Settings {
        public_url: "https://conman.example".to_owned(),
        local_imports: false,
        master_key: Some(MasterKey::new([7; 32])),
    }
}

fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("no other provider is installed");
    });
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(PATIENCE * 2).build().expect("a client of plain settings")
}

fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
