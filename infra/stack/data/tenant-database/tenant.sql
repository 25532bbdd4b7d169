-- What a tenant has in a shard's PostgreSQL: a schema of the shared database, or a database of its own, and one role.
--
-- Run by the one-shot task of ../tenant_database.tf as the instance's administrator; again and again without effect.
-- psql variables: tenant (id), mode (`schema` or `database`), shared (name of the shared database), connections.
-- There is no password: the role is a member of rds_iam where that role exists, and signs in with a token.
--
-- Two things cost care. Names are the tenant's id with hyphens, so each is quoted by format(%I). And since
-- PostgreSQL 16 who makes a role may not act as it until it grants the role to itself.
--
-- CREATE DATABASE knows no IF NOT EXISTS and cannot stand in a block: \gexec sends it if the query yields it.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

SELECT :'tenant' ~ '^[a-z][a-z0-9-]{1,30}$' AND :'tenant' !~ '--|-$'
   AND :'mode' IN ('schema', 'database') AND :'connections' ~ '^[1-9][0-9]{0,3}$' AS sound \gset
\if :sound
\else
  \warn 'refused: tenant, mode or connections is not what it must be'
  SELECT 1 / 0 AS refused;
\endif

SELECT 't_' || :'tenant' AS name \gset
SELECT CASE :'mode' WHEN 'database' THEN :'name' ELSE :'shared' END AS home \gset

-- The role, and the right of whoever runs this to act as it.
SELECT format('CREATE ROLE %I LOGIN', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
SELECT format('ALTER ROLE %I CONNECTION LIMIT %s', :'name', :'connections')
  FROM pg_roles WHERE rolname = :'name' AND rolconnlimit <> (:'connections')::int \gexec
SELECT format('GRANT %I TO CURRENT_USER', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_auth_members m
                     JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
                    WHERE r.rolname = :'name' AND u.rolname = current_user
                      AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) \gexec
SELECT format('GRANT rds_iam TO %I', :'name')
  FROM pg_roles iam
 WHERE iam.rolname = 'rds_iam'
   AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
                    WHERE m.roleid = iam.oid AND r.rolname = :'name') \gexec

-- Its database, which stays the administrator's: a tenant's own program cannot drop it. Everybody may connect to a new
-- one until that is taken away.
SELECT format('CREATE DATABASE %I', :'name')
 WHERE :'mode' = 'database' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
  FROM pg_database
 WHERE datname IN (:'home', 'postgres')
   AND EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0)
   AND pg_has_role(current_user, datdba, 'USAGE') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', datname, :'name')
  FROM pg_database
 WHERE datname = :'home'
   AND NOT EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) a JOIN pg_roles r ON r.oid = a.grantee
                    WHERE r.rolname = :'name' AND a.privilege_type = 'CONNECT') \gexec

-- Its schema, in whichever database that is. `public` is nobody's.
\connect -reuse-previous=on :"home"
SET client_min_messages = warning;
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'name') \gexec
SELECT 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
  FROM pg_namespace
 WHERE nspname = 'public' AND pg_has_role(current_user, nspowner, 'USAGE')
   AND EXISTS (SELECT FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) WHERE grantee = 0) \gexec
SELECT format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', :'name', :'home', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_db_role_setting s
                     JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase
                    WHERE r.rolname = :'name' AND d.datname = :'home'
                      AND EXISTS (SELECT FROM unnest(s.setconfig) c WHERE c LIKE 'search_path=%')) \gexec

\echo tenant :tenant has :mode :name
