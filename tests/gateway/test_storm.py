"""Reloads and crashes while clients keep asking and an operator keeps writing.

A client does what every HTTP client does: a request on a kept connection that ends without one
octet of an answer is sent once more on a new one. Anything else that goes wrong is a failure, and
when processes are killed, anything that three tries do not mend.
"""

import http.client
import json
import os
import signal
import threading
import time

import pytest

from harness.http import get
from harness.wire import until

PAUSE_S = 0.012  # of each client, between two requests: four of them make about 300 a second


class Client(threading.Thread):
    """Asks until told to end; failures are kept.

    `kept`: over one connection, not over one for each request. `deaths`: gateway processes are
    killed, so a request may be lost with the process that had accepted its connection.
    """

    def __init__(self, port, kept, deaths):
        super().__init__(daemon=True)
        self.port, self.kept, self.deaths = port, kept, deaths
        self.connection = None
        self.answered, self.failures = 0, []
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(PAUSE_S):
            try:
                status, content = self.ask()
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))
                continue
            self.answered += 1
            if status not in (200, 201):
                self.failures.append((status, content))

    def ask(self):
        return self.exchange("GET", "/load")

    def exchange(self, method, path, body=None, headers=None):
        """Up to three tries: two processes may die under the same request."""
        for left in (2, 1, 0):
            was_open = self.connection is not None
            if not was_open:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                self.connection.request(method, path, body, headers or {})
                answer = self.connection.getresponse()
            except ConnectionError:
                self.drop()
                if left and (was_open or self.deaths):
                    continue
                raise
            content = answer.read()
            if answer.will_close or not self.kept:
                self.drop()
            return answer.status, content

    def drop(self):
        self.connection.close()
        self.connection = None

    def end(self):
        self.stopping.set()
        self.join()
        return self.failures


class Writer(Client):
    """Writes routes one after the other; `acknowledged` has the uri that each one was given."""

    def __init__(self, gateway, upstream, kept, deaths):
        self.key, self.upstream = gateway.admin.key, upstream
        self.prefix, self.number, self.acknowledged = "kept" if kept else "fresh", 0, {}
        super().__init__(gateway.admin_port, kept, deaths)

    def ask(self):
        self.number += 1
        name = f"{self.prefix}{self.number % 40}"
        route = {"uri": f"/{name}/{self.number}", "upstream": self.upstream}
        path, fields = f"/apisix/admin/routes/{name}", {"X-API-KEY": self.key}
        status, content = self.exchange("PUT", path, json.dumps(route), fields)
        if status in (200, 201):
            self.acknowledged[name] = route["uri"]
        return status, content


class Storm:
    def __init__(self, gateway, echo, deaths=False):
        gateway.admin.put("/routes/1", {"uri": "/load", "upstream": echo.upstream()})
        self.gateway = gateway
        self.writers = [Writer(gateway, echo.upstream(), kept, deaths) for kept in (True, False)]
        self.clients = [Client(gateway.port, kept, deaths) for kept in (True, True, True, False)]

    def next_process(self, old):
        until(lambda: set(self.gateway.workers()) - set(old), "a new gateway process", 20, 0.02)
        lines = f"gateway process {max(set(self.gateway.workers()) - set(old))} serves"
        until(lambda: lines in self.gateway.read_log("error.log"), "its readiness", 20, 0.02)
        before = self.progress()
        until(lambda: all(map(int.__lt__, before, self.progress())), "answers for all", 20, 0.01)

    def progress(self):
        return [each.answered for each in (*self.clients, *self.writers)]

    def end(self):
        """All clients were served all the time; what was acknowledged is stored, and served."""
        everybody = [*self.clients, *self.writers]
        assert [failure for each in everybody for failure in each.end()] == []
        routes = [item["value"] for item in self.gateway.admin.get("/routes")["list"]]
        stored = {route["id"]: route["uri"] for route in routes}
        for writer in self.writers:
            assert writer.acknowledged
            for name, uri in writer.acknowledged.items():
                assert stored[name] == uri
                assert get(self.gateway.port, uri).status == 200
        return sum(client.answered for client in self.clients)


@pytest.fixture
def rounds(full):
    return 20 if full else 6


def test_reloads_fail_nobody(own_pylon, echo, rounds):
    gateway = own_pylon()
    storm = Storm(gateway, echo)
    for _ in range(rounds):
        old = gateway.workers()
        gateway.reload()
        storm.next_process(old)
    assert storm.end() > 100


def test_reloads_in_a_row_fail_nobody(own_pylon, echo, rounds):
    """The next one is asked for before the last one is done."""
    gateway = own_pylon()
    storm = Storm(gateway, echo)
    for _ in range(rounds):
        gateway.reload()
        time.sleep(0.05)
    storm.end()
    until(lambda: len(gateway.workers()) == 1, "the end of the old processes", 15, 0.05)


def test_killed_processes_lose_nothing(own_pylon, echo, rounds):
    gateway = own_pylon()
    storm = Storm(gateway, echo, deaths=True)
    for _ in range(rounds // 2):
        old = gateway.workers()
        os.kill(old[-1], signal.SIGKILL)
        storm.next_process(old)
    storm.end()


@pytest.mark.parametrize("with_store", [False, True], ids=["at once", "with the store"])
def test_a_reload_that_dies_takes_nothing_along(own_pylon, echo, rounds, with_store):
    """The next process is killed before it serves: the old one opens its store again."""
    gateway = own_pylon()
    lock = gateway.folder / "data/pylon.db.lock"
    storm = Storm(gateway, echo, deaths=True)
    for _ in range(rounds // 2):
        old = gateway.workers()
        gateway.reload()
        (new,) = until(lambda: set(gateway.workers()) - set(old), "the next process", 20, 0.001)
        until(lambda: not with_store or lock.read_text().strip() == str(new), "it", 20, 0.001)
        os.kill(new, signal.SIGKILL)
        before = storm.progress()
        until(lambda: all(map(int.__lt__, before, storm.progress())), "answers for all", 20, 0.01)
    storm.end()
    until(lambda: len(gateway.workers()) == 1, "the end of the others", 15, 0.05)
