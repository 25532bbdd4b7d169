# Puts what was saved of a tenant in the place of whatever it has in a shard's PostgreSQL, as that tenant's own user: it can
# touch nobody else's. All of it or nothing, in one transaction; again and again with the same end.
# Told: TENANT, MODE; PGHOST, PGPORT, PGSSLMODE, PGDATABASE (the shared one); the token to sign in with is in /scratch/token,
# what was saved in /scratch/database.dump. The schema itself is the administrator's (tenant.sql) and stays.
case "$MODE" in
  database) PGDATABASE="t_$TENANT" ;;
  schema) ;;
  *) echo "refused: mode is neither schema nor database" >&2 && exit 1 ;;
esac
SCRATCH="${SCRATCH:-/scratch}"
PGPASSWORD="$(cat "$SCRATCH/token")"
export PGDATABASE PGPASSWORD
{
  # What it has there goes first, also what the dump does not know of: relations, routines, types, each if it is still there.
  psql --no-psqlrc --no-password --username="t_$TENANT" --tuples-only --no-align --set=ON_ERROR_STOP=1 --set=name="t_$TENANT" <<'SQL'
SELECT format('DROP %s IF EXISTS %s CASCADE;',
              CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
              oid::regclass)
  FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(:'name')) AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f');
SELECT format('DROP ROUTINE IF EXISTS %s CASCADE;', oid::regprocedure)
  FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(:'name')) AND prokind <> 'a';
SELECT format('DROP AGGREGATE IF EXISTS %s CASCADE;', oid::regprocedure)
  FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(:'name')) AND prokind = 'a';
SELECT format('DROP TYPE IF EXISTS %s CASCADE;', oid::regtype)
  FROM pg_type WHERE typnamespace = to_regnamespace(quote_ident(:'name')) AND typtype IN ('d', 'e', 'r')
    OR oid IN (SELECT reltype FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(:'name')) AND relkind = 'c');
SQL
  pg_restore --no-owner --no-privileges --schema="t_$TENANT" --file=- "$SCRATCH/database.dump"
} >"$SCRATCH/restore.sql"
psql --no-psqlrc --no-password --quiet --username="t_$TENANT" --set=ON_ERROR_STOP=1 --single-transaction --file="$SCRATCH/restore.sql"
