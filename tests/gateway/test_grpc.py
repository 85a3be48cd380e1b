"""gRPC through the gateway, with real peers at both ends."""

from concurrent import futures

import grpc
import pytest

from harness.certs import Authority
from harness.h2 import Client, Upstream
from harness.http import get
from harness.ports import free_port
from harness.wire import until


WIDE = {"connect": 60, "send": 60, "read": 60}


def unary(request, context):
    context.set_trailing_metadata([("x-trailer", "t")])
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: é")
    seen = dict(context.invocation_metadata())
    return request + b"|" + seen.get("x-meta", "").encode()


def many(request, context):
    for number in range(int(request)):
        yield b"%d" % number
    if request == b"3":
        context.abort(grpc.StatusCode.DATA_LOSS, "half way")


def big(request, context):
    return b"x" * int(request)


def half(request, context):
    yield b"half"
    yield forever(request, context)


def collect(requests, context):
    return b",".join(requests)


def echo(requests, context):
    for request in requests:
        yield request


def forever(request, context):
    stopped = []
    context.add_callback(lambda: stopped.append(True))
    CANCELLED.append(stopped)
    until(lambda: stopped, "the cancellation", 20)
    return b""


CANCELLED = []


@pytest.fixture(scope="module")
def peer():
    server = grpc.server(futures.ThreadPoolExecutor(16))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
        "Forever": grpc.unary_unary_rpc_method_handler(forever),
        "Half": grpc.unary_stream_rpc_method_handler(half),
        "Big": grpc.unary_unary_rpc_method_handler(big),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t.T", handlers)])
    port = server.add_insecure_port("127.0.0.1:%d" % free_port())
    server.start()
    yield port
    server.stop(0)


@pytest.fixture(scope="module")
def tls_peer(tmp_path_factory):
    pair = Authority(tmp_path_factory.mktemp("certs")).issue("localhost", "127.0.0.1")
    server = grpc.server(futures.ThreadPoolExecutor(4))
    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t.T", handlers)])
    keys = grpc.ssl_server_credentials([(pair.key.encode(), pair.cert.encode())])
    port = server.add_secure_port("127.0.0.1:%d" % free_port(), keys)
    server.start()
    yield port
    server.stop(0)


@pytest.fixture
def channel(pylon, peer):
    upstream = {"scheme": "grpc", "nodes": {f"127.0.0.1:{peer}": 1}}
    pylon.admin.put("/routes/grpc", {"uri": "/t.T/*", "upstream": upstream})
    with grpc.insecure_channel(f"127.0.0.1:{pylon.port}") as made:
        yield made


def test_unary(channel):
    call = channel.unary_unary("/t.T/Unary")
    answer, done = call.with_call(b"hello", metadata=[("x-meta", "m")], timeout=5)
    assert answer == b"hello|m"
    assert dict(done.trailing_metadata())["x-trailer"] == "t"


def test_unary_over_tls(pylon, tls_peer):
    upstream = {"scheme": "grpcs", "nodes": {f"127.0.0.1:{tls_peer}": 1}}
    pylon.admin.put("/routes/grpcs", {"uri": "/t.T/*", "upstream": upstream})
    with grpc.insecure_channel(f"127.0.0.1:{pylon.port}") as channel:
        for _ in range(20):
            assert channel.unary_unary("/t.T/Unary")(b"x", timeout=5) == b"x|"


def test_large_messages(channel):
    call = channel.unary_unary("/t.T/Unary")
    message = b"x" * 3_000_000
    assert call(message, timeout=20) == message + b"|"


