-- Takes a tenant out of a shard's PostgreSQL: its schema or database with every row, and its role.
--
-- Run by the one-shot task of ../tenant_database.tf as the instance's administrator, when a purge was approved; again
-- and again without effect, also after it was cut off anywhere: each statement asks what is still there.
-- psql variables: tenant (id), mode (`schema` or `database`), shared (name of the shared database).
--
-- What the tenant owns goes with the schema or database that holds it, which is the administrator's. Whatever else it
-- should own anywhere (it cannot) keeps its role from going, and a person is told.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

SELECT :'tenant' ~ '^[a-z][a-z0-9-]{1,30}$' AND :'tenant' !~ '--|-$' AND :'mode' IN ('schema', 'database') AS sound \gset
\if :sound
\else
  \warn 'refused: tenant or mode is not what it must be'
  SELECT 1 / 0 AS refused;
\endif

SELECT 't_' || :'tenant' AS name \gset

-- Nobody signs in from here on, and nobody is in.
SELECT format('ALTER ROLE %I NOLOGIN', :'name')
 WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'name' AND rolcanlogin) \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM %I', datname, :'name')
  FROM pg_database
 WHERE EXISTS (SELECT FROM aclexplode(datacl) a JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = :'name') \gexec

SELECT format('DROP DATABASE %I WITH (FORCE)', :'name')
 WHERE :'mode' = 'database' AND EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('DROP SCHEMA %I CASCADE', :'name')
 WHERE :'mode' = 'schema' AND EXISTS (SELECT FROM pg_namespace WHERE nspname = :'name') \gexec
SELECT format('DROP ROLE %I', :'name')
 WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec

\echo tenant :tenant has nothing here any more
