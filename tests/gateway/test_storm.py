"""Reloads and crashes while clients keep asking, tunnels talk and an operator keeps writing.

A reload fails nobody: every request is answered at its first try, a WebSocket loses no message and
a download comes whole, whatever process they began in. Only connections to the Admin API end soon
when nobody asks, as the store is for the next process: there a second try may be needed.

A process that is killed takes along what it held: its connections. Nobody is refused and nothing
that was acknowledged is lost; a client that does what every HTTP client does, sends a request once
more on a new connection when the old one ended without one octet of an answer, is always served.
Two processes may die under the same request, so up to three tries are made.
"""

import http.client
import json
import os
import signal
import socket
import threading
import time

import pytest

from harness.http import get
from harness.websocket import TEXT, EchoSocket, client_frame, server_frames
from harness.wire import until

PAUSE_S = 0.012  # of each client, between two requests: seven of them make about 500 a second
DOWNLOAD_OCTETS = 24 << 20
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


class Repeated(threading.Thread):
    """Does its step until told to end; failures are kept."""

    pause_s = PAUSE_S

    def __init__(self):
        super().__init__(daemon=True)
        self.answered, self.failures = 0, []
        self.stopping = threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(self.pause_s):
            try:
                self.step()
                self.answered += 1
            except (OSError, http.client.HTTPException, AssertionError) as failure:
                self.failures.append(f"{type(self).__name__} after {self.answered}: {failure!r}")

    def __repr__(self):
        return f"{type(self).__name__}({vars(self)})"

    def end(self):
        self.stopping.set()
        self.join()
        return self.failures


class Client(Repeated):
    """Asks over one connection if `kept`, else over one for each request."""

    def __init__(self, port, kept, tries):
        self.port, self.kept, self.tries = port, kept, tries
        self.connection = None
        super().__init__()

    def step(self):
        status, content = self.ask()
        assert status in (200, 201), (status, content)

    def ask(self):
        return self.exchange("GET", "/load")

    def exchange(self, method, path, body=None, headers=None):
        for left in range(self.tries - 1, -1, -1):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                self.connection.request(method, path, body, headers or {})
                answer = self.connection.getresponse()
            except ConnectionError:
                self.drop()
                if left:
                    continue
                raise
            content = answer.read()
            if answer.will_close or not self.kept:
                self.drop()
            return answer.status, content

    def drop(self):
        self.connection.close()
        self.connection = None


