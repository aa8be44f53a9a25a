-- What workers read, and how it came to be. Ids are hyphenated UUIDs, instants are milliseconds since 1970 (UTC).

CREATE TABLE active_config (
    app_id           TEXT    NOT NULL,
    environment_id   TEXT    NOT NULL,
    environment_name TEXT    NOT NULL,
    version          INTEGER NOT NULL CHECK (version > 0),
    release_tag      TEXT    NOT NULL,
    release_commit   TEXT    NOT NULL,
    tree_id          TEXT    NOT NULL,
    profile_revision INTEGER NOT NULL CHECK (profile_revision >= 0),
    catalog_rules    TEXT    NOT NULL,
    updated_by       TEXT    NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id)
) STRICT;

CREATE TABLE active_config_entries (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    type           TEXT    NOT NULL
        CHECK (type IN ('string', 'int', 'number', 'bool', 'enum', 'duration', 'json')),
    value          TEXT    NOT NULL CHECK (json_valid(value)),
    category       TEXT    CHECK (category IN ('threshold', 'filter_flag', 'cooldown', 'risk_limit')),
    hot_reloadable INTEGER NOT NULL CHECK (hot_reloadable IN (0, 1)),
    changed_in     INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id, name),
    FOREIGN KEY (app_id, environment_id) REFERENCES active_config ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE config_blobs (
    hash       TEXT    PRIMARY KEY NOT NULL CHECK (length(hash) = 64),
    content    BLOB    NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
) STRICT;

CREATE TABLE active_config_files (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    path           TEXT    NOT NULL,
    hash           TEXT    NOT NULL REFERENCES config_blobs,
    changed_in     INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id, path),
    FOREIGN KEY (app_id, environment_id) REFERENCES active_config ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX active_config_files_hash ON active_config_files (hash);

CREATE TABLE config_history (
    app_id           TEXT    NOT NULL,
    environment_id   TEXT    NOT NULL,
    environment_name TEXT    NOT NULL,
    version          INTEGER NOT NULL CHECK (version > 0),
    base_version     INTEGER NOT NULL CHECK (base_version >= 0),
    source_id        TEXT    NOT NULL UNIQUE CHECK (source_id <> ''),
    kind             TEXT    NOT NULL
        CHECK (kind IN ('deployment', 'redeployment', 'save', 'draft', 'restore')),
    release_tag      TEXT    NOT NULL,
    release_commit   TEXT    NOT NULL,
    tree_id          TEXT    NOT NULL,
    profile_revision INTEGER NOT NULL,
    -- {name: {"before": …, "after": …}}, each null or {"value", "type", "category", "hot_reloadable"}
    parameters       TEXT    NOT NULL CHECK (json_valid(parameters)),
    -- {path: {"before": …, "after": …}}, each null or a hash
    files            TEXT    NOT NULL CHECK (json_valid(files)),
    files_added      INTEGER NOT NULL,
    files_changed    INTEGER NOT NULL,
    files_removed    INTEGER NOT NULL,
    changed_by       TEXT    NOT NULL CHECK (changed_by <> ''),
    approved_by      TEXT    CHECK (approved_by <> ''),
    reason           TEXT,
    at               INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id, version),
    CONSTRAINT config_history_moves_forward CHECK (version > base_version)
) STRICT;

CREATE TABLE variable_catalog (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    declaration    TEXT    NOT NULL CHECK (json_valid(declaration)),
    -- 1 also for a row that left the catalog and stays because a parameter set refers to it.
    deprecated     INTEGER NOT NULL CHECK (deprecated IN (0, 1)),
    changed_in     INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE variable_catalog_history (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    before         TEXT    CHECK (json_valid(before)),
    after          TEXT    CHECK (json_valid(after)),
    changed_by     TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (app_id, environment_id, version, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE parameter_sets (
    hash              TEXT    PRIMARY KEY NOT NULL CHECK (length(hash) = 64),
    app_id            TEXT    NOT NULL,
    environment_id    TEXT    NOT NULL,
    base_environment  TEXT    NOT NULL CHECK (json_valid(base_environment)),
    -- The catalog as it was, an object by parameter name.
    variables_catalog TEXT    NOT NULL CHECK (json_type(variables_catalog) = 'object'),
    factors           TEXT    NOT NULL CHECK (json_valid(factors)),
    code_version      TEXT    NOT NULL,
    config_version    INTEGER NOT NULL,
    catalog_version   TEXT    NOT NULL,
    created_by        TEXT    NOT NULL,
    created_at        INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
) STRICT;

-- Which catalog rows a set's snapshot refers to: the foreign key keeps those rows.
CREATE TABLE parameter_set_variables (
    parameter_set_hash TEXT NOT NULL REFERENCES parameter_sets,
    app_id             TEXT NOT NULL,
    environment_id     TEXT NOT NULL,
    name               TEXT NOT NULL,
    PRIMARY KEY (parameter_set_hash, name),
    FOREIGN KEY (app_id, environment_id, name) REFERENCES variable_catalog
) STRICT, WITHOUT ROWID;
CREATE INDEX parameter_set_variables_catalog ON parameter_set_variables (app_id, environment_id, name);

CREATE TABLE runs (
    id                 TEXT    PRIMARY KEY NOT NULL,
    app_id             TEXT    NOT NULL,
    environment_id     TEXT    NOT NULL,
    parameter_set_hash TEXT    NOT NULL REFERENCES parameter_sets,
    kind               TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    started_by         TEXT    NOT NULL,
    started_at         INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
    finished_at        INTEGER
) STRICT;
CREATE INDEX runs_parameter_set_hash ON runs (parameter_set_hash);

CREATE TABLE worker_sessions (
    session_id       TEXT    PRIMARY KEY NOT NULL,
    app_id           TEXT    NOT NULL,
    environment_id   TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    library          TEXT    NOT NULL,
    started_at       INTEGER NOT NULL,
    version          INTEGER,
    release_tag      TEXT,
    release_commit   TEXT,
    tree_id          TEXT,
    profile_revision INTEGER,
    applied_at       INTEGER,
    last_notify_at   INTEGER,
    heartbeat_at     INTEGER NOT NULL,
    problem          TEXT,
    stopped          INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    heard_at         INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
    CONSTRAINT worker_sessions_applied_as_a_whole CHECK (
        (version IS NULL) + (release_tag IS NULL) + (release_commit IS NULL) + (tree_id IS NULL)
        + (profile_revision IS NULL) + (applied_at IS NULL) IN (0, 6))
) STRICT;
CREATE INDEX worker_sessions_environment ON worker_sessions (app_id, environment_id, name, started_at);
