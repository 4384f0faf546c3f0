-- The roles of the whole cluster, made once and made again without harm. Nobody logs in as one of these: `owner` owns the
-- tables and sees no row (row security is forced), `engine` owns the functions that move tasks and is bound by policies like
-- everybody, `auth` owns the keys, `audit` what nobody may change, and `janitor` makes ready what is due, whoever's it is. The three classes carry the rights of the three pools.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['prismq_owner', 'prismq_engine', 'prismq_auth', 'prismq_audit', 'prismq_janitor', 'prismq_client', 'prismq_worker', 'prismq_admin'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT', r);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another set-up of the same cluster was first
      END;
    END IF;
  END LOOP;
END $$;
