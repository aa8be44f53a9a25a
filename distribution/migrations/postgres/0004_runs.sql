-- Runs, as programs register them. No version wrote to the table before.
DROP TABLE conman.runs;
CREATE TABLE conman.runs (
    id                 uuid        PRIMARY KEY,
    app_id             uuid        NOT NULL,
    environment_id     uuid        NOT NULL,
    parameter_set_hash text        COLLATE "C" NOT NULL
        CONSTRAINT runs_parameter_set_hash_fkey REFERENCES conman.parameter_sets,
    kind               text        NOT NULL CHECK (kind <> ''),
    description        text        NOT NULL,
    status             text        NOT NULL
        CONSTRAINT runs_status_is_known CHECK (status IN ('running', 'succeeded', 'failed', 'canceled')),
    -- The run that this one repeats, with the same set.
    rerun_of           uuid        REFERENCES conman.runs,
    -- What came out, an object as the program gave it: json, not jsonb, so that it comes back as it went in.
    results            json        CHECK (json_typeof(results) = 'object'),
    note               text        NOT NULL DEFAULT '',
    started_by         text        NOT NULL CHECK (started_by <> ''),
    started_by_id      uuid        NOT NULL,
    started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at        timestamptz,
    CONSTRAINT runs_end_as_a_whole CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX runs_parameter_set_hash ON conman.runs (parameter_set_hash);
CREATE INDEX runs_app ON conman.runs (app_id, id);
CREATE INDEX parameter_sets_app ON conman.parameter_sets (app_id, created_at, hash);
CREATE INDEX parameter_set_variables_app ON conman.parameter_set_variables (app_id, name);

-- A run belongs to its set and to its past: it ends once, and nothing else of it ever changes.
CREATE FUNCTION conman.run_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'runs are only ever added' USING ERRCODE = 'CM001';
    END IF;
    IF OLD.status <> 'running' THEN
        RAISE EXCEPTION 'a run ends once' USING ERRCODE = 'CM004';
    END IF;
    IF (NEW.id, NEW.app_id, NEW.environment_id, NEW.parameter_set_hash, NEW.kind, NEW.description, NEW.started_by,
        NEW.started_by_id, NEW.started_at)
        IS DISTINCT FROM (OLD.id, OLD.app_id, OLD.environment_id, OLD.parameter_set_hash, OLD.kind, OLD.description,
        OLD.started_by, OLD.started_by_id, OLD.started_at) OR NEW.rerun_of IS DISTINCT FROM OLD.rerun_of
    THEN
        RAISE EXCEPTION 'a run keeps its parameter set and its beginning' USING ERRCODE = 'CM004';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_end_once BEFORE UPDATE OR DELETE ON conman.runs
    FOR EACH ROW EXECUTE FUNCTION conman.run_ends_once();
CREATE TRIGGER runs_stay BEFORE TRUNCATE ON conman.runs
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();
ALTER TABLE conman.runs ENABLE ALWAYS TRIGGER runs_end_once;
ALTER TABLE conman.runs ENABLE ALWAYS TRIGGER runs_stay;
