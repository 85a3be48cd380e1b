"""Access log and error log. APISIX docs: conf/config.yaml.example (nginx_config)."""

import json
import re
import signal

import pytest

from harness.http import get, request
from harness.ports import free_port
from harness.wire import connect, until

DEFAULT = re.compile(
    r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'a\.test "GET /x\?a=1 HTTP/1\.1" '
    r'200 \d+ \d+\.\d{3} "http://from/" "agent/1" 127\.0\.0\.1:\d+ 200 \d+\.\d{3} '
    r'"http://a\.test.*" ".*"'
)


def lines(gateway, count=1, name="access.log"):
    """The log's lines, once there are that many: it is buffered for about a second."""
    return until(
        lambda: (found := gateway.read_log(name).splitlines()) and len(found) >= count and found,
        f"{count} lines in {name}",
        5,
        0.05,
    )


def gateway_with(own_pylon, echo, http=None, plugins=None, **config):
    gateway = own_pylon({"nginx_config": {"http": http or {}, **config}})
    gateway.admin.put(
        "/routes/1", {"uri": "/*", "upstream": echo.upstream(), "plugins": plugins or {}}
    )
    return gateway


def test_default_format(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo)
    get(gateway.port, "/x?a=1", headers={"Referer": "http://from/", "User-Agent": "agent/1"})
    assert DEFAULT.fullmatch(lines(gateway)[0]), lines(gateway)[0]


def test_own_format_as_json(own_pylon, echo):
    """escape=json: whatever the client sends, each line is JSON."""
    text = '{"m":"$request_method","u":"$uri","a":"$http_user_agent","s":$status,"r":"$route_id"}'
    http = {"access_log_format": text, "access_log_format_escape": "json"}
    gateway = gateway_with(own_pylon, echo, http)
    for agent in ('quote " and \\ back', "tab\there", "caf\u00e9"):
        get(gateway.port, "/x", headers={"User-Agent": agent})
    found = {entry["a"]: entry for entry in map(json.loads, lines(gateway, 3))}
    quoted = 'quote " and \\ back'  # workers flush on their own: the order is not told
    assert found[quoted] == {"m": "GET", "u": "/x", "a": quoted, "s": 200, "r": "1"}
    assert "tab\there" in found


def test_upstream_fields_are_logged_as_the_upstream_sent_them(own_pylon, echo):
    http = {"access_log_format": "$upstream_http_content_type|$sent_http_content_type"}
    plugins = {"response-rewrite": {"headers": {"set": {"Content-Type": "text/changed"}}}}
    gateway = gateway_with(own_pylon, echo, http, plugins)
    assert get(gateway.port, "/x").get(b"content-type") == b"text/changed"
    assert lines(gateway)[0] == "application/json|text/changed"


def test_default_escape_keeps_a_line_a_line(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo, {"access_log_format": '"$http_user_agent" $uri'})
    get(gateway.port, "/x%0ainjected", headers={"User-Agent": 'a"b'})
    get(gateway.port, "/y")
    found = lines(gateway, 2)
    assert len(found) == 2
    escaped = '"a\\x22b" /x\\x0Ainjected'
    assert any(line.startswith(escaped) for line in found)  # workers flush on their own


def test_every_request_has_a_line(own_pylon, echo):
    """Also refused and aborted ones; none is lost, none twice."""
    gateway = gateway_with(own_pylon, echo, {"access_log_format": "$status $request_uri"})
    for number in range(200):
        get(gateway.port, f"/n{number}")
    with connect("127.0.0.1", gateway.port) as peer:
        peer.send(b"BAD\r\n\r\n")
        peer.await_end()
    found = lines(gateway, 201)
    assert sorted(line for line in found if line.startswith("200 ")) == sorted(
        f"200 /n{number}" for number in range(200)
    )
    assert len(found) == 201
    assert any(line.startswith("400 ") for line in found)


def test_access_log_off(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo, {"enable_access_log": False})
    get(gateway.port, "/x")
    gateway.stop()
    assert gateway.read_log("access.log") == ""


def test_nothing_is_lost_at_the_stop(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo)
    for _ in range(20):
        get(gateway.port, "/x")
    gateway.stop()
    assert len(gateway.read_log("access.log").splitlines()) == 20


