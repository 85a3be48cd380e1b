"""Free TCP ports below 32768, so that they never collide with ephemeral ones."""

import random
import socket

_given = set()
_random = random.SystemRandom()


def _is_free(port, address):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
    return True


def free_port():
    """A port nobody has on any address; each is given once."""
    while True:
        port = _random.randrange(20000, 32000)
        if port not in _given and _is_free(port, "0.0.0.0"):
            _given.add(port)
            return port
