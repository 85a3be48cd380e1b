"""Many connections that all do the same thing, and what they cost the gateway."""

import contextlib
import resource
import socket
import ssl

from harness.process import open_descriptors, resident_kib
from harness.wire import connect, until


def allow_descriptors(count):
    """This process may open so many; answers what it really may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, max(soft, count)) if hard != resource.RLIM_INFINITY else max(soft, count)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Crowd:
    """`count` connections to 127.0.0.1:port, each sent `octets`."""

    def __init__(self, port, count, octets=b"", receive_buffer=None):
        allow_descriptors(count * 3 + 200)
        self.peers = []
        for _ in range(count):
            peer = connect("127.0.0.1", port, receive_buffer=receive_buffer)
            if octets:
                peer.send(octets)
            self.peers.append(peer)

    def await_taken(self):
        for peer in self.peers:
            peer.await_taken(30)

    def send(self, octets):
        for peer in self.peers:
            peer.try_send(octets)

    def close(self):
        for peer in self.peers:
            peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class TlsCrowd:
    """`count` TLS connections to 127.0.0.1:port by that name, their handshakes done."""

    def __init__(self, port, count, name):
        allow_descriptors(count * 3 + 200)
        context = ssl._create_unverified_context()
        self.peers = []
        for _ in range(count):
            plain = socket.create_connection(("127.0.0.1", port))
            self.peers.append(context.wrap_socket(plain, server_hostname=name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.close()


def client_hello(name):
    """What a TLS client sends first."""
    to_send = ssl.MemoryBIO()
    client = ssl._create_unverified_context().wrap_bio(ssl.MemoryBIO(), to_send, False, name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return to_send.read()


class Cost:
    """Growth of resident memory and descriptors of a gateway since construction."""

    def __init__(self, pylon):
        self.pylon = pylon
        self.memory_kib = resident_kib(pylon.pids())
        self.descriptors = open_descriptors(pylon.pids())

    def grown_kib(self):
        return resident_kib(self.pylon.pids()) - self.memory_kib

    def await_descriptors(self, slack=8):
        """Until as many are open as at the beginning, more or less."""
        until(
            lambda: open_descriptors(self.pylon.pids()) <= self.descriptors + slack,
            "the close of descriptors",
            15,
            0.05,
        )
