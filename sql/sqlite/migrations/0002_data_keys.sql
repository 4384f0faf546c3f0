-- The data keys of clients whose payloads are sealed, each wrapped by the master key, which is nowhere in here.
CREATE TABLE data_keys (
  client_id TEXT NOT NULL,
  key_no INTEGER NOT NULL,
  wrapped TEXT NOT NULL,
  made_at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, key_no)
) WITHOUT ROWID, STRICT;
