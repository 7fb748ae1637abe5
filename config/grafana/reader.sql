-- dragonsink_grafana: reads the tables of `dragonsink server` on PostgreSQL, and can change nothing. As a superuser in the
-- server's database, whoever made that, as often as you like; once more when a role that made nothing there before has made
-- the tables.
--
--   psql -f config/grafana/reader.sql postgres://postgres@HOST/NAME
--
-- Its password is set afterwards, with \password dragonsink_grafana, or with: psql -v grafana_password=...

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
BEGIN;

SELECT 'CREATE ROLE dragonsink_grafana LOGIN' WHERE to_regrole('dragonsink_grafana') IS NULL \gexec
\if :{?grafana_password}
ALTER ROLE dragonsink_grafana PASSWORD :'grafana_password';
\endif
-- A board that asks for too much ends by itself.
ALTER ROLE dragonsink_grafana SET statement_timeout = '30s';
ALTER ROLE dragonsink_grafana SET default_transaction_read_only = on;

SELECT format('GRANT CONNECT ON DATABASE %I TO dragonsink_grafana', current_database())
WHERE NOT has_database_privilege('dragonsink_grafana', current_database(), 'CONNECT') \gexec
GRANT USAGE ON SCHEMA public TO dragonsink_grafana;
-- What is there, and what is made later: by the owner of config/roles.sql, of the database, or of a table that is there.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dragonsink_grafana;
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA public GRANT SELECT ON TABLES TO dragonsink_grafana', rolname)
FROM pg_roles WHERE rolname = 'dragonsink_maintain'
  OR oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
  OR rolname IN (SELECT tableowner FROM pg_tables WHERE schemaname = 'public') \gexec

COMMIT;
