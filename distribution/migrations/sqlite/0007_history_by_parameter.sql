-- What each version made of each parameter that it changed: a value at an instant is one step of an index away, however
-- long the history is. `after` is as in `config_history`, null where the parameter was taken away.
CREATE TABLE config_history_parameters (
    app_id         TEXT    NOT NULL,
    environment_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    after          TEXT,
    PRIMARY KEY (app_id, environment_id, name, version)
) STRICT, WITHOUT ROWID;

INSERT INTO config_history_parameters
SELECT h.app_id, h.environment_id, c.key, h.version, nullif(c.value -> '$.after', 'null')
FROM config_history h, json_each(h.parameters) c;

CREATE TRIGGER config_history_by_parameter AFTER INSERT ON config_history
BEGIN
    INSERT INTO config_history_parameters
    SELECT NEW.app_id, NEW.environment_id, c.key, NEW.version, nullif(c.value -> '$.after', 'null')
    FROM json_each(NEW.parameters) c;
END;

CREATE TRIGGER config_history_parameters_rows_stay_update BEFORE UPDATE ON config_history_parameters
BEGIN SELECT RAISE(ABORT, 'rows of config_history_parameters are only ever added'); END;
CREATE TRIGGER config_history_parameters_rows_stay_delete BEFORE DELETE ON config_history_parameters
BEGIN SELECT RAISE(ABORT, 'rows of config_history_parameters are only ever added'); END;
CREATE TRIGGER config_history_parameters_rows_stay_replace BEFORE INSERT ON config_history_parameters
WHEN EXISTS (SELECT 1 FROM config_history_parameters WHERE app_id = NEW.app_id
    AND environment_id = NEW.environment_id AND name = NEW.name AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'rows of config_history_parameters are only ever added'); END;