def test_error_with_message(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Unary")(b"fail", timeout=5)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.details() == "no: é"


def test_unknown_method_is_trailers_only(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Nope")(b"", timeout=5)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_server_stream(channel):
    answers = list(channel.unary_stream("/t.T/Many")(b"500", timeout=5))
    assert answers == [b"%d" % number for number in range(500)]


def test_server_stream_that_fails_half_way(channel):
    got = []
    with pytest.raises(grpc.RpcError) as error:
        for answer in channel.unary_stream("/t.T/Many")(b"3", timeout=5):
            got.append(answer)
    assert got == [b"0", b"1", b"2"]
    assert error.value.code() == grpc.StatusCode.DATA_LOSS


def test_client_stream(channel):
    messages = [b"%d" % number for number in range(300)]
    assert channel.stream_unary("/t.T/Collect")(iter(messages), timeout=5) == b",".join(messages)


def test_both_ways_in_turn(channel):
    answers = []

    def requests():
        for number in range(50):
            until(lambda: len(answers) == number, "the answer before", 5, 0.001)
            yield b"%d" % number

    for answer in channel.stream_stream("/t.T/Echo")(requests(), timeout=20):
        answers.append(answer)
    assert answers == [b"%d" % number for number in range(50)]


def test_many_calls_at_once(channel):
    call = channel.unary_unary("/t.T/Unary")
    pending = [call.future(b"%d" % number, timeout=20) for number in range(300)]
    assert [each.result() for each in pending] == [b"%d|" % number for number in range(300)]


def test_cancellation_reaches_the_peer(channel):
    CANCELLED.clear()
    pending = channel.unary_unary("/t.T/Forever").future(b"", timeout=20)
    until(lambda: CANCELLED, "the call", 5)
    pending.cancel()
    until(lambda: CANCELLED[0], "the cancellation", 5)


def test_deadline(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Forever")(b"", timeout=0.3)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_errors_of_the_gateway(pylon, peer):
    dead = {"scheme": "grpc", "nodes": {f"127.0.0.1:{free_port()}": 1}}
    pylon.admin.put("/routes/dead", {"uri": "/dead/*", "upstream": dead})
    keyed = {"uri": "/keyed/*", "upstream": dead, "plugins": {"key-auth": {}}}
    pylon.admin.put("/routes/keyed", keyed)
    with grpc.insecure_channel(f"127.0.0.1:{pylon.port}") as channel:
        for path, code in (
            ("/dead/X", grpc.StatusCode.UNAVAILABLE),
            ("/keyed/X", grpc.StatusCode.UNAUTHENTICATED),
            ("/nowhere/X", grpc.StatusCode.UNIMPLEMENTED),
        ):
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(path)(b"", timeout=5)
            assert error.value.code() == code, error.value


def test_frames_of_a_unary_call(pylon, channel):
    message = b"\0\0\0\0\2hi"
    answer = Client(pylon.port)
    more = [("content-type", "application/grpc"), ("te", "trailers")]
    stream = answer.ask("POST", "/t.T/Unary", more, end=False)
    answer.data(stream, message, end=True)
    got = answer.read(stream)
    assert got.body == b"\0\0\0\0\3hi|" and dict(got.trailers)["grpc-status"] == "0"


def test_the_gateway_ends_a_call_at_its_deadline(pylon, channel):
    """For clients that do not: the peer is told, and the status is DEADLINE_EXCEEDED."""
    CANCELLED.clear()
    client = Client(pylon.port)
    more = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "300m")]
    stream = client.ask("POST", "/t.T/Forever", more, end=False)
    client.data(stream, b"\0\0\0\0\0", end=True)
    answer = client.read(stream)
    assert answer.ended and dict(answer.head)["grpc-status"] == "4"
    until(lambda: CANCELLED[0], "the cancellation", 5)


def start(client, method, message, *more):
    """A call by hand, for clients that do what libraries do not."""
    head = [("content-type", "application/grpc"), ("te", "trailers"), *more]
    stream = client.ask("POST", f"/t.T/{method}", head, end=False)
    client.data(stream, b"\0" + len(message).to_bytes(4, "big") + message, end=True)
    return stream


def test_a_deadline_after_the_answer_has_begun(pylon, channel):
    """Is told in trailers, behind what came."""
    client = Client(pylon.port)
    answer = client.read(start(client, "Half", b"", ("grpc-timeout", "300m")))
    assert answer.body == b"\0\0\0\0\4half" and answer.ended
    assert dict(answer.trailers)["grpc-status"] == "4"


def test_clients_that_do_not_read_block_no_other(pylon, channel):
    """Though all of them share one connection to the upstream."""
    stalled = [Client(pylon.port) for _ in range(60)]
    streams = [start(client, "Big", b"1000000") for client in stalled]
    for client, stream in zip(stalled, streams):
        assert client.until(lambda: len(client.answer(stream).body) == 65535)
    call = channel.unary_unary("/t.T/Big")
    assert call(b"3000000", timeout=10) == b"x" * 3_000_000
    for client in stalled:
        client.close()


def test_an_upstream_that_is_gone_is_noticed(own_pylon):
    """Its connection stands, but not even a PING is answered: no call waits for its time-out."""
    gateway = own_pylon({"pylon": {"http2_ping": {"after": "200ms", "timeout": "300ms"}}}, 1)
    silent = Upstream(lambda peer, stream: None)
    route = {"uri": "/*", "upstream": silent.upstream(), "timeout": WIDE}
    gateway.admin.put("/routes/silent", route)
    client = Client(gateway.port)
    assert client.read(client.ask("POST", "/x")).status == 502
    series = b'pylon_http2_nuisances{peer="upstream",kind="silence",what="ended"} 1'
    metrics = "/apisix/prometheus/metrics"
    until(lambda: series in get(gateway.metrics_port, metrics).content, "the metric", 5, 0.2)
    client.close()
    silent.close()
