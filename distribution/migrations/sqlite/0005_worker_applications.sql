-- Which workers ran a version, and since when; one row per session and version, kept for ninety days. Instants are in
-- milliseconds since 1970.
CREATE TABLE worker_applications (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    session_id     TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    -- When the session began, and when it had the version in memory, by the worker's clock.
    started_at     INTEGER NOT NULL,
    applied_at     INTEGER NOT NULL,
    -- When it was heard of, by this database's clock.
    recorded_at    INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
    PRIMARY KEY (app_id, environment_id, version, session_id)
) STRICT;
CREATE INDEX worker_applications_by_time ON worker_applications (recorded_at);

-- A version that never was cannot have been applied, whatever a worker says.
CREATE TRIGGER worker_sessions_apply AFTER INSERT ON worker_sessions WHEN NEW.version > 0
BEGIN
    INSERT INTO worker_applications (app_id, environment_id, version, session_id, name, started_at, applied_at)
    SELECT app_id, environment_id, version, NEW.session_id, NEW.name, NEW.started_at, NEW.applied_at
    FROM config_history
    WHERE app_id = NEW.app_id AND environment_id = NEW.environment_id AND version = NEW.version
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER worker_sessions_apply_more AFTER UPDATE ON worker_sessions
WHEN NEW.version > 0 AND NEW.version IS NOT OLD.version
BEGIN
    INSERT INTO worker_applications (app_id, environment_id, version, session_id, name, started_at, applied_at)
    SELECT app_id, environment_id, version, NEW.session_id, NEW.name, NEW.started_at, NEW.applied_at
    FROM config_history
    WHERE app_id = NEW.app_id AND environment_id = NEW.environment_id AND version = NEW.version
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER worker_applications_are_forgotten AFTER INSERT ON worker_sessions
BEGIN
    DELETE FROM worker_applications WHERE recorded_at < unixepoch('subsec') * 1000 - 7776000000;
END;

-- What runs already when this table is made.
INSERT INTO worker_applications
    (app_id, environment_id, version, session_id, name, started_at, applied_at, recorded_at)
SELECT h.app_id, h.environment_id, h.version, w.session_id, w.name, w.started_at, w.applied_at, w.heard_at
FROM worker_sessions w JOIN config_history h USING (app_id, environment_id, version);
