"""One TCP connection as octets. Every wait has a deadline and a condition; nothing sleeps."""

import os
import select
import socket
import struct
import time

WAIT_S = float(os.environ.get("PYLON_TEST_WAIT", "5"))


class Stalled(AssertionError):
    """The awaited event did not come within the deadline."""


def until(condition, what, wait_s=WAIT_S, step_s=0.005):
    """Returns the first true value of condition(); fails when it does not come in time."""
    deadline = time.monotonic() + wait_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Stalled(f"{what} did not come within {wait_s} s")
        select.select([], [], [], step_s)


class Peer:
    """Octets received stay in `buffer` until a parser takes them; `log` keeps all of them."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.buffer = bytearray()
        self.log = bytearray()
        self.end = None  # None while open, then "fin" or "rst" by the other side, or "closed" by us

    def send(self, octets, wait_s=WAIT_S):
        self.sock.settimeout(wait_s)
        self.sock.sendall(octets)

    def try_send(self, octets):
        """False when the other side no longer takes them."""
        try:
            self.send(octets)
            return True
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return False

    def send_in_pieces(self, octets, size=1):
        """Each piece is read by the other side before the next one leaves."""
        for start in range(0, len(octets), size):
            self.send(octets[start : start + size])
            self.await_taken()

    def await_taken(self, wait_s=WAIT_S):
        """Until the process at the other end has read all that was sent."""
        until(
            lambda: unread_octets(self.sock) in (0, None),
            "the reading of sent octets",
            wait_s,
            0.001,
        )

    def send_while_taken(self, octets, quiet_s=0.5):
        """Sends as much as the other side takes; stops when it takes nothing for quiet_s."""
        self.sock.setblocking(False)
        room = select.poll()  # select() knows 1,024 descriptors only
        room.register(self.sock, select.POLLOUT)
        sent = 0
        while sent < len(octets):
            if not room.poll(quiet_s * 1000):
                break
            try:
                sent += self.sock.send(octets[sent : sent + 262144])
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        return sent

    def fill(self, wait_s=WAIT_S):
        """Receives once. False at the end of the stream, and `end` says which end."""
        if self.end:
            return False
        self.sock.settimeout(wait_s)
        try:
            octets = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            self.end = "rst"
            return False
        except TimeoutError:
            raise Stalled(
                f"no octets within {wait_s} s; so far {bytes(self.log[-300:])!r}"
            ) from None
        if not octets:
            self.end = "fin"
            return False
        self.buffer += octets
        self.log += octets
        return True

    def take(self, count):
        octets = bytes(self.buffer[:count])
        del self.buffer[:count]
        return octets

    def await_end(self, wait_s=WAIT_S):
        """Until the other side closed; answers "fin" or "rst"."""
        while self.fill(wait_s):
            pass
        return self.end

    def await_more(self, wait_s=WAIT_S):
        """True when at least one octet is there, False at the end."""
        return bool(self.buffer) or self.fill(wait_s)

    def is_quiet(self, wait_s=0.3):
        """True when nothing at all, not even the end, arrives within wait_s."""
        return not self.buffer and not select.select([self.sock], [], [], wait_s)[0]

    def finish_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.sock.close()
        self.end = self.end or "closed"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(address, port, wait_s=WAIT_S, receive_buffer=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(wait_s)
    sock.connect((address, port))
    return Peer(sock)


def unread_octets(sock):
    """Octets the kernel holds for the process at the other end of a loopback connection, or None
    when that end is gone."""
    queues = queues_of_other_end(sock)
    return None if queues is None else queues[0]


def queues_of_other_end(sock):
    """What the other end of a loopback connection has not read, and what it has written that this
    end has no room for; None when it is gone: one INET_DIAG question about exactly that socket."""
    local, remote = sock.getsockname(), sock.getpeername()
    family = sock.family
    message = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    message += struct.pack("!HH", remote[1], local[1])
    message += socket.inet_pton(family, remote[0]).ljust(16, b"\0")
    message += socket.inet_pton(family, local[0]).ljust(16, b"\0")
    message += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    header = struct.pack("=IHHII", 16 + len(message), 20, 1, 0, 0)  # SOCK_DIAG_BY_FAMILY
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:  # NETLINK_SOCK_DIAG
        diag.settimeout(WAIT_S)
        diag.send(header + message)
        answer = diag.recv(65536)
    if struct.unpack_from("=H", answer, 4)[0] != 20:
        return None
    return struct.unpack_from("=II", answer, 16 + 56)
