"""gRPC between grpcio and grpc-js, each at both ends of the gateway."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.grpc_peers import NodeClient, NodeServer, PythonClient, PythonServer
from harness.ports import free_port
from harness.wire import until

CLIENTS = {"grpcio": PythonClient, "grpc-js": NodeClient}
SERVERS = {"grpcio": PythonServer, "grpc-js": NodeServer}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory, module_pylon):
    made = SERVERS[request.param](tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture
def routed(pylon, server):
    upstream = {"scheme": "grpc", "nodes": {f"127.0.0.1:{server.port}": 1}}
    pylon.admin.put("/routes/grpc", {"uri": "/t.T/*", "upstream": upstream})
    return pylon


@pytest.fixture(params=CLIENTS)
def connect(request, pylon):
    made = []

    def make(**options):
        made.append(CLIENTS[request.param](pylon.port, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(routed, connect):
    return connect()


def numbers(count):
    return [b"%d" % number for number in range(count)]


def test_unary(client):
    got = client.call("unary", "/t.T/Unary", [b"hello"], deadline_ms=10_000)
    assert (got.code, got.messages) == ("OK", [b"hello|"])


def test_metadata(client):
    sent = [("x-t-a", "1"), ("x-t-a", "two, three"), ("x-t-b-bin", b"\0\xff\r\n"), ("x-u", "v")]
    got = client.call("unary", "/t.T/Unary", [b""], sent, deadline_ms=10_000)
    seen = ", ".join(got.of("x-t-a")[0])  # several lines and one with commas mean the same
    assert seen == "1, two, three"
    assert got.of("x-t-b-bin")[0] == [b"\0\xff\r\n"] and got.of("x-u") == ([], [])
    assert ", ".join(got.of("x-trailer")[1]) == "t, u"
    assert got.of("x-trailer-bin")[1] == [b"\0\xff\n"]


def test_a_refusal_is_trailers_only(client):
    got = client.call("unary", "/t.T/Refuse", [b""], deadline_ms=10_000)
    assert (got.code, got.details, got.messages) == ("FAILED_PRECONDITION", "no: é", [])
    assert ", ".join(got.of("x-trailer")[1]) == "t, u"
    got = client.call("unary", "/t.T/Nope", [b""], deadline_ms=10_000)
    assert got.code == "UNIMPLEMENTED"


def test_server_stream(client):
    got = client.call("server", "/t.T/Many", [b"500"], deadline_ms=20_000)
    assert (got.code, got.messages) == ("OK", numbers(500))
    got = client.call("server", "/t.T/Many", [b"3"], deadline_ms=20_000)
    assert (got.code, got.details, got.messages) == ("DATA_LOSS", "half way", numbers(3))


def test_client_stream(client):
    got = client.call("client", "/t.T/Collect", numbers(300), deadline_ms=20_000)
    assert (got.code, got.messages) == ("OK", [b",".join(numbers(300))])


def test_both_ways(client):
    got = client.call("both", "/t.T/Echo", numbers(50), deadline_ms=20_000, in_turn=True)
    assert (got.code, got.messages) == ("OK", numbers(50))
    got = client.call("both", "/t.T/Echo", numbers(3000), deadline_ms=30_000)
    assert (got.code, got.messages) == ("OK", numbers(3000))


@pytest.mark.parametrize("compress", [False, True])
def test_big_messages(routed, connect, compress):
    client = connect(compress=compress)
    message = b"0123456789abcdef" * 150_000
    got = client.call("unary", "/t.T/Unary", [message], deadline_ms=30_000)
    assert got.code == "OK" and got.messages == [message + b"|"]
    got = client.call("unary", "/t.T/Big", [b"5000000"], deadline_ms=30_000)
    assert got.code == "OK" and got.messages == [b"x" * 5_000_000]
    got = client.call("both", "/t.T/Echo", [message] * 3, deadline_ms=30_000)
    assert got.code == "OK" and got.messages == [message] * 3


def test_many_calls_at_once(client):
    with ThreadPoolExecutor(60) as pool:
        calls = [
            pool.submit(client.call, "unary", "/t.T/Unary", [b"%d" % n], deadline_ms=30_000)
            for n in range(300)
        ]
        assert [call.result().messages for call in calls] == [[b"%d|" % n] for n in range(300)]


def test_deadlines_of_the_client(client, server):
    before = server.cancelled
    got = client.call("unary", "/t.T/Forever", [b""], deadline_ms=300)
    assert got.code == "DEADLINE_EXCEEDED"
    got = client.call("server", "/t.T/Half", [b""], deadline_ms=300)
    assert (got.code, got.messages) == ("DEADLINE_EXCEEDED", [b"half"])
    until(lambda: server.cancelled == before + 2, "the end of both calls")


def test_cancellation_by_the_client(client, server):
    before = server.cancelled
    got = client.call("unary", "/t.T/Forever", [b""], cancel_ms=300)
    assert got.code == "CANCELLED"
    got = client.call("server", "/t.T/Half", [b""], cancel_after=1)
    assert got.code == "CANCELLED"
    until(lambda: server.cancelled == before + 2, "the end of both calls")


def test_pings_of_the_client(routed, connect):
    client = connect(ping_ms=50)
    got = client.call("unary", "/t.T/Forever", [b""], deadline_ms=1500)
    assert got.code == "DEADLINE_EXCEEDED"
    assert client.call("unary", "/t.T/Unary", [b"x"], deadline_ms=10_000).code == "OK"


def test_the_gateways_own_answers(pylon, connect):
    dead = {"scheme": "grpc", "nodes": {f"127.0.0.1:{free_port()}": 1}}
    pylon.admin.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    pylon.admin.put("/routes/dead", {"uri": "/dead/*", "upstream": dead})
    for name, plugins in {
        "keyed": {"key-auth": {}},
        "barred": {"ip-restriction": {"blacklist": ["0.0.0.0/0"]}},
        "counted": {"limit-count": {"count": 1, "time_window": 60, "rejected_code": 429}},
    }.items():
        route = {"uri": f"/{name}/*", "upstream": dead, "plugins": plugins}
        pylon.admin.put(f"/routes/{name}", route)
    client = connect()
    assert client.call("unary", "/dead/X", [b""], deadline_ms=10_000).code == "UNAVAILABLE"
    assert client.call("unary", "/keyed/X", [b""], deadline_ms=10_000).code == "UNAUTHENTICATED"
    assert client.call("both", "/keyed/X", [b"", b""], deadline_ms=10_000).code == "UNAUTHENTICATED"
    key = [("apikey", "k")]
    assert client.call("unary", "/keyed/X", [b""], key, deadline_ms=10_000).code == "UNAVAILABLE"
    assert client.call("unary", "/barred/X", [b""], deadline_ms=10_000).code == "PERMISSION_DENIED"
    assert client.call("unary", "/nowhere/X", [b""], deadline_ms=10_000).code == "UNIMPLEMENTED"
    for _ in range(2):
        got = client.call("unary", "/counted/X", [b""], deadline_ms=10_000)
        assert got.code == "UNAVAILABLE"


def test_an_upstream_that_is_started_anew(pylon, connect, tmp_path_factory):
    """It says GOAWAY while a call is under way: that call goes on, later ones find the next one."""
    first = PythonServer(None)
    upstream = {"scheme": "grpc", "nodes": {f"127.0.0.1:{first.port}": 1}}
    pylon.admin.put("/routes/anew", {"uri": "/t.T/*", "upstream": upstream})
    client = connect()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.call, "unary", "/t.T/Forever", [b""], deadline_ms=1500)
        until(lambda: first.begun, "the call")
        left = first.leave(10)
        second = PythonServer(None, first.port)
        got = client.call("unary", "/t.T/Unary", [b"x"], deadline_ms=10_000)
        assert (got.code, got.messages) == ("OK", [b"x|"])
        assert not call.done()
        assert call.result().code == "DEADLINE_EXCEEDED"
    left.wait(10)
    second.stop()
    third = PythonServer(None, first.port)
    for _ in range(5):
        got = client.call("unary", "/t.T/Unary", [b"x"], deadline_ms=10_000)
        assert (got.code, got.messages) == ("OK", [b"x|"])
    third.stop()
