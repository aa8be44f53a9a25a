-- Which workers ran a version, and since when; one row per session and version, kept for ninety days.
CREATE TABLE conman.worker_applications (
    app_id         uuid        NOT NULL,
    environment_id uuid        NOT NULL,
    version        bigint      NOT NULL CHECK (version > 0),
    session_id     uuid        NOT NULL,
    name           text        NOT NULL,
    -- When the session began, and when it had the version in memory, by the worker's clock.
    started_at     timestamptz NOT NULL,
    applied_at     timestamptz NOT NULL,
    -- When it was heard of, by this database's clock.
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (app_id, environment_id, version, session_id)
);
CREATE INDEX worker_applications_by_time ON conman.worker_applications (recorded_at);

-- Workers write their sessions alone; what they applied is kept by the owner of these tables. A version that never was
-- cannot have been applied, whatever a worker says.
CREATE FUNCTION conman.worker_applies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO conman.worker_applications
        (app_id, environment_id, version, session_id, name, started_at, applied_at)
    SELECT h.app_id, h.environment_id, h.version, NEW.session_id, NEW.name, NEW.started_at, NEW.applied_at
    FROM conman.config_history h
    WHERE h.app_id = NEW.app_id AND h.environment_id = NEW.environment_id AND h.version = NEW.version
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER worker_sessions_apply AFTER INSERT ON conman.worker_sessions
    FOR EACH ROW WHEN (NEW.version > 0) EXECUTE FUNCTION conman.worker_applies();
CREATE TRIGGER worker_sessions_apply_more AFTER UPDATE ON conman.worker_sessions
    FOR EACH ROW WHEN (NEW.version > 0 AND NEW.version IS DISTINCT FROM OLD.version)
    EXECUTE FUNCTION conman.worker_applies();

CREATE FUNCTION conman.worker_applications_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM conman.worker_applications WHERE (app_id, environment_id, version, session_id) IN (
        SELECT app_id, environment_id, version, session_id FROM conman.worker_applications
        WHERE recorded_at < clock_timestamp() - interval '90 days'
        LIMIT 1000 FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END $$;
CREATE TRIGGER worker_applications_are_forgotten AFTER INSERT ON conman.worker_sessions
    FOR EACH ROW EXECUTE FUNCTION conman.worker_applications_end();

-- What runs already when this table is made.
INSERT INTO conman.worker_applications
    (app_id, environment_id, version, session_id, name, started_at, applied_at, recorded_at)
SELECT h.app_id, h.environment_id, h.version, w.session_id, w.name, w.started_at, w.applied_at, w.heard_at
FROM conman.worker_sessions w JOIN conman.config_history h USING (app_id, environment_id, version);
