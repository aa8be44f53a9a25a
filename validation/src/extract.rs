//! What a file declares and refers to, by its config type.

use crate::facts::{FileFacts, Member, Place, Reference, Target};
use crate::thing::MemberKind;
use conman_domain::catalog::Catalog;
use conman_domain::changeset::Severity;
use semantic_diff::document::{Document, Kind, NodeId};
use semantic_diff::{KeyPath, SemanticConfigType as Type, Step};

/// Keys under which an item of a list has its name.
const NAMES: [&str; 3] = ["name", "id", "key"];
/// Fields of these types have nothing below them that a name could lead to.
const CLOSED: [&str; 16] = [
    "string", "text", "int", "integer", "number", "float", "decimal", "bool", "boolean", "date", "datetime",
    "time", "enum", "uuid", "email", "duration",
];

/// The most references and declarations that are kept of one file.
const MAX_KEPT: usize = 50_000;
/// The most characters that are kept of the way to a reference.
const MAX_KEY: usize = 300;
/// How deep menus nest.
const MAX_MENU_DEPTH: usize = 8;

/// Adds what the document says to the facts.
pub(crate) fn extract(document: &Document<'_>, facts: &mut FileFacts) {
    let Some(root) = document.root() else { return };
    let config = facts.config.as_ref().map(|config| (config.kind, config.name.clone()));
    let is_catalog = Catalog::holds(&facts.path);
    let mut reader = Reader { document, facts };
    if is_catalog {
        for item in reader.named(root, "parameters") {
            reader.facts.parameters.push((item.name, item.at));
        }
        return;
    }
    match &config {
        Some((Type::Entity, name)) => reader.entity(root, name),
        Some((Type::Page, name)) => reader.page(root, name),
        Some((Type::Queue, _)) => reader.queue(root),
        Some((Type::Provider, name)) => reader.provider(root, name),
        Some((Type::Workflow, name)) => reader.workflow(root, name),
        Some((Type::Tenant, _)) => reader.tenant(root),
        Some((Type::Menu, _)) => reader.menu(root),
        Some((Type::Asset | Type::Script, _)) | None => {
            if semantic_diff::stem(reader.facts.path.as_str()) == "roles" {
                reader.declare_roles(root);
            }
        }
    }
    if config.is_some() {
        // Elsewhere the word means other things: the parameters of an endpoint, of a page of rows.
        for parameter in reader.texts(root, "parameters", &KeyPath::root()) {
            reader.refer(&parameter, Severity::Error, Target::Parameter(parameter.text.clone()));
        }
        reader.files_and_parameters(root);
    }
}

struct Reader<'f, 'd, 't> {
    document: &'d Document<'t>,
    facts: &'f mut FileFacts,
}

/// A named item of a list, or an entry of a mapping.
struct Item {
    name: String,
    /// Where its name stands, and where all of it ends.
    at: Place,
    /// The item's own node; the name itself in a list of names.
    node: NodeId,
    /// The way to it.
    path: KeyPath,
}

/// A text, and the way to it.
struct Text {
    text: String,
    at: Place,
    path: KeyPath,
}