class Held(Repeated):
    """What lasts longer than a process: only a death may cut it, and then it begins anew."""

    def __init__(self, port, deaths):
        self.port, self.deaths, self.cuts, self.peer = port, deaths, 0, None
        super().__init__()

    def step(self):
        try:
            if self.peer is None:
                self.peer = self.begin()
            self.go_on()
        except ConnectionError:
            self.peer = None
            self.cuts += 1
            if not self.deaths:
                raise

    def ask(self, *lines):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        peer.sendall("\r\n".join([*lines, "Host: x", "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.more(peer, 1)
        return peer, head

    def end(self):
        failures = super().end()
        if self.peer is not None:
            self.peer.close()
        return failures

    def more(self, peer, most):
        octets = peer.recv(most)
        if not octets:
            raise ConnectionResetError("it ended")
        return octets


class Talker(Held):
    """A WebSocket that says a number and waits for its echo, all the time."""

    number = 0

    def begin(self):
        fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY]
        peer, head = self.ask("GET /talk HTTP/1.1", *fields)
        assert head.startswith(b"HTTP/1.1 101 "), head
        return peer

    def go_on(self):
        self.number += 1
        said = str(self.number).encode()
        self.peer.sendall(client_frame(TEXT, said))
        octets = b""
        while not (frames := server_frames(octets)):
            octets += self.more(self.peer, 4096)
        assert frames == [(TEXT, said)]


class Download(Held):
    """Takes a long answer slowly; `whole` counts those that came to their end."""

    whole, left = 0, 0

    def begin(self):
        peer, head = self.ask(f"GET /size/{DOWNLOAD_OCTETS} HTTP/1.1")
        assert head.startswith(b"HTTP/1.1 200 "), head
        self.left = DOWNLOAD_OCTETS
        return peer

    def go_on(self):
        self.left -= len(self.more(self.peer, min(self.left, 64 << 10)))
        if self.left == 0:
            self.whole += 1
            self.peer.close()
            self.peer = None


class Writer(Client):
    """Writes routes one after the other; `acknowledged` has the uri that each one was given."""

    def __init__(self, gateway, upstream, kept, tries):
        self.key, self.upstream = gateway.admin.key, upstream
        self.prefix, self.number, self.acknowledged = "kept" if kept else "fresh", 0, {}
        super().__init__(gateway.admin_port, kept, tries)

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
    def __init__(self, gateway, echo, talk, deaths=False):
        gateway.admin.put("/routes/1", {"uris": ["/load", "/size/*"], "upstream": echo.upstream()})
        nodes = {f"127.0.0.1:{talk.port}": 1}
        route = {"uri": "/talk", "enable_websocket": True}
        route["upstream"] = {"type": "roundrobin", "nodes": nodes}
        gateway.admin.put("/routes/2", route)
        self.gateway = gateway
        tries = 3 if deaths else 2
        self.writers = [Writer(gateway, echo.upstream(), kept, tries) for kept in (True, False)]
        tries = 3 if deaths else 1
        self.clients = [Client(gateway.port, number > 1, tries) for number in range(7)]
        self.held = [Talker(gateway.port, deaths), Download(gateway.port, deaths)]

    def next_process(self, old):
        until(lambda: set(self.gateway.workers()) - set(old), "a new gateway process", 20, 0.02)
        lines = f"gateway process {max(set(self.gateway.workers()) - set(old))} serves"
        until(lambda: lines in self.gateway.read_log("error.log"), "its readiness", 20, 0.02)
        self.await_answers()

    def await_answers(self):
        """Until each has made another step."""
        everybody = [*self.clients, *self.writers, *self.held]
        before = [each.answered for each in everybody]

        def waiting():
            return [each for each, was in zip(everybody, before) if each.answered == was]

        try:
            until(lambda: not waiting(), "answers for all", 20, 0.01)
        except AssertionError:
            raise AssertionError(f"no answers for {waiting()}") from None

    def end(self):
        """All clients were served all the time; what was acknowledged is stored, and served."""
        everybody = [*self.clients, *self.writers, *self.held]
        assert [failure for each in everybody for failure in each.end()] == []
        routes = [item["value"] for item in self.gateway.admin.get("/routes")["list"]]
        stored = {route["id"]: route.get("uri") for route in routes}
        for writer in self.writers:
            assert writer.acknowledged
            for name, uri in writer.acknowledged.items():
                assert stored[name] == uri
                assert get(self.gateway.port, uri).status == 200
        return sum(client.answered for client in self.clients)


@pytest.fixture
def rounds(full):
    return 100 if full else 6


@pytest.fixture(scope="module")
def talk():
    server = EchoSocket()
    yield server
    server.close()


def test_reloads_fail_nobody(own_pylon, echo, talk, rounds):
    gateway = own_pylon()
    storm = Storm(gateway, echo, talk)
    (first,) = gateway.workers()
    for _ in range(rounds):
        old = gateway.workers()
        gateway.reload()
        storm.next_process(old)
    assert first in gateway.workers(), "the process that the tunnel began in"
    assert storm.end() > 100
    until(lambda: len(gateway.workers()) == 1, "the end of the old processes", 15, 0.05)


def test_reloads_in_a_row_fail_nobody(own_pylon, echo, talk, rounds):
    """The next one is asked for before the last one is done."""
    gateway = own_pylon()
    storm = Storm(gateway, echo, talk)
    for _ in range(rounds):
        gateway.reload()
        time.sleep(0.05)
    storm.end()
    until(lambda: len(gateway.workers()) == 1, "the end of the old processes", 15, 0.05)


def test_killed_processes_lose_nothing(own_pylon, echo, talk, rounds):
    gateway = own_pylon()
    storm = Storm(gateway, echo, talk, deaths=True)
    deaths = max(3, rounds // 5)
    for _ in range(deaths):
        old = gateway.workers()
        os.kill(old[-1], signal.SIGKILL)
        storm.next_process(old)
    assert all(each.cuts <= deaths for each in storm.held)
    storm.end()


def test_an_old_process_goes_in_the_configured_time(own_pylon, echo, talk):
    """Whatever is held on to; without a limit that is near, it stays until all is done."""
    gateway = own_pylon({"nginx_config": {"worker_shutdown_timeout": "2s"}})
    storm = Storm(gateway, echo, talk, deaths=True)
    (old,) = gateway.workers()
    gateway.reload()
    storm.next_process([old])
    served_at = time.monotonic()
    assert old in gateway.workers(), "the tunnel holds it"
    until(lambda: old not in gateway.workers(), "its end", 10, 0.02)
    assert 1 < time.monotonic() - served_at < 4
    until(lambda: storm.held[0].cuts == 1, "the tunnel's end, as its client sees it", 10, 0.01)
    storm.end()


@pytest.mark.parametrize("with_store", [False, True], ids=["at once", "with the store"])
def test_a_reload_that_dies_takes_nothing_along(own_pylon, echo, talk, rounds, with_store):
    """The next process is killed before it serves: the old one opens its store again."""
    gateway = own_pylon()
    lock = gateway.folder / "data/pylon.db.lock"
    storm = Storm(gateway, echo, talk, deaths=True)
    for _ in range(rounds // 2):
        old = gateway.workers()
        gateway.reload()
        (new,) = until(lambda: set(gateway.workers()) - set(old), "the next process", 20, 0.001)
        until(lambda: not with_store or lock.read_text().strip() == str(new), "it", 20, 0.001)
        os.kill(new, signal.SIGKILL)
        storm.await_answers()
    storm.end()
    until(lambda: len(gateway.workers()) == 1, "the end of the others", 15, 0.05)
