"""A fixture for pytest: a Headgate gate in memory, with the verdicts of a real one.

Copy this file into your tests, and import the fixtures in conftest.py:

    from headgate_mock import headgate_gate, headgate_mock  # noqa: F401

It needs Python 3.9 and pytest, and runs `npx headgate mock`, or what HEADGATE_MOCK_COMMAND names.
"""

import json
import os
import shlex
import signal
import subprocess
import urllib.parse
import urllib.request
import uuid

import pytest


class HeadgateMock:
    """What one test sees: its own events, and no others."""

    def __init__(self, url: str, test_id: str) -> None:
        self.url = url
        self.test_id = test_id
        #: Send these with each request, or put `test_id` into the context of each event.
        self.headers = {"x-headgate-test-id": test_id}

    def good(self) -> list:
        """The events that were accepted: {"event": ..., "duplicates": 0}."""
        return self._ask("good", "GET")["events"]

    def bad(self) -> list:
        """The events that were rejected: {"event": ..., "code": ..., "violations": [...]}."""
        return self._ask("bad", "GET")["events"]

    def reset(self) -> None:
        self._ask("reset", "POST")

    def _ask(self, page: str, method: str) -> dict:
        query = urllib.parse.urlencode({"test_id": self.test_id})
        request = urllib.request.Request(f"{self.url}/mock/{page}?{query}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


@pytest.fixture(scope="session")
def headgate_gate():
    """The address of a mock that all tests of the session share."""
    command = shlex.split(os.environ.get("HEADGATE_MOCK_COMMAND", "npx headgate mock"))
    # In a process group of its own, because npx does not pass signals on to the gate.
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError(f"{command} did not start: see its output above")
        yield line.split()[-1]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture
def headgate_mock(headgate_gate):
    """A test id of its own for each test."""
    mock = HeadgateMock(headgate_gate, str(uuid.uuid4()))
    yield mock
    mock.reset()
