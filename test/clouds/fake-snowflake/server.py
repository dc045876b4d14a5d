"""
Serves fakesnow on 127.0.0.1 at the port of the first argument, with what it lacks for the client of
Node.js and for several sessions:

- answers as JSON, because that client does not read Arrow as fakesnow writes it;
- errors of DuckDB with the numbers that Snowflake has for them;
- the lock of a table that a transaction updates, for which others wait. A transaction that is idle for the
  seconds of the second argument is rolled back if it blocks another. Snowflake has 5 minutes there;
- a session that is closed ends its transaction.

Tests ask it at /test/sql, in DuckDB's SQL, read what clients logged in with at /test/logins, and say at
/test/lose how the statements begin whose answers are lost from now on, and at /test/end before which statements
their transaction is rolled back.
"""

import asyncio
import datetime
import gzip
import json
import re
import sys
import threading
import time

import duckdb
import uvicorn
from snowflake.connector.errors import ProgrammingError
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

import fakesnow.server
from fakesnow import info_schema, transforms
from fakesnow.cursor import FakeSnowflakeCursor

# The package has a function of this name, too.
server = sys.modules["fakesnow.server"]
port, idle_seconds = int(sys.argv[1]), float(sys.argv[2])
logins = []
lost = None
ended = None


class EveryStatement:
    """Statements whose answer is JSON."""

    def __contains__(self, _type):
        return True


class CountedResponse(JSONResponse):
    """The client reads no row without the number of rows, and no Arrow."""

    def render(self, content):
        data = content.get("data")
        if isinstance(data, dict) and data.pop("rowsetBase64", None) == "":
            data.update(queryResultFormat="json", rowset=[])
        if isinstance(data, dict) and "rowset" in data:
            data["returned"] = len(data["rowset"])
        return super().render(content)


