-- What of the newest configuration a worker has not applied, and why.
ALTER TABLE conman.worker_sessions
    -- A list of {"name": …, "boundary": …}: new values that wait for their boundary.
    ADD COLUMN pending                jsonb   NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(pending) = 'array'),
    -- A list of names: parameters whose new value is applied at the program's next start.
    ADD COLUMN restart_required       jsonb   NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(restart_required) = 'array'),
    ADD COLUMN refused_version        bigint,
    ADD COLUMN refused_reason         text,
    ADD COLUMN refused_at             timestamptz,
    ADD COLUMN stale                  boolean NOT NULL DEFAULT false,
    ADD COLUMN forbidden_applications bigint  NOT NULL DEFAULT 0 CHECK (forbidden_applications >= 0),
    ADD CONSTRAINT worker_sessions_refused_as_a_whole CHECK (
        num_nulls(refused_version, refused_reason, refused_at) IN (0, 3));
