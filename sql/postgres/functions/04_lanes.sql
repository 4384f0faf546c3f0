-- Lanes and capability sets: which lanes a distinct (declared ∩ granted) covers, matched when a set is born (against every lane)
-- and when a lane is born (against every set). Both hold one row lock, so that no pair is missed.

-- A category, `prefix.*` (every descendant, not the prefix itself) or `*`.
CREATE OR REPLACE FUNCTION prismq.pattern_matches(pattern text, type text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pattern = '*' OR pattern = type OR (right(pattern, 2) = '.*' AND starts_with(type, left(pattern, -1))) $$;

CREATE OR REPLACE FUNCTION prismq.scalar_satisfies(value jsonb, requirement jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE jsonb_typeof(requirement)
  WHEN 'array' THEN requirement @> jsonb_build_array(value)
  WHEN 'object' THEN jsonb_typeof(value) = 'number'
    AND (requirement->'min' IS NULL OR (value #>> '{}')::numeric >= (requirement->>'min')::numeric)
    AND (requirement->'max' IS NULL OR (value #>> '{}')::numeric <= (requirement->>'max')::numeric)
  ELSE value = requirement END $$;

-- Every key that the lane asks for is answered: by what is declared, within what the grant names.
CREATE OR REPLACE FUNCTION prismq.answers(declared jsonb, granted jsonb, compatibility jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (
  SELECT FROM jsonb_each(compatibility) need
  WHERE NOT EXISTS (
    SELECT FROM jsonb_array_elements(CASE jsonb_typeof(declared->need.key) WHEN 'array' THEN declared->need.key ELSE coalesce(jsonb_build_array(declared->need.key) - 'null', '[]') END) said
    WHERE declared ? need.key AND (granted->need.key IS NULL OR granted->need.key @> jsonb_build_array(said.value)) AND prismq.scalar_satisfies(said.value, need.value))) $$;

-- Whether a worker that declares and was granted this may take the tasks of a lane.
CREATE OR REPLACE FUNCTION prismq.covers(content jsonb, client_id text, type text, compatibility jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
SELECT (content->'declared'->'clients' IS NULL OR content->'declared'->'clients' ? client_id)
  AND (content->'declared'->'categories' IS NULL OR EXISTS (SELECT FROM jsonb_array_elements_text(content->'declared'->'categories') p WHERE prismq.pattern_matches(p, type)))
  AND (content->'types' IS NULL OR EXISTS (SELECT FROM jsonb_array_elements_text(content->'types') p WHERE prismq.pattern_matches(p, type)))
  AND EXISTS (
    SELECT FROM jsonb_array_elements(content->'grants') g
    WHERE (g->>'clientId' = '*' OR g->>'clientId' = client_id) AND prismq.pattern_matches(g->>'pattern', type)
      AND (compatibility = '{}' OR prismq.answers(coalesce(content->'declared'->'attributes', '{}'), coalesce(g->'attributes', '{}'), compatibility))) $$;

-- What a set is: what is declared, what is granted, and what one claim narrowed it to.
CREATE OR REPLACE FUNCTION prismq.set_content(worker text, declared jsonb, types text[]) RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_strip_nulls(jsonb_build_object('declared', declared, 'types', to_jsonb(types))) || jsonb_build_object('grants', coalesce(
  (SELECT jsonb_agg(DISTINCT jsonb_build_object('clientId', g.client_id, 'pattern', g.pattern, 'attributes', g.attributes::jsonb)) FROM prismq.worker_grants g WHERE g.worker_id = worker), '[]')) $$;

-- The set of this content; born and matched when it is new.
CREATE OR REPLACE FUNCTION prismq.ensure_set(content jsonb) RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE id uuid := encode(substr(sha256(convert_to(content::text, 'UTF8')), 1, 16), 'hex')::uuid;
BEGIN
  PERFORM FROM prismq.capability_sets s WHERE s.set_id = id;
  IF FOUND THEN RETURN id; END IF;
  PERFORM FROM prismq.meta m WHERE m.key = 'lanes_version' FOR UPDATE;
  INSERT INTO prismq.capability_sets (set_id, content) VALUES (id, content) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN id; END IF;
  -- A new set is matched against every lane there is, whoever's: the one statement that must see them all.
  INSERT INTO prismq.capability_lanes (set_id, client_id, lane_no)
  SELECT id, n.client_id, n.lane_no FROM prismq.lanes_everywhere() n WHERE prismq.covers(content, n.client_id, n.type, n.compatibility::jsonb);
  UPDATE prismq.capability_sets s SET covered = x.covered, by_lane = x.covered = x.clients
  FROM (SELECT count(*) AS covered, count(DISTINCT c.client_id) AS clients FROM prismq.capability_lanes c WHERE c.set_id = id) x WHERE s.set_id = id;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'lanes_version';
  RETURN id;
END $$;

-- Every lane, for matching alone: type and compatibility, no task.
CREATE OR REPLACE FUNCTION prismq.lanes_everywhere() RETURNS TABLE (client_id text, lane_no integer, type text, compatibility text) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ SELECT n.client_id, n.lane_no, n.type, n.compatibility FROM prismq.lanes n $$;

-- The number of a lane; born, numbered within its client and matched against every set when it is new. Null: the client has too many.
CREATE OR REPLACE FUNCTION prismq.ensure_lane(client text, of_type text, needs text, in_region text, of_key text, most integer) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE n integer; held bigint;
BEGIN
  SELECT l.lane_no INTO n FROM prismq.lanes l WHERE l.client_id = client AND l.type = of_type AND l.compatibility = needs AND l.limit_key = of_key;
  IF FOUND THEN RETURN n; END IF;
  PERFORM FROM prismq.meta m WHERE m.key = 'lanes_version' FOR UPDATE;
  SELECT l.lane_no INTO n FROM prismq.lanes l WHERE l.client_id = client AND l.type = of_type AND l.compatibility = needs AND l.limit_key = of_key;
  IF FOUND THEN RETURN n; END IF;
  SELECT coalesce(max(l.lane_no), 0), count(*) INTO n, held FROM prismq.lanes l WHERE l.client_id = client;
  IF held >= most THEN RETURN NULL; END IF;
  n := n + 1;
  INSERT INTO prismq.lanes (client_id, lane_no, type, compatibility, region, limit_key) VALUES (client, n, of_type, needs, in_region, of_key);
  PERFORM prismq.lane_under(client, n, of_type, of_key);
  WITH matched AS (
    UPDATE prismq.capability_sets s SET covered = s.covered + 1, by_lane = s.by_lane AND NOT EXISTS (SELECT FROM prismq.capability_lanes c WHERE c.set_id = s.set_id AND c.client_id = client)
    WHERE prismq.covers(s.content, client, of_type, needs::jsonb) RETURNING s.set_id
  )
  INSERT INTO prismq.capability_lanes (set_id, client_id, lane_no) SELECT m.set_id, client, n FROM matched m;
  UPDATE prismq.meta SET value = (value::bigint + 1)::text WHERE key = 'lanes_version';
  RETURN n;
END $$;

ALTER FUNCTION prismq.pattern_matches(text, text) OWNER TO prismq_owner;
ALTER FUNCTION prismq.scalar_satisfies(jsonb, jsonb) OWNER TO prismq_owner;
ALTER FUNCTION prismq.answers(jsonb, jsonb, jsonb) OWNER TO prismq_owner;
ALTER FUNCTION prismq.covers(jsonb, text, text, jsonb) OWNER TO prismq_owner;
ALTER FUNCTION prismq.set_content(text, jsonb, text[]) OWNER TO prismq_owner;
ALTER FUNCTION prismq.ensure_set(jsonb) OWNER TO prismq_engine;
ALTER FUNCTION prismq.lanes_everywhere() OWNER TO prismq_auth;
ALTER FUNCTION prismq.ensure_lane(text, text, text, text, text, integer) OWNER TO prismq_engine;
GRANT SELECT ON prismq.lanes TO prismq_auth;
DROP POLICY IF EXISTS auth_lanes ON prismq.lanes;
CREATE POLICY auth_lanes ON prismq.lanes FOR SELECT TO prismq_auth USING (true);
GRANT EXECUTE ON FUNCTION prismq.pattern_matches(text, text), prismq.scalar_satisfies(jsonb, jsonb), prismq.answers(jsonb, jsonb, jsonb), prismq.covers(jsonb, text, text, jsonb),
  prismq.set_content(text, jsonb, text[]), prismq.lanes_everywhere() TO prismq_engine;
