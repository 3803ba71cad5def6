-- The first layout of hone.db. Times are milliseconds since 1970, ids are UUIDs of version 7 as text.

CREATE TABLE chats (
  id       TEXT PRIMARY KEY NOT NULL,
  title    TEXT NOT NULL,
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL,
  model    TEXT,
  adapter  TEXT,
  project  TEXT,                        -- folder of the project that it is about
  folder   TEXT,                        -- where the user has filed it
  pinned   INTEGER NOT NULL DEFAULT 0,
  learn    INTEGER,                     -- may be trained on; NULL: as the settings say
  origin   TEXT,                        -- where it was imported from; importing twice changes nothing
  leaf     TEXT,                        -- the message that the next one follows
  meta     TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX chats_updated ON chats (updated);
CREATE UNIQUE INDEX chats_origin ON chats (origin) WHERE origin IS NOT NULL;

-- A tree: what was edited or answered again has siblings.
CREATE TABLE messages (
  seq      INTEGER PRIMARY KEY,         -- the order of arrival, and the row of the full-text index
  id       TEXT NOT NULL UNIQUE,
  chat     TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
  parent   TEXT REFERENCES messages (id),
  role     TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
  state    TEXT NOT NULL CHECK (state IN ('streaming', 'complete', 'stopped', 'failed', 'interrupted')),
  owner    TEXT,                        -- while streaming: the process that writes it
  text     TEXT NOT NULL,
  meta     TEXT NOT NULL DEFAULT '{}',
  created  INTEGER NOT NULL,
  updated  INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_chat ON messages (chat, seq);
CREATE INDEX messages_parent ON messages (parent);
CREATE INDEX messages_streaming ON messages (owner) WHERE state = 'streaming';

-- Where each piece of a text is from, in order; together they are as long as the text.
CREATE TABLE spans (
  message    INTEGER NOT NULL REFERENCES messages (seq) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  provenance TEXT NOT NULL CHECK (provenance IN ('user', 'model', 'file', 'web', 'tool', 'rule', 'remote')),
  source     TEXT,
  PRIMARY KEY (message, position)
) STRICT, WITHOUT ROWID;

-- Words of finished messages.
CREATE VIRTUAL TABLE words USING fts5 (
  text, content = 'messages', content_rowid = 'seq', tokenize = "unicode61 remove_diacritics 2 tokenchars '_'"
);
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER messages_added AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
  INSERT INTO words (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER messages_removed AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
  INSERT INTO words (words, rowid, text) VALUES ('delete', old.seq, old.text);
END;
CREATE TRIGGER messages_finished AFTER UPDATE OF text, state ON messages
  WHEN old.state = 'streaming' AND new.state <> 'streaming' BEGIN
  INSERT INTO words (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER messages_kept BEFORE UPDATE OF text, state ON messages WHEN old.state <> 'streaming' BEGIN
  SELECT raise(ABORT, 'a finished message does not change');
END;

CREATE TABLE feedback (
  id       TEXT PRIMARY KEY NOT NULL,
  message  TEXT REFERENCES messages (id) ON DELETE CASCADE,   -- NULL: a completion in an editor
  kind     TEXT NOT NULL,
  text     TEXT,
  meta     TEXT NOT NULL DEFAULT '{}',
  created  INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_message ON feedback (message);
CREATE INDEX feedback_created ON feedback (created);

CREATE TABLE rules (
  id         TEXT PRIMARY KEY NOT NULL,
  text       TEXT NOT NULL,
  project    TEXT,
  files      TEXT,
  state      TEXT NOT NULL CHECK (state IN ('draft', 'active', 'replaced')),
  source     TEXT NOT NULL CHECK (source IN ('typed', 'chat', 'file')),
  origin     TEXT,                      -- the message or the file that it is from
  supersedes TEXT REFERENCES rules (id) ON DELETE SET NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL
) STRICT;
CREATE INDEX rules_supersedes ON rules (supersedes);

CREATE TABLE intents (
  id       TEXT PRIMARY KEY NOT NULL,
  text     TEXT NOT NULL,
  judged   TEXT NOT NULL,
  meant    TEXT NOT NULL,
  message  TEXT REFERENCES messages (id) ON DELETE CASCADE,
  created  INTEGER NOT NULL
) STRICT;
CREATE INDEX intents_message ON intents (message);

CREATE TABLE runs (
  id       TEXT PRIMARY KEY NOT NULL,
  kind     TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'stopped')),
  started  INTEGER NOT NULL,
  ended    INTEGER,
  model    TEXT,
  adapter  TEXT,
  detail   TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Which conversations an adapter was trained on. The rows outlive the conversations.
CREATE TABLE adapters (
  id       TEXT PRIMARY KEY NOT NULL,
  name     TEXT NOT NULL,
  base     TEXT NOT NULL,
  created  INTEGER NOT NULL,
  detail   TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE TABLE adapter_chats (
  adapter  TEXT NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
  chat     TEXT NOT NULL,
  deleted  INTEGER,                     -- when the conversation was deleted
  PRIMARY KEY (adapter, chat)
) STRICT, WITHOUT ROWID;
CREATE INDEX adapter_chats_chat ON adapter_chats (chat);

CREATE TABLE settings (
  name     TEXT PRIMARY KEY NOT NULL,
  value    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every request that has left the machine.
CREATE TABLE outgoing (
  seq      INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL,
  purpose  TEXT NOT NULL,
  method   TEXT NOT NULL,
  address  TEXT NOT NULL,
  sent     INTEGER NOT NULL,
  received INTEGER NOT NULL,
  status   INTEGER,
  error    TEXT,
  millis   INTEGER NOT NULL,
  credits  REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE cache (
  space    TEXT NOT NULL,
  key      TEXT NOT NULL,
  value    TEXT NOT NULL,
  stored   INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cache_expires ON cache (expires);
CREATE TABLE credits (
  provider TEXT NOT NULL,
  month    TEXT NOT NULL,
  used     REAL NOT NULL,
  PRIMARY KEY (provider, month)
) STRICT, WITHOUT ROWID;

-- Append-only; each entry's hash covers the one before it.
CREATE TABLE audit (
  seq      INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  detail   TEXT NOT NULL,
  hash     TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_kept BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log does not change'); END;
CREATE TRIGGER audit_whole BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log does not shrink'); END;
