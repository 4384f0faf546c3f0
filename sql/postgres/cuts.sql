-- Anchors of the audit and its cuts: what the engine sends. The steps themselves are in functions/14_cuts.sql.

-- name: anchor_next (system)
SELECT a.n, a.prev, a.chain, a.client_id, a.seq, a.hash FROM prismq.anchor_next(:token, :most) a;

-- name: anchor_put (system)
SELECT prismq.anchor_put(:token, :n, :digest, :heads);

-- name: cuts_last (admin)
SELECT c.chain, c.client_id, c.seq, c.hash, c.last_id, c.at_utc FROM prismq.cuts_of(:token) c;

-- name: retention_list (system)
SELECT r.client_id, r.keep_ms FROM prismq.retention_of(:token) r;

-- name: retention_put (admin)
SELECT prismq.retention_put(:token, :client_id, :keep_ms);

-- name: audit_cut (system)
SELECT c.rows, c.cuts, c.more FROM prismq.audit_cut(:token, :keep_ms, :every_ms, :most) c;
