"""Reloads and crashes while clients keep asking and an operator keeps writing.

A client does what every HTTP client does: a request on a kept connection that ends without one
octet of an answer is sent once more on a new one. Anything else that goes wrong is a failure.
"""

import http.client
import json
import os
import signal
import threading
import time

import pytest

from harness.wire import until

PAUSE_S = 0.012  # of each client, between two requests: four of them make about 300 a second


class Client(threading.Thread):
    """Asks over one kept connection until told to end; failures are kept."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.connection = port, None
        self.answered, self.again, self.failures = 0, 0, []
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(PAUSE_S):
            try:
                status, _ = self.exchange("GET", "/load")
                if status != 200:
                    self.failures.append(status)
                self.answered += 1
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))

    def exchange(self, method, path, body=None, headers=None):
        """Up to three tries: two processes may die under the same request."""
        for left in (2, 1, 0):
            kept = self.connection is not None
            if not kept:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                self.connection.request(method, path, body, headers or {})
                answer = self.connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                self.connection.close()
                self.connection = None
                if not self.may_try_again(kept, left):
                    raise
                self.again += 1
                continue
            content = answer.read()
            if answer.will_close:
                self.connection = None
            return answer.status, content

    def may_try_again(self, kept, left):
        return kept and left

    def end(self):
        self.stopping.set()
        self.join()
        return self.failures


class Survivor(Client):
    """Also takes it that the process that had accepted its connection was killed."""

    def may_try_again(self, kept, left):
        return left


class Writer(Survivor):
    """Writes routes one after the other; `acknowledged` has the number that each one holds."""

    def __init__(self, gateway, upstream):
        self.key, self.upstream = gateway.admin.key, upstream
        self.acknowledged = {}
        super().__init__(gateway.admin_port)

    def run(self):
        number = 0
        while not self.stopping.wait(PAUSE_S):
            number += 1
            name = f"w{number % 40}"
            route = {"uri": f"/{name}/{number}", "upstream": self.upstream}
            try:
                status, content = self.exchange(
                    "PUT",
                    f"/apisix/admin/routes/{name}",
                    json.dumps(route),
                    {"X-API-KEY": self.key},
                )
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))
                continue
            if status in (200, 201):
                self.acknowledged[name] = route["uri"]
                self.answered += 1
            else:
                self.failures.append((status, content))


class Storm:
    def __init__(self, gateway, echo, client=Client):
        gateway.admin.put("/routes/1", {"uri": "/load", "upstream": echo.upstream()})
        self.gateway = gateway
        self.clients = [client(gateway.port) for _ in range(4)]
        self.writer = Writer(gateway, echo.upstream())

    def next_process(self, old):
        until(lambda: set(self.gateway.workers()) - set(old), "a new gateway process", 20, 0.02)
        lines = f"gateway process {max(set(self.gateway.workers()) - set(old))} serves"
        until(lambda: lines in self.gateway.read_log("error.log"), "its readiness", 20, 0.02)
        before = self.progress()
        until(lambda: all(map(int.__lt__, before, self.progress())), "answers for all", 20, 0.01)

    def progress(self):
        return [each.answered for each in (*self.clients, self.writer)]

    def end(self):
        """All clients were served all the time; what was acknowledged is stored, and served."""
        failures = [failure for client in self.clients for failure in client.end()]
        assert self.writer.end() == []
        assert failures == []
        routes = [item["value"] for item in self.gateway.admin.get("/routes")["list"]]
        stored = {route["id"]: route["uri"] for route in routes}
        wrong = {n: u for n, u in self.writer.acknowledged.items() if stored[n] != u}
        assert wrong == {}
        return sum(client.answered for client in self.clients), len(self.writer.acknowledged)


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
    answered, written = storm.end()
    assert answered > 100 and written > 10


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
    storm = Storm(gateway, echo, Survivor)
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
    storm = Storm(gateway, echo, Survivor)
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