def text_of(value):
    """A value as the JSON of Snowflake has it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime.datetime):
        return f"{value.timestamp():.9f} 1440" if value.tzinfo else f"{value.timestamp():.9f}"
    return str(value)


stage_info = server.gcs_stage_info


def replaced(request, expression, put):
    """Where the client uploads, without a question whether the file is there, which it cannot answer."""
    put["overwrite"] = True
    return {**stage_info(request, expression, put), "region": "fake"}


server.gcs_stage_info = replaced
server.str = text_of
server.DML_TYPE_IDS = EveryStatement()
server.JSONResponse = CountedResponse


class Locks:
    def __init__(self):
        self.owners = {}
        self.changed = threading.Condition()

    def acquire(self, table, connection, seconds):
        deadline = time.monotonic() + seconds
        with self.changed:
            while (owner := self.owners.get(table)) not in (None, connection):
                if not owner.is_busy and time.monotonic() - owner.used > idle_seconds:
                    end_transaction(owner)
                    self.owners.pop(table)
                    break
                if time.monotonic() > deadline:
                    raise ProgrammingError(
                        msg=f"Statement has waited for a lock on {table} that is not released",
                        errno=625,
                        sqlstate="57014",
                    )
                self.changed.wait(0.02)
            self.owners[table] = connection

    def release(self, connection):
        with self.changed:
            for table in [table for table, owner in self.owners.items() if owner is connection]:
                del self.owners[table]
            self.changed.notify_all()


locks = Locks()


def end_transaction(connection):
    try:
        connection._duck_conn.execute("ROLLBACK")
    except duckdb.Error:
        pass


class Sessions(dict):
    def __delitem__(self, token):
        end_transaction(self[token])
        locks.release(self[token])
        super().__delitem__(token)


server.sessions = Sessions()
server.shared_fs.nop_regexes = [r"ALTER SESSION SET"]
table_comment = info_schema.insert_table_comment_sql
# Would write to a second database of DuckDB, which the transaction of a MERGE cannot.
info_schema.insert_table_comment_sql = lambda *args: (
    "SELECT 1" if args[2] == "MERGE_CANDIDATES" else table_comment(*args)
)
# Takes 64 bits for the 38 digits of NUMBER(38, 0).
transforms.integer_precision = lambda expression: expression

errors = {
    duckdb.ConstraintException: (100072, "22000"),
    duckdb.ConversionException: (100038, "22018"),
    duckdb.OutOfRangeException: (100132, "22000"),
    duckdb.InvalidInputException: (100069, "22P02"),
    duckdb.TransactionException: (625, "57014"),
}
update = re.compile(r'\s*UPDATE\s+"?(\w+)', re.IGNORECASE)
define = re.compile(r"\s*(CREATE|ALTER)", re.IGNORECASE)
end = re.compile(r"\s*(COMMIT|ROLLBACK)", re.IGNORECASE)
execute = FakeSnowflakeCursor.execute


def execute_again(self, command, *args, **kwargs):
    """What makes something that may be there, until DuckDB has no conflict with another who makes it."""
    for _ in range(50):
        try:
            return execute(self, command, *args, **kwargs)
        except (duckdb.ConstraintException, duckdb.TransactionException):
            if not define.match(command):
                raise
            time.sleep(0.05)
    raise ProgrammingError(msg="Others make it all the time", errno=625, sqlstate="57014")


def execute_locked(self, command, *args, **kwargs):
    connection = self._conn
    connection.is_busy, connection.used = True, time.monotonic()
    try:
        if ended and command.strip().startswith(ended):
            end_transaction(connection)
            locks.release(connection)
        if updated := update.match(command):
            locks.acquire(updated[1].upper(), connection, 30)
            # A statement sees what was committed before it began, and DuckDB's transaction began before.
            end_transaction(connection)
            execute(self, "BEGIN", server=True)
        try:
            return execute_again(self, command, *args, **kwargs)
        finally:
            if end.match(command):
                locks.release(connection)
    except duckdb.Error as error:
        known = [code for kind, code in errors.items() if isinstance(error, kind)]
        errno, sqlstate = known[0] if known else (1003, "42000")
        raise ProgrammingError(msg=str(error), errno=errno, sqlstate=sqlstate) from None
    finally:
        connection.is_busy, connection.used = False, time.monotonic()


FakeSnowflakeCursor.execute = execute_locked


async def sql(request):
    """Rows, each an object of texts."""

    def read(statement):
        cursor = server.shared_fs.duck_conn.cursor()
        rows = cursor.execute(statement).fetchall()
        names = [column[0] for column in cursor.description]
        return [
            {name: value if value is None else str(value) for name, value in zip(names, row)}
            for row in rows
        ]

    try:
        return PlainTextResponse(json.dumps(read((await request.body()).decode())))
    except duckdb.Error as error:
        return PlainTextResponse(str(error), status_code=400)


async def body_of(request):
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)


class Watched(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        if request.url.path == "/session/v1/login-request":
            logins.append({"query": dict(request.query_params), **(await body_of(request))["data"]})
        response = await call_next(request)
        if lost and request.url.path == "/queries/v1/query-request":
            if (await body_of(request))["sqlText"].strip().startswith(lost):
                await asyncio.sleep(3600)
        return response


async def lose(request):
    global lost
    lost = (await request.body()).decode()
    return JSONResponse({})


async def end_before(request):
    global ended
    ended = (await request.body()).decode()
    return JSONResponse({})


async def read_logins(_request):
    return PlainTextResponse(json.dumps(logins))


async def accept(_request):
    return JSONResponse({"success": True})


server.app.router.routes += [
    Route("/test/sql", sql, methods=["POST"]),
    Route("/test/logins", read_logins),
    Route("/test/lose", lose, methods=["POST"]),
    Route("/test/end", end_before, methods=["POST"]),
    Route("/telemetry/send", accept, methods=["POST"]),
]
server.app.add_middleware(Watched)
uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="critical")
