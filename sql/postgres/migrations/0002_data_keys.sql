-- The data keys of clients whose payloads are sealed, each wrapped by the master key, which is nowhere in here.
SET ROLE prismq_owner;
CREATE TABLE prismq.data_keys (
  client_id text COLLATE "C" NOT NULL,
  key_no integer NOT NULL,
  wrapped text NOT NULL,
  made_at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, key_no)
);
RESET ROLE;
ALTER TABLE prismq.data_keys OWNER TO prismq_auth;
