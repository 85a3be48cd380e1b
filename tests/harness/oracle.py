"""Another reader of HTTP/1.1: python's h11. What the gateway makes of octets is held against it."""

import re

import h11

# RFC 9112 5.1: a proxy removes blanks before the colon of a response; h11 refuses them.
BLANK_BEFORE_COLON = re.compile(rb"(?m)^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]+:")


def requests_of(octets):
    """[(method, target, body)] that h11 reads from a client's octets, up to the first fault."""
    found = []
    while octets:
        request, octets = _first_request(octets)
        if request is None:
            break
        found.append(request)
    return found


def _first_request(octets):
    """The first request and what is behind it. Empty lines before it are skipped (RFC 9112 2.2)."""
    while octets.startswith(b"\r\n"):
        octets = octets[2:]
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(octets)
    body = b""
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            return None, b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None, b""
            body += bytes(event.data)
    except h11.ProtocolError:
        return None, b""
    behind = b"" if connection.their_state is h11.MUST_CLOSE else connection.trailing_data[0]
    return (request.method, request.target, body), behind


def response_of(octets, ended):
    """(status, body) that h11 reads from an upstream's octets; None when it finds a fault or no
    end of the message."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    head, end, behind = octets.partition(b"\r\n\r\n")
    connection.receive_data(BLANK_BEFORE_COLON.sub(rb"\1:", head) + end + behind)
    status, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA and ended:
                ended = False
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.ProtocolError:
        return None
