-- What of the newest configuration a worker has not applied, and why. Lists are JSON: `pending` of objects with a name
-- and a boundary, `restart_required` of names; `refused_at` is in milliseconds since 1970.
ALTER TABLE worker_sessions ADD COLUMN pending TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(pending));
ALTER TABLE worker_sessions ADD COLUMN restart_required TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(restart_required));
ALTER TABLE worker_sessions ADD COLUMN refused_version INTEGER;
ALTER TABLE worker_sessions ADD COLUMN refused_reason TEXT;
ALTER TABLE worker_sessions ADD COLUMN refused_at INTEGER
    CHECK ((refused_at IS NULL) + (refused_version IS NULL) + (refused_reason IS NULL) IN (0, 3));
ALTER TABLE worker_sessions ADD COLUMN stale INTEGER NOT NULL DEFAULT 0 CHECK (stale IN (0, 1));
ALTER TABLE worker_sessions ADD COLUMN forbidden_applications INTEGER NOT NULL DEFAULT 0
    CHECK (forbidden_applications >= 0);
