"""A strict reader of HTTP/1.1 messages: whatever RFC 9112 does not allow raises Malformed.

It judges what the gateway sends, so it has no tolerance: bare LF, obs-fold, two lengths, lengths
beside Transfer-Encoding, blanks before a colon and control octets are all refused.
"""

import re

from harness.wire import WAIT_S

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Octets above 0x7f in a target are no URI (RFC 3986 2), but all servers read them in one way.
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: ([\t \x21-\x7e\x80-\xff]*))?")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t \x21-\x7e\x80-\xff]*)")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t \x21-\x7e\x80-\xff]*)?")
NO_BODY_STATUS = {204, 304}


class Malformed(AssertionError):
    """Octets that are not one unambiguous HTTP/1.1 message."""


class Truncated(AssertionError):
    """The stream ended before the message was complete."""


class Fields(list):
    """(name, value) in order, as bytes, names as sent."""

    def all(self, name):
        return [v for n, v in self if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def names(self):
        return [n.lower() for n, _ in self]


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Malformed(f"not a field line: {line!r}")
        fields.append((match[1], match[2].strip(b" \t")))
    return fields


def split_lines(block):
    """Lines of a head: every LF must follow a CR and the other way round."""
    lines = block.split(b"\r\n")
    for line in lines:
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise Malformed(f"bare CR, LF or NUL in {line!r}")
    return lines


def take_head(peer, wait_s=WAIT_S):
    """The octets of one head without its last CRLFs; None at a clean end of the stream."""
    while (stop := peer.buffer.find(b"\r\n\r\n")) < 0:
        if not peer.fill(wait_s):
            if peer.buffer:
                raise Truncated(f"head cut short by {peer.end}: {bytes(peer.buffer[-300:])!r}")
            return None
    return peer.take(stop + 4)[:-4]


class Body:
    """The octets of one body, decoded as they come."""

    def __init__(self, peer, kind, length=0):
        self.peer = peer
        self.kind = kind  # "none", "length", "chunked", "close"
        self.left = length
        self.state = "size"
        self.data = bytearray()  # decoded, not yet read
        self.chunks = []  # sizes as sent
        self.trailers = Fields()
        self.complete = kind == "none" or (kind == "length" and length == 0)

    def read(self, count, wait_s=WAIT_S):
        """Exactly count octets, as soon as they are there."""
        while len(self.data) < count:
            if self.complete:
                raise Truncated(f"body ended after {len(self.data)} of {count} octets")
            self._advance(wait_s)
        octets = bytes(self.data[:count])
        del self.data[:count]
        return octets

    def rest(self, wait_s=WAIT_S):
        """All that is left, until the body is complete."""
        while not self.complete:
            self._advance(wait_s)
        return self.read(len(self.data))

    def _advance(self, wait_s):
        if self._decode():
            return
        if not self.peer.fill(wait_s):
            if self.kind == "close" and self.peer.end == "fin":
                self.complete = True
                return
            raise Truncated(f"body cut short by {self.peer.end}: {len(self.data)} octets unread")

    def _decode(self):
        if not self.peer.buffer:
            return False
        if self.kind == "close":
            self.data += self.peer.take(len(self.peer.buffer))
            return True
        if self.kind == "length":
            self._copy()
            self.complete = self.left == 0
            return True
        return {"size": self._size, "data": self._data, "trailers": self._trailer}[self.state]()

    def _copy(self):
        octets = self.peer.take(min(self.left, len(self.peer.buffer)))
        self.left -= len(octets)
        self.data += octets

    def _line(self):
        stop = self.peer.buffer.find(b"\n")
        if stop < 0:
            return None
        line = self.peer.take(stop + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Malformed(f"bare CR or LF in a chunked body: {line!r}")
        return line[:-2]

    def _size(self):
        line = self._line()
        if line is None:
            return False
        match = CHUNK_SIZE.fullmatch(line)
        if not match:
            raise Malformed(f"not a chunk size: {line!r}")
        self.left = int(match[1], 16)
        self.state = "data" if self.left else "trailers"
        if self.left:
            self.chunks.append(self.left)
        return True

    def _data(self):
        self._copy()
        if self.left == 0:
            if len(self.peer.buffer) < 2:
                return False
            if self.peer.take(2) != b"\r\n":
                raise Malformed("no CRLF after the data of a chunk")
            self.state = "size"
        return True

    def _trailer(self):
        line = self._line()
        if line is None:
            return False
        if line:
            self.trailers += parse_fields([line])
        else:
            self.complete = True
        return True


class Message:
    """Head fields and the body behind them."""

    def __init__(self, peer, head):
        self.head = head
        self.lines = split_lines(head)
        self.fields = parse_fields(self.lines[1:])
        self.peer = peer
        self.content = None  # the whole body once read by read_content

    def get(self, name):
        return self.fields.get(name)

    def header(self, name):
        """The same for names and values of text."""
        value = self.get(name.encode())
        return value if value is None else value.decode()

    def all(self, name):
        return self.fields.all(name)

    def read_content(self, wait_s=WAIT_S):
        self.content = self.body.rest(wait_s)
        return self

    def _declared_length(self):
        lengths, codings = self.all(b"content-length"), self.all(b"transfer-encoding")
        if codings:
            if lengths:
                raise Malformed("both Content-Length and Transfer-Encoding")
            if [c.lower() for c in codings] != [b"chunked"]:
                raise Malformed(f"Transfer-Encoding {codings!r}")
            return "chunked", 0
        if not lengths:
            return None, 0
        if len(lengths) > 1 or not re.fullmatch(rb"\d{1,19}", lengths[0]):
            raise Malformed(f"Content-Length {lengths!r}")
        return "length", int(lengths[0])


class Request(Message):
    def __init__(self, peer, head):
        super().__init__(peer, head)
        match = REQUEST_LINE.fullmatch(self.lines[0])
        if not match:
            raise Malformed(f"not a request line: {self.lines[0]!r}")
        self.method, self.target, self.minor = match[1], match[2], int(match[3])
        hosts = len(self.all(b"host"))
        if hosts > 1 or (hosts == 0 and self.minor == 1):
            raise Malformed(f"{hosts} Host fields")
        kind, length = self._declared_length()
        if kind == "chunked" and self.minor == 0:
            raise Malformed("Transfer-Encoding in HTTP/1.0")
        self.body = Body(peer, kind or "none", length)


class Response(Message):
    def __init__(self, peer, head, method=b"GET"):
        super().__init__(peer, head)
        match = STATUS_LINE.fullmatch(self.lines[0])
        if not match:
            raise Malformed(f"not a status line: {self.lines[0]!r}")
        self.minor, self.status, self.reason = int(match[1]), int(match[2]), match[3]
        self.interim = []
        kind, length = self._declared_length()
        if self.status < 200 or self.status == 204:
            if kind:
                raise Malformed(f"{self.status} with a declared length")  # RFC 9110 8.6, 9112 6.1
        if self.status < 200 or method == b"HEAD" or self.status in NO_BODY_STATUS:
            kind, length = "none", 0
        self.body = Body(peer, kind or "close", length)

    @property
    def closes(self):
        """Whether the connection ends after this response (RFC 9112 9.3)."""
        options = b",".join(self.all(b"connection")).lower()
        if b"close" in options or self.body.kind == "close":
            return True
        return self.minor == 0 and b"keep-alive" not in options


def read_request(peer, wait_s=WAIT_S):
    """The head of the next request; its body is left to `request.body`. None at the end."""
    head = take_head(peer, wait_s)
    return Request(peer, head) if head is not None else None


def read_response(peer, method=b"GET", wait_s=WAIT_S):
    """The head of the next final response, interim ones kept in `.interim`."""
    interim = []
    while True:
        head = take_head(peer, wait_s)
        if head is None:
            raise Truncated(f"connection ended ({peer.end}) without a response")
        response = Response(peer, head, method)
        if response.status >= 200 or response.status == 101:
            response.interim = interim
            return response
        interim.append(response)
