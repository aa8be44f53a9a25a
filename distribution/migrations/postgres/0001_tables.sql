-- What workers read, and how it came to be.

CREATE TABLE conman.active_config (
    app_id           uuid        NOT NULL,
    environment_id   uuid        NOT NULL,
    environment_name text        NOT NULL,
    version          bigint      NOT NULL CHECK (version >= 0),
    release_tag      text        NOT NULL,
    release_commit   text        NOT NULL,
    tree_id          text        NOT NULL,
    profile_revision bigint      NOT NULL CHECK (profile_revision >= 0),
    catalog_rules    json        NOT NULL,
    updated_by       text        NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (app_id, environment_id)
);
COMMENT ON TABLE conman.active_config IS 'One row per app and environment: what it runs';

CREATE TABLE conman.active_config_entries (
    app_id         uuid    NOT NULL,
    environment_id uuid    NOT NULL,
    name           text    COLLATE "C" NOT NULL,
    type           text    NOT NULL
        CHECK (type IN ('string', 'int', 'number', 'bool', 'enum', 'duration', 'json')),
    -- json, not jsonb: a value comes back exactly as it went in.
    value          json    NOT NULL,
    category       text    CHECK (category IN ('threshold', 'filter_flag', 'cooldown', 'risk_limit')),
    hot_reloadable boolean NOT NULL,
    changed_in     bigint  NOT NULL,
    PRIMARY KEY (app_id, environment_id, name),
    FOREIGN KEY (app_id, environment_id) REFERENCES conman.active_config ON DELETE CASCADE
);
COMMENT ON COLUMN conman.active_config_entries.changed_in IS 'The config version that last changed this row';

CREATE TABLE conman.config_blobs (
    hash       text        COLLATE "C" PRIMARY KEY,
    content    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT config_blobs_hash_is_of_content CHECK (hash = encode(sha256(content), 'hex'))
);
COMMENT ON TABLE conman.config_blobs IS 'Contents of files, each once, under the SHA-256 of its bytes';
-- Contents are mostly small and compress badly twice: let large ones be read without decompressing.
ALTER TABLE conman.config_blobs ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE conman.active_config_files (
    app_id         uuid   NOT NULL,
    environment_id uuid   NOT NULL,
    path           text   COLLATE "C" NOT NULL,
    hash           text   COLLATE "C" NOT NULL
        CONSTRAINT active_config_files_hash_fkey REFERENCES conman.config_blobs,
    changed_in     bigint NOT NULL,
    PRIMARY KEY (app_id, environment_id, path),
    FOREIGN KEY (app_id, environment_id) REFERENCES conman.active_config ON DELETE CASCADE
);
CREATE INDEX active_config_files_hash ON conman.active_config_files (hash);

CREATE TABLE conman.config_history (
    app_id           uuid        NOT NULL,
    environment_id   uuid        NOT NULL,
    environment_name text        NOT NULL,
    version          bigint      NOT NULL CHECK (version > 0),
    base_version     bigint      NOT NULL CHECK (base_version >= 0),
    source_id        text        NOT NULL CHECK (source_id <> ''),
    kind             text        NOT NULL
        CHECK (kind IN ('deployment', 'redeployment', 'save', 'draft', 'restore')),
    release_tag      text        NOT NULL,
    release_commit   text        NOT NULL,
    tree_id          text        NOT NULL,
    profile_revision bigint      NOT NULL,
    -- {name: {"before": …, "after": …}}, each null or {"value", "type", "category", "hot_reloadable"}
    parameters       json        NOT NULL,
    -- {path: {"before": …, "after": …}}, each null or a hash
    files            json        NOT NULL,
    files_added      bigint      NOT NULL,
    files_changed    bigint      NOT NULL,
    files_removed    bigint      NOT NULL,
    changed_by       text        NOT NULL CHECK (changed_by <> ''),
    approved_by      text        CHECK (approved_by <> ''),
    reason           text,
    at               timestamptz NOT NULL,
    PRIMARY KEY (app_id, environment_id, version),
    CONSTRAINT config_history_source_id_key UNIQUE (source_id),
    CONSTRAINT config_history_moves_forward CHECK (version > base_version)
);
COMMENT ON TABLE conman.config_history IS 'One row per config version; rows are only ever added';

