-- Data keys: what the engine sends. The changes themselves are in functions/14_data_keys.sql.

-- name: data_keys_of (system)
SELECT d.key_no, d.wrapped FROM prismq.data_keys_of(:token, :client_id) d;

-- name: data_keys_exist (system)
SELECT prismq.data_keys_exist(:token);

-- name: data_key_insert (admin)
SELECT prismq.data_key_add(:token, :client_id, :key_no, :wrapped);

-- name: data_keys_shred (admin)
SELECT prismq.data_keys_shred(:token, :client_id);
