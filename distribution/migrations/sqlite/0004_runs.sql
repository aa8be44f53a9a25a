-- Runs, as programs register them. No version wrote to the table before.
DROP TABLE runs;
CREATE TABLE runs (
    id                 TEXT    PRIMARY KEY NOT NULL,
    app_id             TEXT    NOT NULL,
    environment_id     TEXT    NOT NULL,
    parameter_set_hash TEXT    NOT NULL REFERENCES parameter_sets,
    kind               TEXT    NOT NULL CHECK (kind <> ''),
    description        TEXT    NOT NULL,
    status             TEXT    NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'canceled')),
    -- The run that this one repeats, with the same set.
    rerun_of           TEXT    REFERENCES runs,
    -- What came out, an object as the program gave it.
    results            TEXT    CHECK (json_type(results) = 'object'),
    note               TEXT    NOT NULL DEFAULT '',
    started_by         TEXT    NOT NULL CHECK (started_by <> ''),
    started_by_id      TEXT    NOT NULL,
    started_at         INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
    finished_at        INTEGER,
    CONSTRAINT runs_end_as_a_whole CHECK ((status = 'running') = (finished_at IS NULL))
) STRICT;
CREATE INDEX runs_parameter_set_hash ON runs (parameter_set_hash);
CREATE INDEX runs_app ON runs (app_id, id);
CREATE INDEX parameter_sets_app ON parameter_sets (app_id, created_at, hash);
CREATE INDEX parameter_set_variables_app ON parameter_set_variables (app_id, name);

-- Whatever `foreign_keys` is.
CREATE TRIGGER runs_are_pinned_insert BEFORE INSERT ON runs
WHEN NOT EXISTS (SELECT 1 FROM parameter_sets WHERE hash = NEW.parameter_set_hash)
BEGIN SELECT RAISE(ABORT, 'a run needs a parameter set'); END;

-- A run belongs to its set and to its past: it ends once, and nothing else of it ever changes. REPLACE deletes rows
-- without firing triggers, so inserts over a row are refused too.
CREATE TRIGGER runs_end_once_insert BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'runs are only ever added'); END;
CREATE TRIGGER runs_end_once_delete BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are only ever added'); END;
CREATE TRIGGER runs_end_once_update BEFORE UPDATE ON runs
WHEN OLD.status <> 'running'
BEGIN SELECT RAISE(ABORT, 'a run ends once'); END;
CREATE TRIGGER runs_keep_their_beginning BEFORE UPDATE ON runs
WHEN (NEW.id, NEW.app_id, NEW.environment_id, NEW.parameter_set_hash, NEW.kind, NEW.description, NEW.started_by,
    NEW.started_by_id, NEW.started_at, coalesce(NEW.rerun_of, ''))
    <> (OLD.id, OLD.app_id, OLD.environment_id, OLD.parameter_set_hash, OLD.kind, OLD.description, OLD.started_by,
    OLD.started_by_id, OLD.started_at, coalesce(OLD.rerun_of, ''))
BEGIN SELECT RAISE(ABORT, 'a run keeps its parameter set and its beginning'); END;
