"""Two tenants of one PostgreSQL cannot read each other, in both modes, and making them twice changes nothing.

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

SQL = pathlib.Path(__file__).parent.parent / "stack/data/tenant-database/tenant.sql"
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

    def everything(self):
        return subprocess.run([binaries() / "pg_dumpall", "-h", "127.0.0.1", "-p", str(self.port), "-U", "root_of_all", "--schema-only"],
                              check=True, capture_output=True, text=True).stdout.replace("\\restrict", "\n\\restrict").split("\n")


def home(tenant):
    return f"t_{tenant}" if TENANTS[tenant] == "database" else SHARED


def prove(db: Server) -> None:
    for sql in ("CREATE ROLE platform LOGIN CREATEROLE CREATEDB", "CREATE ROLE rds_iam", "GRANT rds_iam TO platform WITH ADMIN OPTION"):
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
        db.refused(user, "postgres", f'DROP DATABASE "{home(tenant)}"', "permission denied for database")
        db.refused(user, home(tenant), f'ALTER DATABASE "{home(tenant)}" OWNER TO "{user}"', "must be owner")
        if db.does("root_of_all", "postgres", f"SELECT rolpassword IS NULL AND rolconnlimit = 50 AND pg_has_role('{user}', 'rds_iam', 'MEMBER') FROM pg_authid WHERE rolname = '{user}'") != "t":
            raise Failed(f"{user} has a password, or no limit, or cannot sign in with IAM")
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


def run(steps) -> None:
    steps.step("postgres", check)


def check() -> str:
    with server() as port:
        db = Server(port)
        version = db.psql("root_of_all", "postgres", "-c", "SHOW server_version")[1]
        prove(db)
        return f"PostgreSQL {version}: {len(TENANTS)} tenants in 2 modes, {db.checks} checks, a second run changed nothing"
