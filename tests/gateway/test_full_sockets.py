"""Nothing is lost of what a full socket could not take when everything else has ended.

The last message of a connection comes in one turn of the gateway's loop with the end of both
sides, and just then the kernel's buffers of a slow reader are full. The gateway is stopped while
events are made, so that it meets them in one turn.
"""

import os
import signal
import socket

from harness.ports import free_port
from harness.wire import queues_of_other_end, unread_octets, until


def small(sock):
    """Little room in this socket, and so in the gateway's for it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    return sock


def at_once(sock):
    """What it sends leaves at once, not with the next acknowledgement."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def whole(sock):
    sock.settimeout(10)
    octets = b""
    while more := sock.recv(65536):
        octets += more
    return octets


class Turns:
    """Makes events while the gateway stands, and waits until it has done its work on them. `other`
    is a connection of which each turn has an event too: one alone makes no batch."""

    def __init__(self, gateway, other):
        (self.pid,) = gateway.workers()
        self.other = other

    def __call__(self, act):
        os.kill(self.pid, signal.SIGSTOP)
        until(lambda: self.all_are("T"), "the gateway's stop", 10, 0.0002)
        act()
        self.other.send(b"x")
        os.kill(self.pid, signal.SIGCONT)
        until(self.done, "the end of the gateway's work", 10, 0.0002)

    def done(self):
        return unread_octets(self.other) == 0 and self.all_are("S")

    def all_are(self, state):
        def state_of(thread):
            with open(f"/proc/{self.pid}/task/{thread}/stat", encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0]

        return all(state_of(thread) == state for thread in os.listdir(f"/proc/{self.pid}/task"))


class Relayed:
    """Of a stream route: the node has ended and reads nothing for a while."""

    piece = b"0123456789" * 150

    def __init__(self, proxy_port, listener):
        self.client = at_once(socket.create_connection(("127.0.0.1", proxy_port)))
        self.node, _ = listener.accept()
        self.node.shutdown(socket.SHUT_WR)

    def more(self):
        self.client.send(self.piece)

    def last(self):
        self.client.send(self.piece)
        self.client.shutdown(socket.SHUT_WR)

    def waiting(self):
        return queues_of_other_end(self.node)[1]

    def judge(self, pieces):
        assert whole(self.node) == self.piece * pieces


class Pipelined:
    """A client that sends requests and does not read the answers for a while."""

    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = b"HTTP/1.1 404 Not Found\r\n"
    body = b'{"error_msg":"404 Route Not Found"}\n'

    def __init__(self, port):
        self.client = at_once(small(socket.socket()))
        self.client.connect(("127.0.0.1", port))

    def more(self):
        self.client.send(self.request * 7)

    def last(self):
        self.client.send(self.request * 6 + self.request[:-2] + b"Connection: close\r\n\r\n")

    def waiting(self):
        return queues_of_other_end(self.client)[1]

    def judge(self, pieces):
        octets = whole(self.client)
        assert octets.count(self.answer) == octets.count(self.body) == 7 * pieces
        assert octets.endswith(self.body)


def pieces_that_fill(turn, session):
    """How many it takes until one is not taken whole by the gateway's socket."""
    before, usual = 0, 0
    for count in range(1, 140):
        turn(session.more)
        now = session.waiting()
        if count <= 20:  # the reader's own buffer takes some of the first ones
            usual = now - before
        elif now - before < usual:
            return count
        before = now
    raise AssertionError("the socket is never full")


def judge_around_the_full_socket(turn, begin):
    filled = pieces_that_fill(turn, begin())
    for pieces in range(filled - 2, filled + 3):
        session = begin()
        for _ in range(pieces - 1):
            turn(session.more)
        turn(session.last)
        session.judge(pieces)


def test_a_relayed_connection_that_ends_with_a_full_socket(own_pylon):
    port = free_port()
    stream = {"tcp": [{"addr": f"127.0.0.1:{port}"}]}
    gateway = own_pylon({"apisix": {"proxy_mode": "http&stream", "stream_proxy": stream}})
    with small(socket.socket()) as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()
        nodes = {f"127.0.0.1:{listener.getsockname()[1]}": 1}
        upstream = {"type": "roundrobin", "nodes": nodes}
        gateway.admin.put("/stream_routes/1", {"server_port": port, "upstream": upstream})
        other = Relayed(port, listener)
        turn = Turns(gateway, other.client)
        judge_around_the_full_socket(turn, lambda: Relayed(port, listener))


def test_the_last_answer_of_a_connection_with_a_full_socket(own_pylon):
    gateway = own_pylon()
    with socket.create_connection(("127.0.0.1", gateway.port)) as other:
        other.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        turn = Turns(gateway, at_once(other))
        judge_around_the_full_socket(turn, lambda: Pipelined(gateway.port))
