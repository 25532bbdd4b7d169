"""Two tenants of one PostgreSQL cannot read each other, in both modes, and making them twice changes nothing. What is saved
of one when it leaves is all of its own and nothing else; and taking one out, also twice, leaves all others as they were.

On a real server: a cluster of its own, in a folder of its own, on a free port of 127.0.0.1, as a user that is not root.
The administrator is what RDS gives: may make roles and databases, and is no superuser. What is not shown here is the
sign-in with IAM: the server trusts whoever comes.
"""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from steps import Failed, Skipped

STATEMENTS = pathlib.Path(__file__).parent.parent / "stack/data/tenant-database"
SQL = STATEMENTS / "tenant.sql"
TENANTS = {"acme": "schema", "acme-x": "schema", "umbrella": "database", "umbrella-x": "database"}
SHARED = "accessos"


def binaries() -> pathlib.Path:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: float(p.split("/")[4]))
    where = shutil.which("initdb") or (found[-1] if found else None)
    if not where:
        raise Skipped("there is no initdb here; on Debian: apt-get install postgresql")
    return pathlib.Path(where).resolve().parent


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server():
    """A port that a server answers on until the end of the block."""
    user = [] if os.geteuid() else ["runuser", "-u", "postgres", "--"]
    with tempfile.TemporaryDirectory(prefix="tenant-database-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        port, data = free_port(), f"{folder}/data"
        run = lambda *words: subprocess.run([*user, *words], check=True, capture_output=True, cwd=folder)
        run(binaries() / "initdb", "-D", data, "-U", "root_of_all", "--auth=trust", "-E", "UTF8")
        process = subprocess.Popen(
            [*user, binaries() / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
             "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=open(f"{folder}/log", "w"), cwd=folder,
        )
        try:
            for _ in range(100):
                if subprocess.run([binaries() / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True).returncode == 0:
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(30)


class Server:
    def __init__(self, port):
        self.port, self.checks = port, 0

    def psql(self, user, database, *words, stdin=None):
        done = subprocess.run(
            [binaries() / "psql", "--no-psqlrc", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-At", "-v", "ON_ERROR_STOP=1", *words],
            input=stdin, capture_output=True, text=True,
        )
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def does(self, user, database, sql):
        self.checks += 1
        code, out, error = self.psql(user, database, "-c", sql)
        if code:
            raise Failed(f"{user} on {database} cannot: {sql}: {error}")
        return out

    def refused(self, user, database, sql, because="permission denied"):
        self.checks += 1
        code, out, error = self.psql(user, database, "-c", sql)
        if code == 0 or because not in error:
            raise Failed(f"{user} on {database} is not refused as it should be ({because}): {sql}: {out} {error}")

    def make(self, tenant, mode, connections="50"):
        """What the one-shot task does."""
        return self.psql("platform", SHARED, "-v", f"tenant={tenant}", "-v", f"mode={mode}", "-v", f"shared={SHARED}",
                         "-v", f"connections={connections}", "-f", "-", stdin=SQL.read_text())

    def drop(self, tenant, mode):
        """What the task that takes a tenant out does."""
        return self.psql("platform", SHARED, "-v", f"tenant={tenant}", "-v", f"mode={mode}", "-v", f"shared={SHARED}",
                         "-f", "-", stdin=(STATEMENTS / "drop.sql").read_text())

    def dump(self, tenant, mode, folder):
        """What the task that saves a tenant's rows does, with the same shell; then what is in it, as SQL."""
        (pathlib.Path(folder) / "token").write_text("trust needs none")
        told = {"TENANT": tenant, "MODE": mode, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": SHARED,
                "SCRATCH": folder, "PATH": f"{binaries()}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-euc", (STATEMENTS / "dump.sh").read_text()], env=told, capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        shown = subprocess.run([binaries() / "pg_restore", "-f", "-", f"{folder}/database.dump"], check=True, capture_output=True, text=True)
        return shown.stdout, ""

    def restore(self, tenant, mode, folder):
        """What the task that restores a tenant's rows does, with the same shell."""
        told = {"TENANT": tenant, "MODE": mode, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": SHARED,
                "SCRATCH": folder, "PATH": f"{binaries()}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-euc", (STATEMENTS / "restore.sh").read_text()], env=told, capture_output=True, text=True)
        return done.returncode, done.stderr.strip()

    def everything(self):
        return subprocess.run([binaries() / "pg_dumpall", "-h", "127.0.0.1", "-p", str(self.port), "-U", "root_of_all", "--schema-only"],
                              check=True, capture_output=True, text=True).stdout.replace("\\restrict", "\n\\restrict").split("\n")


def home(tenant):
    return f"t_{tenant}" if TENANTS[tenant] == "database" else SHARED


def prove(db: Server) -> None:
    for sql in ("CREATE ROLE platform LOGIN CREATEROLE CREATEDB", "CREATE ROLE rds_iam"):
        db.does("root_of_all", "postgres", sql)
    db.does("root_of_all", "postgres", "ALTER DATABASE postgres OWNER TO platform")
    db.does("platform", "postgres", f"CREATE DATABASE {SHARED}")

    def make_all():
        for tenant, mode in TENANTS.items():
            code, out, error = db.make(tenant, mode)
            db.checks += 1
            if code or error or out != f"tenant {tenant} has {mode} t_{tenant}":
                raise Failed(f"making {tenant} said: {out} {error}")

    make_all()
    keep = lambda lines: [line for line in lines if "restrict" not in line]
    first = keep(db.everything())
    make_all()
    db.checks += 1
    if keep(db.everything()) != first:
        raise Failed("a second run changed something")

    for tenant in TENANTS:
        user = f"t_{tenant}"
        db.does(user, home(tenant), f"CREATE TABLE papers AS SELECT '{tenant}' AS of")
        if db.does(user, home(tenant), f"SELECT of FROM \"{user}\".papers") != tenant:
            raise Failed(f"{user} does not find its own table")
        db.refused(user, home(tenant), "CREATE TABLE public.papers ()")
        db.refused(user, home(tenant), "CREATE ROLE other")
        db.refused(user, home(tenant), "CREATE DATABASE other")
        db.refused(user, home(tenant), "SET ROLE platform")
        db.refused(user, home(tenant), f'DROP SCHEMA "{user}" CASCADE', "must be owner")
        db.refused(user, "postgres", f'DROP DATABASE "{home(tenant)}"', "permission denied for database")
        db.refused(user, home(tenant), f'ALTER DATABASE "{home(tenant)}" OWNER TO "{user}"', "must be owner")
        if db.does("root_of_all", "postgres", f"SELECT rolpassword IS NULL AND rolconnlimit = 50 AND pg_has_role('{user}', 'rds_iam', 'MEMBER') FROM pg_authid WHERE rolname = '{user}'") != "t":
            raise Failed(f"{user} has a password, or no limit, or cannot sign in with IAM")
    if db.does("root_of_all", "postgres", "SELECT pg_has_role('platform', 'rds_iam', 'MEMBER')") != "f":
        raise Failed("the administrator became a member of rds_iam: RDS would not take its password any more")
    for tenant in TENANTS:
        for other in set(TENANTS) - {tenant}:
            user, theirs = f"t_{tenant}", f'"t_{other}".papers'
            db.refused(user, home(tenant), f'SET ROLE "t_{other}"')
            if home(tenant) == home(other):
                for sql in (f"SELECT * FROM {theirs}", f"INSERT INTO {theirs} VALUES ('x')", f"DROP TABLE {theirs}", f'CREATE TABLE "t_{other}".mine ()'):
                    db.refused(user, home(tenant), sql)
            else:
                db.refused(user, home(other), "SELECT 1", "permission denied for database")

    for tenant, mode, connections in (("x'; DROP ROLE t_acme; --", "schema", "50"), ("acme--x", "schema", "50"), ("acme-", "schema", "5"),
                                      ("Acme", "schema", "50"), ("ok", "both", "50"), ("ok", "schema", "0"), ("ok", "schema", "1; x")):
        db.checks += 1
        if db.make(tenant, mode, connections)[0] == 0:
            raise Failed(f"{tenant} {mode} {connections} was taken")
    code, _, error = db.make("acme", "schema", "60")
    db.checks += 1
    if code or db.does("root_of_all", "postgres", "SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_acme'") != "60":
        raise Failed(f"another number of connections does not arrive: {error}")


def leave(db: Server) -> None:
    """Each is saved as itself, restored, and taken out; one of each mode, with a name close by that stays."""
    with tempfile.TemporaryDirectory() as folder:
        for tenant, mode in TENANTS.items():
            saved, error = db.dump(tenant, mode, folder)
            db.checks += 1
            if not saved or f"\n{tenant}\n" not in saved:
                raise Failed(f"the row of {tenant} is not in what was saved of it: {error}")
            others = [other for other in TENANTS if other != tenant and (f"\n{other}\n" in saved or f'"t_{other}"' in saved)]
            if others:
                raise Failed(f"of {tenant} something of {others} was saved")
            if mode == "schema" and db.dump(tenant, "database", folder)[0] is not None:
                raise Failed(f"a database was saved that {tenant} does not have")
        saved, _ = db.dump("umbrella", "database", folder)
        db.does("root_of_all", "postgres", "CREATE DATABASE restored")
        code, _, error = db.psql("root_of_all", "restored", "-f", "-", stdin=saved)
        db.checks += 1
        if code or db.does("root_of_all", "restored", 'SELECT of FROM "t_umbrella".papers') != "umbrella":
            raise Failed(f"what was saved of umbrella is not restored: {error}")
        db.refused("root_of_all", "postgres", 'DROP ROLE "t_umbrella"', "some objects depend on it")
        db.does("root_of_all", "postgres", "DROP DATABASE restored")
    for tenant in ("acme", "umbrella"):
        mode, user = TENANTS[tenant], f"t_{tenant}"
        for _ in range(2):
            code, out, error = db.drop(tenant, mode)
            db.checks += 1
            if code or error or out != f"tenant {tenant} has nothing here any more":
                raise Failed(f"taking {tenant} out said: {out} {error}")
        left = db.does("root_of_all", SHARED, f"SELECT count(*) FROM (SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database UNION SELECT nspname FROM pg_namespace) n(name) WHERE name = '{user}'")
        if left != "0":
            raise Failed(f"{left} things of {tenant} are left")
        db.refused(user, SHARED, "SELECT 1", "does not exist")
    for tenant in ("acme-x", "umbrella-x"):
        if db.does(f"t_{tenant}", home(tenant), "SELECT of FROM papers") != tenant:
            raise Failed(f"{tenant} has lost its row")
    for tenant, mode in (("x'; DROP ROLE platform; --", "schema"), ("acme-", "schema"), ("acme-x", "both")):
        db.checks += 1
        if db.drop(tenant, mode)[0] == 0:
            raise Failed(f"{tenant} {mode} was taken")


def move(old: Server, new: Server) -> None:
    """What was saved of a tenant at one server is what it has at another, also when that had something else of it, and
    when it is restored twice; nobody else's row changes, and of a bad dump nothing is taken in."""
    for sql in ("CREATE ROLE platform LOGIN CREATEROLE CREATEDB", "CREATE ROLE rds_iam"):
        new.does("root_of_all", "postgres", sql)
    new.does("root_of_all", "postgres", "ALTER DATABASE postgres OWNER TO platform")
    new.does("platform", "postgres", f"CREATE DATABASE {SHARED}")
    for tenant, mode in TENANTS.items():
        code, _, error = new.make(tenant, mode)
        if code:
            raise Failed(f"making {tenant} at its new place: {error}")
        new.does(f"t_{tenant}", home(tenant), f"CREATE TABLE papers AS SELECT 'old rows of {tenant}' AS of")
    for tenant in ("acme-x", "umbrella-x"):
        user, mode = f"t_{tenant}", TENANTS[tenant]
        things = """CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN amount AS int CHECK (VALUE > 0);
            CREATE TABLE more (id serial PRIMARY KEY, of text, how mood, n amount, at timestamptz DEFAULT now());
            CREATE INDEX ON more (of); CREATE VIEW seen AS SELECT of FROM more;
            CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
            INSERT INTO more (of, how, n) SELECT 'row ' || i, 'good', i FROM generate_series(1, 1000) i"""
        old.does(user, home(tenant), things)
        for left in ("CREATE TABLE left_there (x int)", "CREATE VIEW v AS SELECT 1 AS x", "CREATE TYPE t AS ENUM ('a')", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"):
            new.does(user, home(tenant), left)
        said = "SELECT md5(string_agg(more::text, ',' ORDER BY id)), count(*), twice(2), (SELECT of FROM papers) FROM more"
        with tempfile.TemporaryDirectory() as folder:
            if old.dump(tenant, mode, folder)[0] is None:
                raise Failed(f"{tenant} is not saved")
            whole = (pathlib.Path(folder) / "database.dump").read_bytes()
            (pathlib.Path(folder) / "database.dump").write_bytes(whole[: len(whole) * 3 // 4])
            new.checks += 1
            if new.restore(tenant, mode, folder)[0] == 0 or new.does(user, home(tenant), "SELECT of FROM papers") != f"old rows of {tenant}":
                raise Failed(f"of half a dump of {tenant} something was taken in")
            (pathlib.Path(folder) / "database.dump").write_bytes(whole)
            for _ in range(2):
                code, error = new.restore(tenant, mode, folder)
                new.checks += 1
                if code:
                    raise Failed(f"{tenant} is not restored: {error}")
                if new.does(user, home(tenant), said) != old.does(user, home(tenant), said):
                    raise Failed(f"{tenant} has something else at its new place")
        names = f"""SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT relname n FROM pg_class WHERE relnamespace = '"{user}"'::regnamespace
            UNION SELECT proname FROM pg_proc WHERE pronamespace = '"{user}"'::regnamespace
            UNION SELECT typname FROM pg_type WHERE typnamespace = '"{user}"'::regnamespace) x"""
        if new.does(user, home(tenant), names) != old.does(user, home(tenant), names):
            raise Failed(f"{tenant} has more at its new place, or less: {new.does(user, home(tenant), names)}")
        new.does(user, home(tenant), "INSERT INTO more (of) VALUES ('new')")
        new.does(user, home(tenant), "CREATE TABLE later (x int)")
    for tenant in ("acme", "umbrella"):
        if new.does(f"t_{tenant}", home(tenant), "SELECT of FROM papers") != f"old rows of {tenant}":
            raise Failed(f"{tenant} has lost its row")


def run(steps) -> None:
    steps.step("postgres", check)


def check() -> str:
    with server() as port:
        db = Server(port)
        version = db.psql("root_of_all", "postgres", "-c", "SHOW server_version")[1]
        prove(db)
        leave(db)
        with server() as other:
            there = Server(other)
            move(db, there)
        checks = db.checks + there.checks
        return f"PostgreSQL {version}: {len(TENANTS)} tenants in 2 modes, {checks} checks, a second run changed nothing; saved, restored at another server, and taken out"
