"""A TLS 1.3 client that sends what it likes: hellos in any shape, and after its handshake records
that it seals itself, with the key that Python's ssl module tells."""

import hashlib
import hmac
import socket
import ssl
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLOSE_NOTIFY = b"\x01\x00"
KEY_UPDATE = b"\x18\x00\x00\x01"


def record(kind, body, version=0x0303):
    return struct.pack("!BHH", kind, version, len(body)) + body


class RawClient:
    """`keys`: a path for the ssl module's key log. Until shake() nothing has been sent."""

    def __init__(self, port, name, keys, alpn=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.keys = keys
        context = ssl._create_unverified_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.keylog_filename = str(keys)
        if alpn:
            context.set_alpn_protocols([alpn])
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.sequence = 0
        try:
            self.ssl.do_handshake()
        except ssl.SSLWantReadError:
            self.hello = self.outgoing.read()

    def send(self, octets):
        """False: the other side takes no more."""
        try:
            self.sock.sendall(octets)
            return True
        except OSError:
            return False

    def _receive(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise ConnectionError("the gateway closed")
        self.incoming.write(octets)

    def shake(self, hello=None, behind_hello=b""):
        """The handshake, with its hello sent by hello(octets). True when it comes to its end."""
        (hello or self.send)(self.hello)
        self.send(behind_hello)
        while True:
            try:
                self.ssl.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.send(self.outgoing.read())
                self._receive()
        self.send(self.outgoing.read())
        lines = self.keys.read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")]
        self._start(bytes.fromhex(line.split()[2]))
        return True

    # ---- records of our own

    def _start(self, secret):
        name = self.ssl.cipher()[0]
        self.digest = hashlib.sha384 if name.endswith("SHA384") else hashlib.sha256
        self.secret, self.sequence = secret, 0
        key = self._expand(b"key", 16 if "AES_128" in name else 32)
        self.iv = self._expand(b"iv", 12)
        self.cipher = (ChaCha20Poly1305 if "CHACHA" in name else AESGCM)(key)

    def _expand(self, label, size):
        info = struct.pack("!HB", size, 6 + len(label)) + b"tls13 " + label + b"\0\1"
        return hmac.digest(self.secret, info, self.digest)[:size]

    def renew(self):
        self._start(self._expand(b"traffic upd", self.digest().digest_size))

    def seal(self, kind, content, padding=0):
        inner = content + bytes([kind]) + bytes(padding)
        head = struct.pack("!BHH", DATA, 0x0303, len(inner) + 16)
        nonce = bytes(a ^ b for a, b in zip(self.iv, self.sequence.to_bytes(12, "big")))
        self.sequence += 1
        return head + self.cipher.encrypt(nonce, inner, head)

    def seal_update(self, asks=0):
        octets = self.seal(HANDSHAKE, KEY_UPDATE + bytes([asks]))
        self.renew()
        return octets

    def read(self):
        """What the gateway says next; b"" after its close_notify. Raises ssl.SSLError with its
        alert, OSError when it just closes."""
        while True:
            try:
                return self.ssl.read(65536)
            except ssl.SSLWantReadError:
                self._receive()

    def answer(self):
        """The status of an answer."""
        octets = b""
        while b"\r\n\r\n" not in octets:
            part = self.read()
            if not part:
                raise ConnectionError("the gateway ended in an answer's head")
            octets += part
        return int(octets.split(b" ", 2)[1])

    def refusal(self):
        """The gateway's alert, or "closed"."""
        try:
            while self.read():
                pass
            return "close notify"
        except ssl.SSLError as error:
            return error.reason.lower().replace("_", " ")
        except OSError:
            return "closed"

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
