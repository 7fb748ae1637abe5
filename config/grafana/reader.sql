-- dragonsink_grafana: reads the tables of `dragonsink server` on PostgreSQL, and can change nothing. After config/roles.sql, as
-- a superuser in the server's database, as often as you like:
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

SELECT format('GRANT CONNECT ON DATABASE %I TO dragonsink_grafana', current_database()) \gexec
GRANT USAGE ON SCHEMA public TO dragonsink_grafana;
-- What is there, and what the server makes later.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dragonsink_grafana;
ALTER DEFAULT PRIVILEGES FOR ROLE dragonsink_maintain IN SCHEMA public GRANT SELECT ON TABLES TO dragonsink_grafana;

COMMIT;
