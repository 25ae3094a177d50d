"""A worker's database of the tests: a copy of the template, emptied between tests that commit."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from config.embedded.place import BASE_DIR

_TABLES = """
SELECT relname, pg_relation_size(oid) > 0 FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"""
_SHAPE = """
SELECT concat_ws(',',
  (SELECT sum(hashtext(relname)::bigint + relnatts) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT sum(hashtext(concat(tgname, tgenabled, tgrelid))) FROM pg_trigger),
  (SELECT sum(hashtext(concat(conname, conrelid))) FROM pg_constraint),
  (SELECT sum(hashtext(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace))"""
_SUM = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
_CUT_OFF = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
# Such as the partition of a month.
_DROP_ADDED = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> ALL (ARRAY{known})
  LOOP EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', name); END LOOP;
END $$"""
# Neither triggers nor foreign keys have a say; a table of no size never had a row.
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT oid::regclass FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
      AND relname <> ALL (ARRAY{filled})
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
END $$"""


@dataclass(frozen=True)
class Databases:
    """Where this process's database comes from and what it is called."""

    server_url: str
    template: str
    name: str

    def clone(self) -> None:
        """Put a fresh copy of the template in the database's place; whoever is connected to the old one is cut off."""
        with self._connect() as server:
            server.execute(statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            server.execute(statement("CREATE DATABASE {} TEMPLATE {}", self.name, self.template))
        _ = self._original  # looked at before anybody changes anything

    def empty(self) -> None:
        """Delete what was committed since the copy was made: much sooner done than another copy of a thousand files.

        Whoever is connected is cut off. Another copy is made all the same where more was changed than rows of tables
        that are empty in the template, or where we may not look past the triggers.
        """
        if not self._has_been_emptied():
            self.clone()

    def _has_been_emptied(self) -> bool:
        try:
            with psycopg.connect(self._own_url, autocommit=True) as ours:
                ours.execute(_CUT_OFF)
                ours.execute(_DROP_ADDED.format(known=list(self._tables)))
                if self._state(ours) != self._original:
                    return False
                ours.execute(_EMPTY.format(filled=self._filled))
        except psycopg.Error:
            return False
        return True

    @property
    def _own_url(self) -> str:
        return with_database(self.server_url, self.name)

    @cached_property
    def _tables(self) -> dict[str, object]:
        """The tables of the template, and whether each has rows there."""
        with psycopg.connect(self._own_url, autocommit=True) as ours:
            return {str(name): has_rows for name, has_rows in ours.execute(_TABLES)}

    @property
    def _filled(self) -> list[str]:
        return [name for name, has_rows in self._tables.items() if has_rows]

    @cached_property
    def _original(self) -> list[tuple[object, ...]]:
        with psycopg.connect(self._own_url, autocommit=True) as ours:
            return self._state(ours)

    def _state(self, ours: "psycopg.Connection[tuple[object, ...]]") -> list[tuple[object, ...]]:
        """Return what must be as in the template: tables, triggers, functions, and its rows."""
        sums = (statement(_SUM, name) for name in self._filled)
        return ours.execute(sql.SQL(" UNION ALL ").join([sql.SQL(_SHAPE), *sums])).fetchall()

    def drop(self) -> None:
        """Remove the database."""
        with self._connect() as server:
            server.execute(statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))

    def require_template(self) -> None:
        """Build the template unless it stands; concurrent sessions wait for the one that builds."""
        with self._connect() as server:
            server.execute("SELECT pg_advisory_lock(hashtext('tollgate test template'))")
            names = [row[0] for row in server.execute("SELECT datname FROM pg_database")]
            if self.template in names:
                return
            # On a server of somebody else's another version's session may still need its template.
            ours = names if os.environ.get("TEST_DATABASE_IS_OURS") else []
            for outdated in (name for name in ours if str(name).startswith("template_tollgate_")):
                server.execute(statement("DROP DATABASE {} WITH (FORCE)", str(outdated)))
            draft = f"{self.template}_draft"
            server.execute(statement("CREATE DATABASE {}", draft))
            _migrate(with_database(self.server_url, draft))
            server.execute(statement("ALTER DATABASE {} RENAME TO {}", draft, self.template))

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.server_url, autocommit=True)


def _migrate(database_url: str) -> None:
    migration = subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": database_url,
            "REDIS_URL": os.environ["TEST_REDIS_SERVER"],
        },
        capture_output=True,
        text=True,
    )
    if migration.returncode != 0:
        sys.exit(f"the migrations fail:\n{migration.stdout}{migration.stderr}")


def with_database(server_url: str, name: str) -> str:
    """Return the address of a database of a server."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def statement(text: str, *names: str) -> sql.Composed:
    """Return a statement with names in its gaps."""
    return sql.SQL(text).format(*map(sql.Identifier, names))