def test_times_and_sizes(own_pylon, echo):
    text = "$status $request_time $upstream_response_time $body_bytes_sent $request_length"
    gateway = gateway_with(own_pylon, echo, {"access_log_format": text})
    get(gateway.port, "/delay/0.3")
    request(gateway.port, "POST", "/size/5000", body="x" * 3000)
    told = [line.split() for line in lines(gateway, 2)]
    slow, large = sorted(told, key=lambda line: int(line[3]))
    assert 0.25 < float(slow[1]) < 1 and 0.25 < float(slow[2]) <= float(slow[1])
    assert int(large[3]) == 5000
    assert 3000 < int(large[4]) < 3400


def test_variables_of_route_and_consumer(own_pylon, echo):
    text = "$route_id $route_name $service_id $consumer_name $balancer_ip:$balancer_port"
    gateway = gateway_with(own_pylon, echo, {"access_log_format": text})
    gateway.admin.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    gateway.admin.put("/services/s", {"upstream": echo.upstream()})
    gateway.admin.put(
        "/routes/r", {"uri": "/r", "name": "n", "service_id": "s", "plugins": {"key-auth": {}}}
    )
    get(gateway.port, "/r", headers={"apikey": "k"})
    assert lines(gateway)[0] == f"r n s jack {echo.node}"


def test_retries_are_listed(own_pylon, echo):
    gateway = own_pylon(
        {"nginx_config": {"http": {"access_log_format": "$upstream_addr | $upstream_status"}}},
        workers=1,
    )
    dead = free_port()
    nodes = [
        {"host": "127.0.0.1", "port": dead, "weight": 1, "priority": 1},
        {"host": "127.0.0.1", "port": echo.port, "weight": 1, "priority": 0},
    ]
    gateway.admin.put(
        "/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": nodes}}
    )
    get(gateway.port, "/x")
    assert lines(gateway)[0] == f"127.0.0.1:{dead}, {echo.node} | 502, 200"


def test_request_id_of_the_log_is_that_of_the_client(own_pylon, echo):
    gateway = gateway_with(
        own_pylon, echo, {"access_log_format": "$apisix_request_id"}, {"request-id": {}}
    )
    got = get(gateway.port, "/x")
    assert lines(gateway)[0] == got.get(b"x-request-id").decode()


@pytest.mark.parametrize("level, present", [("warn", True), ("emerg", False)])
def test_error_log_level(own_pylon, echo, level, present):
    gateway = own_pylon({"nginx_config": {"error_log_level": level}})
    gateway.admin.put(
        "/routes/1",
        {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1}}},
    )
    assert get(gateway.port, "/x").status == 502
    gateway.stop()
    assert bool(re.search(r"\[(error|warn)\]", gateway.read_log("error.log"))) == present


def test_no_secret_in_the_logs(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo, plugins={"key-auth": {}}, error_log_level="debug")
    gateway.admin.put(
        "/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "very-secret-key"}}}
    )
    get(gateway.port, "/x", headers={"apikey": "very-secret-key"})
    get(gateway.port, "/x", headers={"apikey": "very-secret-but-wrong"})
    gateway.stop()
    text = gateway.read_log("error.log") + gateway.process.output.read_text()
    assert "very-secret" not in text
    assert gateway.admin.key not in text


def test_server_field(own_pylon, echo):
    gateway = gateway_with(own_pylon, echo)
    for path in ("/x", "/abort"):
        server = get(gateway.port, path).all(b"server")
        assert len(server) == 1
        assert re.fullmatch(rb"(APISIX|Pylon|pylon)/\d+\.\d+\.\d+", server[0])
    quiet = own_pylon({"apisix": {"enable_server_tokens": False}})
    assert b"/" not in get(quiet.port, "/x").get(b"server")


def test_reopened_log(own_pylon, echo):
    """SIGUSR1 after a rename, as logrotate does it."""
    gateway = gateway_with(own_pylon, echo, {"access_log_format": "$request_uri"})
    get(gateway.port, "/before")
    lines(gateway)
    logs = gateway.folder / "logs"
    (logs / "access.log").rename(logs / "access.log.1")
    gateway.process.signal(signal.SIGUSR1)
    until(lambda: (logs / "access.log").exists(), "a new access.log")
    get(gateway.port, "/after")
    assert lines(gateway) == ["/after"]
    assert gateway.read_log("access.log.1").splitlines() == ["/before"]
