-- Data keys: made, read to be unwrapped, shredded.

-- name: data_keys_of (registry)
SELECT d.key_no, d.wrapped FROM walled.data_keys d WHERE d.client_id = :client_id ORDER BY d.key_no DESC;

-- name: data_keys_exist (registry)
SELECT 1 FROM walled.data_keys d LIMIT 1;

-- name: data_key_insert (registry)
INSERT INTO main.data_keys (client_id, key_no, wrapped, made_at_utc) VALUES (:client_id, :key_no, :wrapped, :now);

-- name: data_keys_shred (registry)
DELETE FROM main.data_keys WHERE client_id = :client_id;
