"""A client that speaks HTTP/2 frame by frame, well or badly."""

import socket
import ssl
import struct
import threading
import time

from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIO = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION = range(10)
CALM = 11


def frame(kind, flags, stream, payload=b""):
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def setting(number, value):
    return struct.pack(">HI", number, value)


def u32(value):
    return struct.pack(">I", value)


class Answer:
    def __init__(self):
        self.heads, self.body, self.ended, self.reset = [], b"", False, None

    @property
    def head(self):
        return dict(self.heads[-1] if len(self.heads) == 1 else self.final)

    @property
    def final(self):
        return next(h for h in self.heads if h[0][0] == ":status" and h[0][1] >= "200")

    @property
    def status(self):
        return int(dict(self.final)[":status"])

    @property
    def trailers(self):
        return self.heads[-1] if self.heads[-1] and self.heads[-1][0][0] != ":status" else None

    @property
    def over(self):
        return self.ended or self.reset is not None


class Client:
    def __init__(self, port, settings=b"", tls=None, greet=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        if tls is not None:
            context = ssl._create_unverified_context()
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname=tls)
        self._begin()
        self.authority = f"127.0.0.1:{port}"
        self.next = 1
        if greet:
            self.send(PREFACE, frame(SETTINGS, 0, 0, settings))

    def _begin(self):
        self.encoder, self.decoder = Encoder(), Decoder()
        self.answers, self.frames = {}, []
        self.goaway, self.closed = None, False
        self.pending = b""
        self.block = None

    def send(self, *parts):
        try:
            self.socket.sendall(b"".join(parts))
        except OSError:
            self.closed = True

    def close(self):
        self.socket.close()

    def fields(self, method="GET", path="/", more=(), **changed):
        pairs = {
            ":method": method,
            ":scheme": "http",
            ":authority": self.authority,
            ":path": path,
        }
        pairs.update({":" + name: value for name, value in changed.items()})
        return [(n, v) for n, v in pairs.items() if v is not None] + list(more)

    def head(self, stream, fields, end=True):
        flags = END_HEADERS | (END_STREAM if end else 0)
        return frame(HEADERS, flags, stream, self.encoder.encode(fields, huffman=False))

    def ask(self, method="GET", path="/", more=(), end=True, **changed):
        """Sends a request; returns its stream's number."""
        stream, self.next = self.next, self.next + 2
        self.send(self.head(stream, self.fields(method, path, more, **changed), end))
        return stream

    def data(self, stream, octets, end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, octets))

    def open_window(self, stream, octets):
        self.send(frame(WINDOW, 0, stream, u32(octets)))

    # ---- what comes

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def _take(self, kind, flags, stream, payload):
        self.frames.append((kind, flags, stream, payload))
        if kind == HEADERS:
            self.block = (stream, flags, payload)
        elif kind == CONTINUATION:
            self.block = (self.block[0], self.block[1] | flags, self.block[2] + payload)
        if kind in (HEADERS, CONTINUATION) and flags & END_HEADERS:
            stream, flags, block = self.block
            answer = self.answer(stream)
            answer.heads.append([tuple(pair) for pair in self.decoder.decode(block)])
            answer.ended |= bool(flags & END_STREAM)
        if kind == DATA:
            answer = self.answer(stream)
            answer.body += payload
            answer.ended |= bool(flags & END_STREAM)
        elif kind == RST:
            self.answer(stream).reset = struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">II", payload[:8])
        elif kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))

    def step(self, patience=5):
        """Takes one frame. False when the connection is over or nothing came."""
        deadline = time.monotonic() + patience
        while True:
            if len(self.pending) >= 9:
                length = int.from_bytes(self.pending[:3], "big")
                if len(self.pending) >= 9 + length:
                    kind, flags = self.pending[3], self.pending[4]
                    stream = struct.unpack(">I", self.pending[5:9])[0] & 0x7FFFFFFF
                    payload = self.pending[9 : 9 + length]
                    self.pending = self.pending[9 + length :]
                    self._take(kind, flags, stream, payload)
                    return True
            left = deadline - time.monotonic()
            if left <= 0 or self.closed:
                return False
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                return False
            except OSError:
                more = b""
            if not more:
                self.closed = True
            self.pending += more

    def until(self, condition, patience=5):
        while not condition():
            if not self.step(patience):
                return condition()
        return True

    def read(self, stream, patience=5):
        """The answer of a stream, complete or reset."""
        answer = self.answer(stream)
        self.until(lambda: answer.over or self.closed, patience)
        return answer

    def saw(self, kind, flags=0):
        return any(k == kind and f & flags == flags for k, f, _, _ in self.frames)

    def ping(self, patience=5):
        """Whether the connection is alive."""
        self.send(frame(PING, 0, 0, b"are you "))
        return self.until(lambda: self.saw(PING, ACK) or self.closed, patience) and not self.closed

    # ---- how a fault ends

    def connection_error(self, patience=5):
        """The code of the GOAWAY (None without one), once the connection is closed."""
        self.until(lambda: self.closed, patience)
        return (self.goaway[1] if self.goaway else None) if self.closed else "still open"

    def stream_error(self, stream, patience=5):
        answer = self.answer(stream)
        self.until(lambda: answer.reset is not None or self.closed, patience)
        if answer.reset is not None:
            return answer.reset
        return self.goaway[1] if self.goaway else None


class ServerSide(Client):
    """The other end of a connection, of which `answers` are the requests."""

    def __init__(self, accepted, settings=b""):
        self.socket = accepted
        self._begin()
        accepted.settimeout(20)
        while len(self.pending) < len(PREFACE):
            octets = accepted.recv(len(PREFACE) - len(self.pending))
            if not octets:
                self.closed = True
                return
            self.pending += octets
        assert self.pending == PREFACE
        self.pending = b""
        self.send(frame(SETTINGS, 0, 0, settings))


class Upstream:
    """An HTTP/2 server. `answer(peer, stream)` is called for each request: once it is complete, or
    when its head is there if `early`. `requests` holds them in order, as Answers."""

    def __init__(self, answer, settings=b"", early=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer, self.settings, self.early = answer, settings, early
        self.requests = []
        threading.Thread(target=self._accept, daemon=True).start()

    def upstream(self, **more):
        return {"scheme": "grpc", "nodes": {f"127.0.0.1:{self.port}": 1}, "retries": 0, **more}

    def _accept(self):
        while True:
            try:
                accepted = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        peer, done = ServerSide(accepted, self.settings), set()
        while not peer.closed and peer.step(20):
            for stream, request in list(peer.answers.items()):
                ready = request.ended or (self.early and request.heads)
                if stream and ready and stream not in done:
                    done.add(stream)
                    self.requests.append(request)
                    self.answer(peer, stream)
        peer.close()

    def close(self):
        self.listener.close()
