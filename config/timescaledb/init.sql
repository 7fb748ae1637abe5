-- The database of compose.yaml, when it is made: its roles, with the passwords of the environment. The server makes the tables.
\getenv ingest_password DB_PASSWORD
\getenv maintain_password DB_PASSWORD
\getenv grafana_password GRAFANA_DB_PASSWORD
\i /dragonsink/roles.sql
\i /dragonsink/reader.sql
