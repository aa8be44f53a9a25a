-- What no code path can get around. The triggers fire in every replication role (ENABLE ALWAYS).

CREATE FUNCTION conman.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'CM001';
END $$;

CREATE TRIGGER config_history_rows_stay BEFORE UPDATE OR DELETE ON conman.config_history
    FOR EACH ROW EXECUTE FUNCTION conman.refuse_change();
CREATE TRIGGER config_history_stays BEFORE TRUNCATE ON conman.config_history
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();
CREATE TRIGGER variable_catalog_history_rows_stay BEFORE UPDATE OR DELETE ON conman.variable_catalog_history
    FOR EACH ROW EXECUTE FUNCTION conman.refuse_change();
CREATE TRIGGER variable_catalog_history_stays BEFORE TRUNCATE ON conman.variable_catalog_history
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();

-- Parameter sets may be corrected for ten seconds, by the database's own clock, and never again.
CREATE FUNCTION conman.parameter_set_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.created_at := clock_timestamp();
        RETURN NEW;
    END IF;
    IF OLD.created_at < clock_timestamp() - interval '10 seconds' THEN
        RAISE EXCEPTION 'parameter sets are immutable' USING ERRCODE = 'CM002';
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM conman.parameter_set_variables WHERE parameter_set_hash = OLD.hash;
        RETURN OLD;
    END IF;
    NEW.created_at := OLD.created_at;
    RETURN NEW;
END $$;
CREATE TRIGGER parameter_sets_are_immutable BEFORE INSERT OR UPDATE OR DELETE ON conman.parameter_sets
    FOR EACH ROW EXECUTE FUNCTION conman.parameter_set_stamp();
CREATE TRIGGER parameter_sets_stay BEFORE TRUNCATE ON conman.parameter_sets
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();

-- The links follow the set's own snapshot: only the triggers of the set itself may take one away.
CREATE FUNCTION conman.parameter_set_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM conman.parameter_set_variables WHERE parameter_set_hash = NEW.hash;
    END IF;
    INSERT INTO conman.parameter_set_variables (parameter_set_hash, app_id, environment_id, name)
        SELECT NEW.hash, NEW.app_id, NEW.environment_id, name
        FROM json_object_keys(NEW.variables_catalog) AS name;
    RETURN NULL;
END $$;
CREATE TRIGGER parameter_sets_refer_to_the_catalog AFTER INSERT OR UPDATE ON conman.parameter_sets
    FOR EACH ROW EXECUTE FUNCTION conman.parameter_set_link();

CREATE FUNCTION conman.parameter_set_links_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR pg_trigger_depth() < 2 OR EXISTS (
        SELECT FROM conman.parameter_sets s WHERE s.hash = OLD.parameter_set_hash
        AND s.created_at < clock_timestamp() - interval '10 seconds'
    ) THEN
        RAISE EXCEPTION 'parameter sets are immutable' USING ERRCODE = 'CM002';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER parameter_set_variables_are_immutable BEFORE UPDATE OR DELETE ON conman.parameter_set_variables
    FOR EACH ROW EXECUTE FUNCTION conman.parameter_set_links_stay();
CREATE TRIGGER parameter_set_variables_stay BEFORE TRUNCATE ON conman.parameter_set_variables
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();

-- A content is what its hash says (a constraint of the table) and never becomes another one.
CREATE TRIGGER config_blobs_are_immutable BEFORE UPDATE ON conman.config_blobs
    FOR EACH ROW EXECUTE FUNCTION conman.refuse_change();

-- An environment never goes back to a lesser version.
CREATE FUNCTION conman.active_config_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version < OLD.version THEN
        RAISE EXCEPTION 'config versions only grow' USING ERRCODE = 'CM003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER active_config_only_grows BEFORE UPDATE ON conman.active_config
    FOR EACH ROW EXECUTE FUNCTION conman.active_config_moves_forward();

-- Sessions that were not heard of for a week are forgotten when another one of that environment begins.
CREATE FUNCTION conman.worker_session_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM conman.worker_sessions WHERE session_id IN (
        SELECT session_id FROM conman.worker_sessions
        WHERE app_id = NEW.app_id AND environment_id = NEW.environment_id
        AND heard_at < clock_timestamp() - interval '7 days'
        FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END $$;
CREATE TRIGGER worker_sessions_are_forgotten AFTER INSERT ON conman.worker_sessions
    FOR EACH ROW EXECUTE FUNCTION conman.worker_session_begins();

ALTER TABLE conman.config_history ENABLE ALWAYS TRIGGER config_history_rows_stay;
ALTER TABLE conman.config_history ENABLE ALWAYS TRIGGER config_history_stays;
ALTER TABLE conman.variable_catalog_history ENABLE ALWAYS TRIGGER variable_catalog_history_rows_stay;
ALTER TABLE conman.variable_catalog_history ENABLE ALWAYS TRIGGER variable_catalog_history_stays;
ALTER TABLE conman.parameter_sets ENABLE ALWAYS TRIGGER parameter_sets_are_immutable;
ALTER TABLE conman.parameter_sets ENABLE ALWAYS TRIGGER parameter_sets_stay;
ALTER TABLE conman.parameter_sets ENABLE ALWAYS TRIGGER parameter_sets_refer_to_the_catalog;
ALTER TABLE conman.parameter_set_variables ENABLE ALWAYS TRIGGER parameter_set_variables_are_immutable;
ALTER TABLE conman.parameter_set_variables ENABLE ALWAYS TRIGGER parameter_set_variables_stay;
ALTER TABLE conman.config_blobs ENABLE ALWAYS TRIGGER config_blobs_are_immutable;
ALTER TABLE conman.active_config ENABLE ALWAYS TRIGGER active_config_only_grows;
