-- What each version made of each parameter that it changed: a value at an instant is one step of an index away, however
-- long the history is. `after` is as in `config_history`, null where the parameter was taken away.
CREATE TABLE conman.config_history_parameters (
    app_id         uuid   NOT NULL,
    environment_id uuid   NOT NULL,
    name           text   COLLATE "C" NOT NULL,
    version        bigint NOT NULL,
    after          json,
    PRIMARY KEY (app_id, environment_id, name, version)
);
COMMENT ON TABLE conman.config_history_parameters IS 'Written by a trigger of config_history; rows are only ever added';

-- Texts may hold U+0000, which PostgreSQL takes no JSON apart with: something that nobody writes stands for it meanwhile.
CREATE FUNCTION conman.after_of(parameters json) RETURNS TABLE (name text, after json)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT c.key,
        replace(nullif((c.value -> 'after')::text, 'null'), '\ue000\uf8ff\ue000', '\u0000')::json
    FROM json_each(replace(parameters::text, '\u0000', '\ue000\uf8ff\ue000')::json) c
$$;

INSERT INTO conman.config_history_parameters
SELECT h.app_id, h.environment_id, c.name, h.version, c.after
FROM conman.config_history h, conman.after_of(h.parameters) c;

CREATE FUNCTION conman.config_history_by_parameter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO conman.config_history_parameters
    SELECT h.app_id, h.environment_id, c.name, h.version, c.after
    FROM added h, conman.after_of(h.parameters) c;
    RETURN NULL;
END $$;
-- Not in the role of a replica: there both tables are copied.
CREATE TRIGGER config_history_by_parameter AFTER INSERT ON conman.config_history
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION conman.config_history_by_parameter();

CREATE TRIGGER config_history_parameters_rows_stay BEFORE UPDATE OR DELETE ON conman.config_history_parameters
    FOR EACH ROW EXECUTE FUNCTION conman.refuse_change();
CREATE TRIGGER config_history_parameters_stay BEFORE TRUNCATE ON conman.config_history_parameters
    FOR EACH STATEMENT EXECUTE FUNCTION conman.refuse_change();
ALTER TABLE conman.config_history_parameters ENABLE ALWAYS TRIGGER config_history_parameters_rows_stay;
ALTER TABLE conman.config_history_parameters ENABLE ALWAYS TRIGGER config_history_parameters_stay;