impl Reader<'_, '_, '_> {
    fn entity(&mut self, root: NodeId, name: &str) {
        for item in self.named(root, "fields") {
            let kind = self.document.get_text(item.node, "type").or(self.document.text(item.node));
            let is_open = !kind.is_some_and(|kind| CLOSED.contains(&kind));
            self.declare(MemberKind::Field, &item, None, is_open);
        }
        for item in self.named(root, "relations") {
            let leads_to = self.document.get_text(item.node, "entity").map(str::to_owned);
            self.refer_below(&item, "entity", |name| Target::Config(Type::Entity, name));
            self.declare(MemberKind::Relation, &item, leads_to.clone(), false);
            // The column that holds the other's key can be named too.
            if let Some(via) = self.document.get_text(item.node, "via").map(str::to_owned)
                && self.document.get_text(item.node, "kind").is_none_or(|kind| kind == "belongs_to")
                && via != item.name
            {
                self.declare(MemberKind::Relation, &Item { name: via, ..item }, leads_to, false);
            }
        }
        for partial in self.texts(root, "partials", &KeyPath::root()) {
            self.facts.partials.push(partial.text.clone());
            self.refer(&partial, Severity::Error, Target::Config(Type::Entity, partial.text.clone()));
        }
        for item in self.named(root, "indexes") {
            self.fields_of(name, item.node, "fields", &item.path);
        }
        if let Some(search) = self.document.get(root, "search") {
            self.fields_of(name, search, "fields", &key("search"));
        }
    }

    fn page(&mut self, root: NodeId, name: &str) {
        let entity = self.entity_of(root);
        for source in self.named(root, "data_sources") {
            self.declare(MemberKind::DataSource, &source, None, true);
            self.data_source(source.node, &source.path);
        }
        let mut lists = vec![(root, KeyPath::root())];
        for group in ["sections", "steps", "tabs"] {
            lists.extend(self.named(root, group).into_iter().map(|item| (item.node, item.path)));
        }
        for (node, path) in lists {
            for field in self.named_at(node, "fields", &path) {
                self.field(entity.as_deref(), &field);
            }
        }
        self.rows(root, entity.as_deref());
        self.actions(root);
        self.roles(root, &KeyPath::root());
        let mut sources: Vec<Text> = self.texts_of(root, "chart", "source");
        for widget in self.named(root, "widgets") {
            sources.extend(self.texts(widget.node, "source", &widget.path));
        }
        for source in sources {
            self.refer_to_member(&source, Type::Page, name, MemberKind::DataSource);
        }
    }

    fn queue(&mut self, root: NodeId) {
        let entity = self.entity_of(root);
        if let Some(source) = self.document.get(root, "data_source") {
            self.data_source(source, &key("data_source"));
        }
        for column in self.named(root, "columns") {
            self.field(entity.as_deref(), &column);
        }
        self.rows(root, entity.as_deref());
        self.actions(root);
        self.roles(root, &KeyPath::root());
    }

    fn provider(&mut self, root: NodeId, name: &str) {
        for endpoint in self.named(root, "endpoints") {
            self.declare(MemberKind::Endpoint, &endpoint, None, true);
        }
        for relation in self.named(root, "relations") {
            self.refer_below(&relation, "entity", |name| Target::Config(Type::Entity, name));
            for endpoint in self.texts(relation.node, "endpoint", &relation.path) {
                self.refer_to_member(&endpoint, Type::Provider, name, MemberKind::Endpoint);
            }
        }
    }

    fn workflow(&mut self, root: NodeId, name: &str) {
        let entity = self.entity_of(root);
        if let Some(entity) = &entity {
            self.fields_of(entity, root, "state_field", &KeyPath::root());
        }
        for state in self.named(root, "states") {
            self.declare(MemberKind::State, &state, None, true);
            self.refer_below(&state, "queue", |name| Target::Config(Type::Queue, name));
        }
        for initial in self.texts(root, "initial", &KeyPath::root()) {
            self.refer_to_member(&initial, Type::Workflow, name, MemberKind::State);
        }
        for transition in self.named(root, "transitions") {
            self.declare(MemberKind::Transition, &transition, None, true);
            for end in ["from", "to"] {
                for state in self.texts(transition.node, end, &transition.path) {
                    if state.text != "*" {
                        self.refer_to_member(&state, Type::Workflow, name, MemberKind::State);
                    }
                }
            }
            if let Some(entity) = &entity {
                self.fields_of(entity, transition.node, "requires", &transition.path);
            }
            self.roles(transition.node, &transition.path);
        }
        for rule in self.named(root, "rules") {
            self.refer_below(&rule, "parameter", Target::Parameter);
        }
    }

    fn tenant(&mut self, root: NodeId) {
        self.declare_roles(root);
        for menu in self.texts(root, "menus", &KeyPath::root()) {
            self.refer(&menu, Severity::Error, Target::Config(Type::Menu, menu.text.clone()));
        }
        for tenant in self.texts(root, "forwards_to", &KeyPath::root()) {
            self.refer(&tenant, Severity::Error, Target::Config(Type::Tenant, tenant.text.clone()));
        }
    }

    fn menu(&mut self, root: NodeId) {
        self.roles(root, &KeyPath::root());
        let mut holders = vec![(root, KeyPath::root())];
        while let Some((node, path)) =
            holders.pop().filter(|(_, path)| path.steps().len() <= 2 * MAX_MENU_DEPTH)
        {
            for list in ["groups", "items"] {
                for item in self.named_at(node, list, &path) {
                    self.refer_below(&item, "page", |name| Target::Config(Type::Page, name));
                    self.refer_below(&item, "queue", |name| Target::Config(Type::Queue, name));
                    self.roles(item.node, &item.path);
                    holders.push((item.node, item.path));
                }
            }
        }
    }

    /// The entity that the config is about, which is referred to.
    fn entity_of(&mut self, root: NodeId) -> Option<String> {
        let entity = self.texts(root, "entity", &KeyPath::root()).pop()?;
        self.refer(&entity, Severity::Error, Target::Config(Type::Entity, entity.text.clone()));
        Some(entity.text)
    }

    fn data_source(&mut self, node: NodeId, path: &KeyPath) {
        for entity in self.texts(node, "entity", path) {
            self.refer(&entity, Severity::Error, Target::Config(Type::Entity, entity.text.clone()));
        }
        self.provider_and_endpoint(node, path);
    }

    fn provider_and_endpoint(&mut self, node: NodeId, path: &KeyPath) {
        self.config_and_member(node, path, Type::Provider, ("endpoint", MemberKind::Endpoint));
    }

    /// A config under its type's name, and a part of it beside that.
    fn config_and_member(&mut self, node: NodeId, path: &KeyPath, of: Type, member: (&str, MemberKind)) {
        for config in self.texts(node, of.name(), path) {
            self.refer(&config, Severity::Error, Target::Config(of, config.text.clone()));
            for part in self.texts(node, member.0, path) {
                self.refer_to_member(&part, of, &config.text, member.1);
            }
        }
    }

    /// Filters and sort orders name fields.
    fn rows(&mut self, root: NodeId, entity: Option<&str>) {
        let Some(entity) = entity else { return };
        for list in ["filters", "sort"] {
            let Some(node) = self.document.get(root, list) else { continue };
            for (at, item) in self.items(node).into_iter().enumerate() {
                let mut path = key(list);
                path.push(self.step_of(item, at));
                self.fields_of(entity, item, "field", &path);
            }
        }
    }

    fn actions(&mut self, root: NodeId) {
        for action in self.named(root, "actions") {
            let (node, path) = (action.node, &action.path);
            self.config_and_member(node, path, Type::Workflow, ("transition", MemberKind::Transition));
            self.provider_and_endpoint(node, path);
            self.refer_below(&action, "page", |name| Target::Config(Type::Page, name));
            self.refer_below(&action, "queue", |name| Target::Config(Type::Queue, name));
            self.roles(node, path);
        }
    }

    fn field(&mut self, entity: Option<&str>, item: &Item) {
        if let Some(entity) = entity {
            let target = Target::Field { entity: entity.to_owned(), path: item.name.clone() };
            let text = Text { text: item.name.clone(), at: item.at, path: item.path.clone() };
            self.refer(&text, Severity::Error, target);
        }
    }

    fn fields_of(&mut self, entity: &str, node: NodeId, under: &str, path: &KeyPath) {
        for field in self.texts(node, under, path) {
            let target = Target::Field { entity: entity.to_owned(), path: field.text.clone() };
            self.refer(&field, Severity::Error, target);
        }
    }

    fn roles(&mut self, node: NodeId, path: &KeyPath) {
        for role in self.texts(node, "roles", path) {
            self.refer(&role, Severity::Warning, Target::Role(role.text.clone()));
        }
    }

    fn declare_roles(&mut self, root: NodeId) {
        for role in self.named(root, "roles") {
            self.facts.roles.push((role.name, role.at));
        }
    }

    /// Names of files and parameters can stand anywhere.
    fn files_and_parameters(&mut self, root: NodeId) {
        // The way to a node is spelled out for what refers to something, and for nothing else: a file may hold a
        // million nodes below a hundred long names.
        let mut trail: Vec<(usize, Step)> = Vec::new();
        let mut waiting = vec![(root, usize::MAX, None::<&str>)];
        let document = self.document;
        while let Some((node, parent, under)) = waiting.pop() {
            match document.kind(node) {
                Kind::Mapping => {
                    for (name, value) in document.entries(node) {
                        let Some(name) = document.text(name) else { continue };
                        trail.push((parent, Step::Key(name.to_owned())));
                        waiting.push((value, trail.len() - 1, Some(name)));
                    }
                }
                Kind::Sequence => {
                    for (at, item) in document.items(node).enumerate() {
                        trail.push((parent, self.step_of(item, at)));
                        waiting.push((item, trail.len() - 1, under));
                    }
                }
                Kind::Scalar => {
                    let Some(text) = document.text(node) else { continue };
                    for (target, severity) in named_by(text, under) {
                        let mut steps = Vec::new();
                        let mut at = parent;
                        while let Some((above, step)) = trail.get(at) {
                            steps.push(step.clone());
                            at = *above;
                        }
                        let path = steps.into_iter().rev().collect();
                        let text = Text { text: text.to_owned(), at: Place::of(document, node), path };
                        self.refer(&text, severity, target);
                    }
                }
                // What it stands for is walked where it is written.
                Kind::Alias => {}
            }
        }
    }

    fn declare(&mut self, kind: MemberKind, item: &Item, leads_to: Option<String>, is_open: bool) {
        if self.facts.members.len() < MAX_KEPT {
            let (name, at) = (item.name.clone(), item.at);
            self.facts.members.push(Member { kind, name, at, leads_to, is_open });
        }
    }

    fn refer(&mut self, text: &Text, severity: Severity, target: Target) {
        if self.facts.references.len() < MAX_KEPT {
            let key = text.path.to_string().chars().take(MAX_KEY).collect();
            self.facts.references.push(Reference { target, severity, key, at: text.at });
        }
    }

    fn refer_below(&mut self, item: &Item, under: &str, target: impl Fn(String) -> Target) {
        for text in self.texts(item.node, under, &item.path) {
            self.refer(&text, Severity::Error, target(text.text.clone()));
        }
    }

    fn refer_to_member(&mut self, text: &Text, of: Type, config: &str, kind: MemberKind) {
        let target = Target::Member { of, config: config.to_owned(), kind, name: text.text.clone() };
        self.refer(text, Severity::Error, target);
    }

    /// The text under a key, or each text of a list there.
    fn texts(&self, node: NodeId, under: &str, path: &KeyPath) -> Vec<Text> {
        let Some(value) = self.document.get(node, under) else { return Vec::new() };
        let path = path.with(Step::Key(under.to_owned()));
        if self.document.kind(value) == Kind::Scalar {
            return self.text_at(value, path).into_iter().collect();
        }
        let items = self.items(value).into_iter().enumerate();
        items.filter_map(|(at, item)| self.text_at(item, path.with(Step::Index(at)))).collect()
    }

    fn texts_of(&self, root: NodeId, holder: &str, under: &str) -> Vec<Text> {
        self.document.get(root, holder).map_or_else(Vec::new, |node| self.texts(node, under, &key(holder)))
    }

    fn text_at(&self, node: NodeId, path: KeyPath) -> Option<Text> {
        let text = self.document.text(node).filter(|text| !text.is_empty())?;
        Some(Text { text: text.to_owned(), at: Place::of(self.document, node), path })
    }

    fn items(&self, list: NodeId) -> Vec<NodeId> {
        self.document.items(list).map(|item| self.document.resolve(item)).collect()
    }

    fn named(&self, node: NodeId, under: &str) -> Vec<Item> {
        self.named_at(node, under, &KeyPath::root())
    }

    /// The named items of a list under a key, or the entries of a mapping there.
    fn named_at(&self, node: NodeId, under: &str, path: &KeyPath) -> Vec<Item> {
        let Some(list) = self.document.get(node, under) else { return Vec::new() };
        let path = path.with(Step::Key(under.to_owned()));
        let item = |name: NodeId, node: NodeId, step: Step| {
            let text = self.document.text(name).filter(|text| !text.is_empty())?.to_owned();
            let end_line = self.document.lines(node).end;
            let at = Place { end_line, ..Place::of(self.document, name) };
            Some(Item { name: text, at, node, path: path.with(step) })
        };
        match self.document.kind(list) {
            Kind::Mapping => self
                .document
                .entries(list)
                .filter_map(|(name, value)| {
                    let step = Step::Key(self.document.text(name)?.to_owned());
                    item(name, self.document.resolve(value), step)
                })
                .collect(),
            Kind::Sequence => self
                .items(list)
                .into_iter()
                .enumerate()
                .filter_map(|(at, node)| {
                    let name = NAMES.iter().find_map(|name| self.document.get(node, name));
                    item(name.unwrap_or(node), node, self.step_of(node, at))
                })
                .collect(),
            Kind::Scalar | Kind::Alias => Vec::new(),
        }
    }

    /// How the way to an item is written: by its name, else by its place.
    fn step_of(&self, item: NodeId, at: usize) -> Step {
        let named = NAMES.iter().find_map(|key| Some((*key, self.document.get_text(item, key)?)));
        named.map_or(Step::Index(at), |(key, value)| Step::Item {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

fn key(name: &str) -> KeyPath {
    KeyPath::root().with(Step::Key(name.to_owned()))
}

/// The parameters and files that a text names, by the key that it stands under.
fn named_by(text: &str, under: Option<&str>) -> Vec<(Target, Severity)> {
    match under {
        Some("when") => parameters_in(text).map(|name| (Target::Parameter(name), Severity::Error)).collect(),
        Some("script") if looks_like_a_path(text) => vec![(Target::File(text.to_owned()), Severity::Error)],
        _ => {
            let is_ours = ["assets/", "scripts/"].iter().any(|folder| text.starts_with(folder));
            let is_file = is_ours && looks_like_a_path(text);
            if is_file { vec![(Target::File(text.to_owned()), Severity::Warning)] } else { Vec::new() }
        }
    }
}

/// The parameters that a condition names as `param.NAME`.
fn parameters_in(condition: &str) -> impl Iterator<Item = String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    condition
        .split(move |c| !is_name(c))
        .filter_map(|word| word.strip_prefix("param."))
        .map(|name| name.trim_end_matches('.').to_owned())
        .filter(|name| !name.is_empty())
}

/// True for what can only be one file's path: no blanks, no pattern, no place to fill in.
fn looks_like_a_path(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"*?{}[]<>$:|\"'".contains(c);
    text.len() < 500
        && text.chars().all(is_plain)
        && text.contains('/')
        && text.rsplit('/').next().is_some_and(|name| name.contains('.') && !name.ends_with('.'))
}
