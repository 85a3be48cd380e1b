"""What is told of TCP connections and UDP sessions: access log, metrics, the plugin syslog. APISIX
docs: stream-proxy, syslog; RFC 5424."""

import json
import re
import shutil
import socket
import ssl
import threading

import pytest

from harness import http
from harness.certs import Authority
from harness.ports import free_port
from harness.process import Process
from harness.wire import until

PATIENCE_S = 10


class EchoNode:
    """Returns what comes, by TCP and by UDP, on one port."""

    def __init__(self):
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", self.port))
        for run in (self._accept, self._answer):
            threading.Thread(target=run, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _serve(sock):
        with sock:
            while octets := sock.recv(65536):
                sock.sendall(octets)

    def _answer(self):
        while True:
            try:
                octets, peer = self.datagrams.recvfrom(2048)
            except OSError:
                return
            self.datagrams.sendto(octets, peer)

    def upstream(self, **more):
        return {"type": "roundrobin", "nodes": {f"127.0.0.1:{self.port}": 1}, **more}

    def close(self):
        self.listener.close()
        self.datagrams.close()


class LogServer:
    """Keeps the lines that come, by TCP (or TLS) and by UDP."""

    def __init__(self, certificate=None):
        self.port, self.lines, self.connections = free_port(), [], 0
        self.context = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate.cert_path, certificate.key_path)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._take, daemon=True).start()
        self.listener = None
        self.open()

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _take(self):
        while True:
            try:
                octets = self.datagrams.recv(65536)
            except OSError:
                return
            self.lines += octets.decode().splitlines()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        if self.context is not None:
            sock = self.context.wrap_socket(sock, server_side=True)
        with sock:
            for line in sock.makefile("r"):
                self.lines.append(line.rstrip("\n"))

    def shut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self):
        self.shut()
        self.datagrams.close()


@pytest.fixture(scope="module")
def node():
    made = EchoNode()
    yield made
    made.close()


@pytest.fixture
def server():
    made = LogServer()
    yield made
    made.close()


@pytest.fixture
def ports():
    return free_port(), free_port()


@pytest.fixture
def make(own_pylon, ports):
    def make(nginx=None, workers=1, **more):
        stream = {"tcp": [f"127.0.0.1:{ports[0]}"], "udp": [f"127.0.0.1:{ports[1]}"]}
        config = {"apisix": {"proxy_mode": "http&stream", "stream_proxy": stream}, **more}
        if nginx:
            config["nginx_config"] = {"stream": nginx}
        return own_pylon(config, workers=workers)

    return make


def connect(port):
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def talk(port, octets=b"12345"):
    with connect(port) as sock:
        sock.sendall(octets)
        got = b""
        try:
            while len(got) < len(octets) and (part := sock.recv(100)):
                got += part
        except ConnectionResetError:
            pass  # closed before it was read from
        return got


def talk_udp(port, octets=b"1234567"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(("127.0.0.1", port))
        sock.send(octets)
        return sock.recv(100)


# ---- access log


def lines(gateway, count, name="access_stream.log"):
    def whole():
        found = gateway.read_log(name).splitlines()
        return found if len(found) >= count else None

    return until(whole, f"{count} lines", PATIENCE_S)


def test_sessions_are_logged(make, ports, node):
    gateway = make({"enable_access_log": True})
    brief = {"timeout": {"connect": 1, "send": 1, "read": 0.5}}
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream(**brief)})
    assert talk(ports[0]) == b"12345"
    assert talk_udp(ports[1]) == b"1234567"
    form = r"127\.0\.0\.1 \[[^\]]+ [+-]\d{4}\] (TCP|UDP) (\d{3}) (\d+) (\d+) \d+\.\d{3}"
    seen = [re.fullmatch(form, line) for line in lines(gateway, 2)]
    assert all(seen)
    assert {match.groups() for match in seen} == {
        ("TCP", "200", "5", "5"),
        ("UDP", "200", "7", "7"),
    }


def test_sessions_that_reach_no_node_are_logged(make, ports):
    gateway = make({"enable_access_log": True, "access_log_format": "$protocol $status"})
    assert talk(ports[0]) == b""
    dead = {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1}}
    gateway.admin.put("/stream_routes/1", {"upstream": dead})
    assert talk(ports[0]) == b""
    closed = {"ip-restriction": {"blacklist": ["127.0.0.0/8"]}}
    gateway.admin.put("/stream_routes/1", {"plugins": closed, "upstream": dead})
    assert talk(ports[0]) == b""
    assert lines(gateway, 3) == ["TCP 500", "TCP 502", "TCP 403"]


def test_the_log_is_off_unless_asked_for(make, ports, node):
    gateway = make()
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream()})
    assert talk(ports[0]) == b"12345"
    assert gateway.read_log("access_stream.log") == ""


def test_file_format_and_escape_are_chosen(make, ports, node):
    gateway = make(
        {
            "enable_access_log": True,
            "access_log": "logs/other.log",
            "access_log_format": '{"node":"$upstream_addr","port":"$server_port","x":"$no_such"}',
            "access_log_format_escape": "json",
        }
    )
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream()})
    assert talk(ports[0]) == b"12345"
    (line,) = lines(gateway, 1, "other.log")
    expected = {"node": f"127.0.0.1:{node.port}", "port": str(ports[0]), "x": ""}
    assert json.loads(line) == expected


# ---- metrics


def metrics(gateway):
    page = http.get(gateway.metrics_port, "/apisix/prometheus/metrics").content.decode()
    return dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))


def await_metric(gateway, series, value):
    until(lambda: metrics(gateway).get(series) == value, f"{series} {value}", PATIENCE_S)


