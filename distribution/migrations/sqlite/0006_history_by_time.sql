-- What an environment ran at an instant is one step of an index away, however long its history is.
CREATE INDEX config_history_by_time ON config_history (app_id, environment_id, at, version);
