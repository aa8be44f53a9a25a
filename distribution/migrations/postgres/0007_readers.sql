-- Servers that tell active versions out of memory. Whoever makes a version active answers its caller once each of these
-- has said on the channel `config_heard` that it heard of it, or cannot tell an older one any more.
CREATE TABLE conman.readers (
    -- One for each listening connection of a server.
    id uuid PRIMARY KEY,
    server uuid NOT NULL,
    -- Somebody waited for it in vain: it must come back under another id before it tells anything again.
    dismissed bool NOT NULL DEFAULT false,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
