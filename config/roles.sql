-- Two roles for `dragonsink server` on PostgreSQL, with or without TimescaleDB:
--
--   dragonsink_ingest    for DATABASE_URL: reads, adds and changes rows of the tables below. It can delete nothing,
--                        empty no table, and make, change or drop none (but temporary ones of its own).
--   dragonsink_maintain  for DATABASE_MAINTAIN_URL: owns the tables. Migrations, retention, refresh, removal.
--
-- Run it as a superuser in the server's database (first made with: createdb NAME), as often as you like:
--
--   psql -f config/roles.sql postgres://postgres@HOST/NAME
--
-- Passwords are not in here. Set them afterwards, so that they are in no log and no list of processes:
--
--   psql postgres://postgres@HOST/NAME -c '\password dragonsink_ingest' -c '\password dragonsink_maintain'
--
-- or, in a script, with: psql -v ingest_password=... -v maintain_password=... -f config/roles.sql ...
--
-- Then make the tables: dragonsink migrate, with DATABASE_MAINTAIN_URL set (a server that has it does that by itself).
--
-- In a database that WarDragon Analytics, or a server with one role for everything, has made, the tables have another
-- owner. That is not changed: at the end stands what to run, which is one of two things.
-- - Their owner is a superuser, as in Analytics' own compose file: the tables are handed over. A superuser keeps every
--   right without owning them, and Analytics works as before. (Membership would make dragonsink_maintain a superuser.)
-- - It is not: dragonsink_maintain becomes a member of it, and Analytics' role stays the owner.
--
-- TimescaleDB: its extension is made before all this, by the superuser (CREATE EXTENSION timescaledb). Chunks, also
-- compressed ones, have their hypertable's owner and rights; nothing is to be granted on them. Only the owner of an
-- aggregate may refresh it, so that those are handed over too. The jobs (retention, compression, refresh) run as the role
-- that made them, which needs LOGIN, and go on as before.

\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
BEGIN;

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['dragonsink_ingest', 'dragonsink_maintain']) AS name
WHERE to_regrole(name) IS NULL \gexec
\if :{?ingest_password}
ALTER ROLE dragonsink_ingest PASSWORD :'ingest_password';
\endif
\if :{?maintain_password}
ALTER ROLE dragonsink_maintain PASSWORD :'maintain_password';
\endif

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name)
FROM unnest(ARRAY['dragonsink_ingest', 'dragonsink_maintain']) AS name
WHERE NOT has_database_privilege(name, current_database(), 'CONNECT') \gexec
-- Before PostgreSQL 15 everybody may make tables in public: those who have some keep that right.
SELECT DISTINCT format('GRANT CREATE ON SCHEMA public TO %I', tableowner) FROM pg_tables WHERE schemaname = 'public' \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC, dragonsink_ingest;
GRANT USAGE ON SCHEMA public TO dragonsink_ingest, dragonsink_maintain;
GRANT CREATE ON SCHEMA public TO dragonsink_maintain;

-- The tables that are there (ours are ingest_*), and those that dragonsink_maintain makes later. Their ids need no right on
-- a sequence: they are identity columns. audit_log belongs to Analytics' web UI, and who may write it could forge it.
SELECT format('REVOKE ALL ON public.%I FROM dragonsink_ingest', tablename),
  format('GRANT SELECT, INSERT, UPDATE ON public.%I TO dragonsink_ingest', tablename)
FROM pg_tables WHERE schemaname = 'public'
  AND (tablename IN ('kits', 'drones', 'signals', 'system_health') OR tablename LIKE 'ingest\_%') \gexec
SELECT 'REVOKE ALL ON public.audit_log FROM dragonsink_ingest' WHERE to_regclass('public.audit_log') IS NOT NULL \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE dragonsink_maintain IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE ON TABLES TO dragonsink_ingest;

COMMIT;

-- What another role owns: first what is handed over, then whom to become a member of.
CREATE TEMP VIEW dragonsink_foreign AS
SELECT c.relname, c.relkind, r.rolname, r.rolsuper FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND (c.relname IN ('kits', 'drones', 'signals', 'system_health', 'drones_hourly', 'signals_hourly')
    OR c.relname LIKE 'ingest\_%')
  AND (r.rolsuper OR NOT pg_has_role('dragonsink_maintain', c.relowner, 'USAGE'));
SELECT count(*) > 0 AS any_foreign FROM dragonsink_foreign \gset
\if :any_foreign
\echo '-- Another role owns tables that dragonsink_maintain has to change. Run this:'
SELECT format('ALTER %s public.%I OWNER TO dragonsink_maintain;',
  CASE relkind WHEN 'v' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, relname)
FROM dragonsink_foreign WHERE rolsuper
UNION ALL SELECT DISTINCT format('GRANT %I TO dragonsink_maintain;', rolname) FROM dragonsink_foreign WHERE NOT rolsuper
ORDER BY 1;
\endif
DROP VIEW dragonsink_foreign;
