-- What no code path can get around. REPLACE deletes rows without firing triggers, so inserts over a row are refused too.

CREATE TRIGGER config_history_rows_stay_update BEFORE UPDATE ON config_history
BEGIN SELECT RAISE(ABORT, 'rows of config_history are only ever added'); END;
CREATE TRIGGER config_history_rows_stay_delete BEFORE DELETE ON config_history
BEGIN SELECT RAISE(ABORT, 'rows of config_history are only ever added'); END;
CREATE TRIGGER config_history_rows_stay_replace BEFORE INSERT ON config_history
WHEN EXISTS (SELECT 1 FROM config_history WHERE source_id = NEW.source_id OR (
    app_id = NEW.app_id AND environment_id = NEW.environment_id AND version = NEW.version))
BEGIN SELECT RAISE(ABORT, 'rows of config_history are only ever added'); END;

CREATE TRIGGER variable_catalog_history_rows_stay_update BEFORE UPDATE ON variable_catalog_history
BEGIN SELECT RAISE(ABORT, 'rows of variable_catalog_history are only ever added'); END;
CREATE TRIGGER variable_catalog_history_rows_stay_delete BEFORE DELETE ON variable_catalog_history
BEGIN SELECT RAISE(ABORT, 'rows of variable_catalog_history are only ever added'); END;
CREATE TRIGGER variable_catalog_history_rows_stay_replace BEFORE INSERT ON variable_catalog_history
WHEN EXISTS (SELECT 1 FROM variable_catalog_history WHERE app_id = NEW.app_id
    AND environment_id = NEW.environment_id AND version = NEW.version AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'rows of variable_catalog_history are only ever added'); END;

-- Parameter sets may be corrected for ten seconds, by this machine's clock, and never again.
CREATE TRIGGER parameter_sets_are_stamped AFTER INSERT ON parameter_sets
WHEN abs(NEW.created_at - unixepoch('subsec') * 1000) > 1000
BEGIN SELECT RAISE(ABORT, 'parameter sets are created now'); END;
CREATE TRIGGER parameter_sets_are_immutable_update BEFORE UPDATE ON parameter_sets
WHEN OLD.created_at < unixepoch('subsec') * 1000 - 10000 OR NEW.created_at <> OLD.created_at
    OR NEW.hash <> OLD.hash
BEGIN SELECT RAISE(ABORT, 'parameter sets are immutable'); END;
CREATE TRIGGER parameter_sets_are_immutable_delete BEFORE DELETE ON parameter_sets
WHEN OLD.created_at < unixepoch('subsec') * 1000 - 10000
BEGIN SELECT RAISE(ABORT, 'parameter sets are immutable'); END;
CREATE TRIGGER parameter_sets_are_immutable_replace BEFORE INSERT ON parameter_sets
WHEN EXISTS (SELECT 1 FROM parameter_sets WHERE hash = NEW.hash
    AND created_at < unixepoch('subsec') * 1000 - 10000)
BEGIN SELECT RAISE(IGNORE); END;

-- The links follow the set's own snapshot; the catalog's rows are checked here too, whatever `foreign_keys` is.
CREATE TRIGGER parameter_sets_refer_to_the_catalog AFTER INSERT ON parameter_sets
BEGIN
    SELECT RAISE(ABORT, 'a parameter set refers to a parameter that the catalog lacks')
    WHERE EXISTS (SELECT 1 FROM json_each(NEW.variables_catalog) AS j WHERE NOT EXISTS (
        SELECT 1 FROM variable_catalog AS c WHERE c.app_id = NEW.app_id
        AND c.environment_id = NEW.environment_id AND c.name = j.key));
    INSERT INTO parameter_set_variables (parameter_set_hash, app_id, environment_id, name)
        SELECT NEW.hash, NEW.app_id, NEW.environment_id, key FROM json_each(NEW.variables_catalog);
