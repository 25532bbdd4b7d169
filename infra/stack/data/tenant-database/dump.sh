# Saves what a tenant has in a shard's PostgreSQL, as that tenant's own user: it cannot see anybody else's.
# Told: TENANT, MODE; PGHOST, PGPORT, PGSSLMODE, PGDATABASE (the shared one); the token to sign in with is in /scratch/token.
case "$MODE" in
  database) PGDATABASE="t_$TENANT" ;;
  schema) ;;
  *) echo "refused: mode is neither schema nor database" >&2 && exit 1 ;;
esac
PGPASSWORD="$(cat "${SCRATCH:-/scratch}/token")"
export PGDATABASE PGPASSWORD
pg_dump --no-password --username="t_$TENANT" --format=custom --no-owner --schema="t_$TENANT" --file="${SCRATCH:-/scratch}/database.dump"
