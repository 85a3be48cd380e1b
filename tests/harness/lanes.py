"""The shared gateway of tests/http1: many lanes, each given to one test at a time.

Kinds: plain; websocket (the route may be upgraded); brief (upstream timeouts of one second); root
(every path that no other lane has, one only).
"""

from dataclasses import dataclass

from harness.lane import Lane
from harness.ports import free_port

BRIEF_S = 1
COUNTS = {"plain": 180, "websocket": 20, "brief": 24, "root": 1}
LETTER = {"plain": "l", "websocket": "w", "brief": "t", "root": ""}


@dataclass(frozen=True)
class Track:
    """Where a lane leads: fixed for the life of the gateway."""

    kind: str
    name: str  # unique; also an id in configurations
    prefix: str  # "/l7", empty for root
    address: str
    port: int


class Lanes:
    """`counts` by kind. `network` tells the addresses of several sets apart: 127.NETWORK.x.y."""

    def __init__(self, counts=None, network=0):
        port = free_port()
        self.tracks = []
        for third, (kind, count) in enumerate((counts or COUNTS).items(), 1):
            for number in range(1, count + 1):
                name = f"{LETTER[kind]}{number}" if kind != "root" else "root"
                prefix = f"/{name}" if kind != "root" else ""
                self.tracks.append(
                    Track(kind, name, prefix, f"127.{network}.{third}.{number}", port)
                )
        self.dead_port = free_port()  # nobody listens there: the fence is answered 502
        self._next = dict.fromkeys(COUNTS, 0)

    def of(self, kind):
        return [track for track in self.tracks if track.kind == kind]

    def open(self, kind, gateway):
        """The next lane of that kind, in turn, so that one rests long before it is used again."""
        tracks = self.of(kind)
        track = tracks[self._next[kind] % len(tracks)]
        self._next[kind] += 1
        return Lane(gateway, track.prefix.encode(), track.address, track.port)


class SharedPylon:
    """Pylon with a route for each lane. One worker, so a later answer proves an earlier step."""

    fence_request = b"GET /fence HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"

    def __init__(self, pylon, lanes):
        self.pylon = pylon
        pylon.start()
        self.port = pylon.port
        for track in lanes.tracks:
            pylon.admin.put(f"/routes/{track.name}", self._route(track))
        dead = {"nodes": {f"127.0.0.1:{lanes.dead_port}": 1}}
        pylon.admin.put("/routes/fence", {"uri": "/fence", "upstream": dead})
        self.workers = pylon.workers()

    def _route(self, track):
        upstream = {"type": "roundrobin", "nodes": {f"{track.address}:{track.port}": 1}}
        if track.kind == "brief":
            upstream["timeout"] = dict.fromkeys(("connect", "send", "read"), BRIEF_S)
        route = {"uri": f"{track.prefix}/*", "upstream": upstream}
        if track.kind == "websocket":
            route["enable_websocket"] = True
        return route

    def assert_alive(self):
        """Neither the supervisor nor a worker ended since the start."""
        before, self.workers = self.workers, self.pylon.workers()
        assert self.pylon.process.running(), "the gateway ended"
        assert self.workers == before, "a worker process was replaced"

    def tail(self):
        return self.pylon.tail()

    def stop(self):
        return self.pylon.stop()