CREATE TABLE conman.variable_catalog (
    app_id         uuid    NOT NULL,
    environment_id uuid    NOT NULL,
    name           text    COLLATE "C" NOT NULL,
    declaration    json    NOT NULL,
    -- True also for a row that left the catalog and stays because a parameter set refers to it.
    deprecated     boolean NOT NULL,
    changed_in     bigint  NOT NULL,
    PRIMARY KEY (app_id, environment_id, name)
);

CREATE TABLE conman.variable_catalog_history (
    app_id         uuid        NOT NULL,
    environment_id uuid        NOT NULL,
    version        bigint      NOT NULL,
    name           text        COLLATE "C" NOT NULL,
    before         json,
    after          json,
    changed_by     text        NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (app_id, environment_id, version, name)
);

CREATE TABLE conman.parameter_sets (
    hash              text        COLLATE "C" PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    app_id            uuid        NOT NULL,
    environment_id    uuid        NOT NULL,
    base_environment  json        NOT NULL,
    -- The catalog as it was, an object by parameter name.
    variables_catalog json        NOT NULL CHECK (json_typeof(variables_catalog) = 'object'),
    factors           json        NOT NULL,
    code_version      text        NOT NULL,
    config_version    bigint      NOT NULL,
    catalog_version   text        NOT NULL,
    created_by        text        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE conman.parameter_sets IS 'Immutable freezes of parameters, under the SHA-256 of their canonical JSON';

-- Which catalog rows a set's snapshot refers to: the foreign key keeps those rows.
CREATE TABLE conman.parameter_set_variables (
    parameter_set_hash text NOT NULL REFERENCES conman.parameter_sets,
    app_id             uuid NOT NULL,
    environment_id     uuid NOT NULL,
    name               text COLLATE "C" NOT NULL,
    PRIMARY KEY (parameter_set_hash, name),
    CONSTRAINT parameter_set_variables_catalog_fkey
        FOREIGN KEY (app_id, environment_id, name) REFERENCES conman.variable_catalog
);
CREATE INDEX parameter_set_variables_catalog
    ON conman.parameter_set_variables (app_id, environment_id, name);

CREATE TABLE conman.runs (
    id                 uuid        PRIMARY KEY,
    app_id             uuid        NOT NULL,
    environment_id     uuid        NOT NULL,
    parameter_set_hash text        COLLATE "C" NOT NULL
        CONSTRAINT runs_parameter_set_hash_fkey REFERENCES conman.parameter_sets,
    kind               text        NOT NULL,
    status             text        NOT NULL,
    started_by         text        NOT NULL,
    started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at        timestamptz
);
CREATE INDEX runs_parameter_set_hash ON conman.runs (parameter_set_hash);

CREATE TABLE conman.worker_sessions (
    session_id       uuid        PRIMARY KEY,
    app_id           uuid        NOT NULL,
    environment_id   uuid        NOT NULL,
    name             text        NOT NULL,
    library          text        NOT NULL,
    started_at       timestamptz NOT NULL,
    version          bigint,
    release_tag      text,
    release_commit   text,
    tree_id          text,
    profile_revision bigint,
    applied_at       timestamptz,
    last_notify_at   timestamptz,
    heartbeat_at     timestamptz NOT NULL,
    problem          text,
    stopped          boolean     NOT NULL DEFAULT false,
    heard_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT worker_sessions_applied_as_a_whole CHECK (
        num_nulls(version, release_tag, release_commit, tree_id, profile_revision, applied_at) IN (0, 6))
);
CREATE INDEX worker_sessions_environment ON conman.worker_sessions (app_id, environment_id, name, started_at);
