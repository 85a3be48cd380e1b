"""A name server for tests: UDP, answers from a table that the test changes."""

import socket
import struct
import threading

from harness.ports import free_port

A, AAAA = 1, 28


class NameServer:
    """`names` maps a name to (ttl, [addresses]); a missing name is NXDOMAIN, None is silence."""

    def __init__(self, address="127.0.0.1"):
        self.names = {}
        self.asked = []  # (name, type)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, free_port()))
        self.address, self.port = self.sock.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, client = self.sock.recvfrom(2048)
            except OSError:
                return
            answer = self._answer(query)
            if answer:
                self.sock.sendto(answer, client)

    def _answer(self, query):
        name, end = self._question(query)
        kind = struct.unpack_from("!H", query, end)[0]
        self.asked.append((name, kind))
        known = self.names.get(name, (0, []))
        if known is None:
            return None
        ttl, addresses = known
        records = b""
        count = 0
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if (kind == AAAA) != (family == socket.AF_INET6):
                continue
            data = socket.inet_pton(family, address)
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data
            count += 1
        code = 0 if name in self.names else 3
        head = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, count, 0, 0)
        return head + query[12 : end + 4] + records

    @staticmethod
    def _question(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        return ".".join(labels).lower(), at + 1

    def close(self):
        self.sock.close()