END;
CREATE TRIGGER parameter_sets_refer_to_the_catalog_update AFTER UPDATE ON parameter_sets
BEGIN
    SELECT RAISE(ABORT, 'the catalog of a parameter set stays as it was frozen')
    WHERE NEW.variables_catalog <> OLD.variables_catalog OR NEW.app_id <> OLD.app_id
        OR NEW.environment_id <> OLD.environment_id;
END;
CREATE TRIGGER parameter_sets_let_go BEFORE DELETE ON parameter_sets
WHEN OLD.created_at >= unixepoch('subsec') * 1000 - 10000
BEGIN
    SELECT RAISE(ABORT, 'a run is pinned by this parameter set')
    WHERE EXISTS (SELECT 1 FROM runs WHERE parameter_set_hash = OLD.hash);
    DELETE FROM parameter_set_variables WHERE parameter_set_hash = OLD.hash;
END;
CREATE TRIGGER parameter_set_variables_are_immutable_update BEFORE UPDATE ON parameter_set_variables
BEGIN SELECT RAISE(ABORT, 'parameter sets are immutable'); END;
CREATE TRIGGER parameter_set_variables_are_immutable_delete BEFORE DELETE ON parameter_set_variables
WHEN EXISTS (SELECT 1 FROM parameter_sets WHERE hash = OLD.parameter_set_hash
    AND created_at < unixepoch('subsec') * 1000 - 10000)
BEGIN SELECT RAISE(ABORT, 'parameter sets are immutable'); END;

CREATE TRIGGER variable_catalog_rows_in_use_stay_delete BEFORE DELETE ON variable_catalog
WHEN EXISTS (SELECT 1 FROM parameter_set_variables WHERE app_id = OLD.app_id
    AND environment_id = OLD.environment_id AND name = OLD.name)
BEGIN SELECT RAISE(ABORT, 'a parameter set refers to this parameter'); END;
CREATE TRIGGER variable_catalog_rows_in_use_stay_update BEFORE UPDATE OF app_id, environment_id, name
ON variable_catalog
WHEN EXISTS (SELECT 1 FROM parameter_set_variables WHERE app_id = OLD.app_id
    AND environment_id = OLD.environment_id AND name = OLD.name)
BEGIN SELECT RAISE(ABORT, 'a parameter set refers to this parameter'); END;

CREATE TRIGGER runs_are_pinned_insert BEFORE INSERT ON runs
WHEN NOT EXISTS (SELECT 1 FROM parameter_sets WHERE hash = NEW.parameter_set_hash)
BEGIN SELECT RAISE(ABORT, 'a run needs a parameter set'); END;
CREATE TRIGGER runs_are_pinned_update BEFORE UPDATE OF parameter_set_hash ON runs
WHEN NOT EXISTS (SELECT 1 FROM parameter_sets WHERE hash = NEW.parameter_set_hash)
BEGIN SELECT RAISE(ABORT, 'a run needs a parameter set'); END;

CREATE TRIGGER config_blobs_are_immutable BEFORE UPDATE ON config_blobs
BEGIN SELECT RAISE(ABORT, 'contents never change'); END;
CREATE TRIGGER config_blobs_are_not_replaced BEFORE INSERT ON config_blobs
WHEN EXISTS (SELECT 1 FROM config_blobs WHERE hash = NEW.hash)
BEGIN SELECT RAISE(IGNORE); END;

CREATE TRIGGER active_config_only_grows BEFORE UPDATE ON active_config
WHEN NEW.version < OLD.version
BEGIN SELECT RAISE(ABORT, 'config versions only grow'); END;

-- Sessions that were not heard of for a week are forgotten when another one of that environment begins.
CREATE TRIGGER worker_sessions_are_forgotten AFTER INSERT ON worker_sessions
BEGIN
    DELETE FROM worker_sessions WHERE app_id = NEW.app_id AND environment_id = NEW.environment_id
        AND heard_at < unixepoch('subsec') * 1000 - 604800000;
END;