def test_sessions_under_way_and_their_outcomes_are_metrics(make, ports, node):
    gateway = make(stream_plugins=["prometheus", "ip-restriction"])
    gateway.admin.put("/stream_routes/1", {"upstream": node.upstream()})
    active = f'apisix_stream_active_connections{{listen_addr="127.0.0.1:{ports[0]}"}}'
    socks = [connect(ports[0]) for _ in range(3)]
    assert talk_udp(ports[1]) == b"1234567"
    await_metric(gateway, active, "3")
    await_metric(gateway, 'pylon_stream_sessions{transport="TCP"}', "3")
    await_metric(gateway, 'pylon_stream_sessions{transport="UDP"}', "1")
    for sock in socks:
        sock.close()
    await_metric(gateway, active, "0")
    gateway.admin.delete("/stream_routes/1")
    assert talk(ports[0]) == b""
    outcomes = 'pylon_stream_sessions_total{{transport="TCP",outcome="{}"}}'.format
    await_metric(gateway, outcomes("accepted"), "4")
    await_metric(gateway, outcomes("unmatched"), "1")


# ---- syslog


FORMAT = {"client": "$remote_addr", "protocol": "$protocol", "got": "$bytes_received"}
FORM = re.compile(r"<46>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z - apisix \d+ - - (\{.*\})")


def syslog_route(node, port, **more):
    conf = {"host": "127.0.0.1", "port": port, "batch_max_size": 1, "log_format": FORMAT, **more}
    return {"plugins": {"syslog": conf}, "upstream": node.upstream()}


def told(server, count):
    until(lambda: len(server.lines) >= count, f"{count} messages", PATIENCE_S)
    return [json.loads(FORM.fullmatch(line).group(1)) for line in server.lines]


@pytest.mark.parametrize("sock_type", ["tcp", "udp"])
def test_a_message_for_each_session(make, ports, node, server, sock_type):
    gateway = make()
    gateway.admin.put("/stream_routes/1", syslog_route(node, server.port, sock_type=sock_type))
    for length in (1, 2, 3):
        talk(ports[0], b"x" * length)
    common = {"client": "127.0.0.1", "protocol": "TCP", "route_id": "1"}
    messages = sorted(told(server, 3), key=lambda each: each["got"])  # workers send apart
    assert messages == [{**common, "got": str(length)} for length in (1, 2, 3)]
    if sock_type == "tcp":
        assert server.connections == 1


def test_messages_within_tls(make, ports, node, tmp_path):
    server = LogServer(Authority(tmp_path).issue("127.0.0.1"))
    gateway = make()
    gateway.admin.put("/stream_routes/1", syslog_route(node, server.port, tls=True))
    talk(ports[0])
    assert told(server, 1)[0]["got"] == "5"
    server.close()


def test_messages_wait_for_a_batch(make, ports, node, server):
    gateway = make()
    route = syslog_route(node, server.port, batch_max_size=3, inactive_timeout=60)
    gateway.admin.put("/stream_routes/1", route)
    talk(ports[0])
    talk(ports[0])
    assert server.lines == []
    talk(ports[0])
    assert len(told(server, 3)) == 3
    gateway.admin.put("/stream_routes/1", syslog_route(node, server.port, inactive_timeout=1))
    talk(ports[0])
    assert len(told(server, 4)) == 4


def test_the_format_may_stand_in_the_metadata(make, ports, node, server):
    gateway = make()
    route = syslog_route(node, server.port)
    del route["plugins"]["syslog"]["log_format"]
    gateway.admin.put("/stream_routes/1", route)
    talk(ports[0])
    unset = "syslog's log_format is not set"
    until(lambda: unset in gateway.read_log("error.log"), "the complaint")
    gateway.admin.put("/plugin_metadata/syslog", {"log_format": {"of": "$server_port"}})
    talk(ports[0])
    assert told(server, 1) == [{"of": str(ports[0]), "route_id": "1"}]


def test_a_server_that_comes_back_gets_what_was_tried_again(make, ports, node, server):
    gateway = make()
    server.shut()
    route = syslog_route(node, server.port, max_retry_count=50, retry_delay=1)
    gateway.admin.put("/stream_routes/1", route)
    talk(ports[0])
    server.open()
    assert len(told(server, 1)) == 1


def test_without_a_server_messages_are_lost_and_counted(make, ports, node):
    gateway = make()
    gateway.admin.put("/stream_routes/1", syslog_route(node, free_port()))
    assert talk(ports[0]) == b"12345"
    await_metric(gateway, 'pylon_log_messages_total{outcome="dropped"}', "1")
    assert "messages to 127.0.0.1" in gateway.read_log("error.log")


def test_the_end_of_the_process_sends_what_waits(make, ports, node, server):
    gateway = make()
    route = syslog_route(node, server.port, batch_max_size=1000, inactive_timeout=600)
    gateway.admin.put("/stream_routes/1", route)
    talk(ports[0])
    gateway.stop()
    assert len(told(server, 1)) == 1


def test_rsyslog_understands_it(make, ports, node, tmp_path):
    binary = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    port = free_port()
    path = tmp_path / "rsyslog.conf"
    path.write_text(
        f"""
module(load="imtcp")
template(name="parts" type="string" string="%pri%|%app-name%|%msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{tmp_path}/received" template="parts") }}
"""
    )
    command = [binary, "-n", "-f", str(path), "-i", str(tmp_path / "pid")]
    process = Process(command, tmp_path)
    process.await_port(port)
    gateway = make()
    gateway.admin.put("/stream_routes/1", syslog_route(node, port))
    talk(ports[0])
    received = tmp_path / "received"
    until(lambda: received.exists() and received.read_text().endswith("\n"), "the message", 10)
    pri, app, message = received.read_text().strip().split("|")
    assert (pri, app) == ("46", "apisix")
    assert json.loads(message)["got"] == "5"
    process.stop()
