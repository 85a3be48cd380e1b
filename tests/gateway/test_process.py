"""Start, stop, reload, crashes, config.yaml and its faults, the command line."""

import os
import signal
import subprocess
import threading
import time

import pytest
import yaml

from harness.echo import Told
from harness.http import get, receive, send
from harness.ports import free_port
from harness.process import Process
from harness.pylon import BINARY
from harness.wire import connect, until


def serve(gateway, echo):
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": echo.upstream()})
    return gateway


class Load:
    """Threads that request all the time; every failure is kept."""

    def __init__(self, port, threads=4, kept=True):
        self.port, self.kept = port, kept
        self.stopping = False
        self.failures = []
        self.answered = 0
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        peer = None
        while not self.stopping:
            try:
                peer = peer or connect("127.0.0.1", self.port)
                send(peer, "GET", "/load")
                got = receive(peer)
            except (AssertionError, OSError) as failure:
                # The gateway may close a kept connection between two answers, not within one.
                if peer is None or peer.buffer or not peer.log:
                    self.failures.append(repr(failure))
                peer = None
                continue
            self.answered += 1
            if got.status != 200:
                self.failures.append(got.status)
            if got.closes or not self.kept:
                peer.close()
                peer = None

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        return self.failures


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "fresh"])
def test_reload_under_load_fails_no_request(own_pylon, echo, kept):
    """SIGHUP five times."""
    gateway = serve(own_pylon(), echo)
    load = Load(gateway.port, kept=kept)
    for _ in range(5):
        old = gateway.workers()
        gateway.reload()
        until(lambda: set(gateway.workers()) - set(old), "a new gateway process", 10, 0.02)
        until(lambda: get(gateway.port, "/x").status == 200, "an answer")
    assert load.stop() == []
    assert load.answered > 50


def test_reload_keeps_requests_under_way(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    with connect("127.0.0.1", gateway.port) as peer:
        send(peer, "GET", "/delay/1.5")
        peer.await_taken()
        old = gateway.workers()
        gateway.reload()
        until(lambda: set(gateway.workers()) - set(old), "a new gateway process", 10, 0.02)
        assert receive(peer).status == 200
    until(lambda: not set(gateway.workers()) & set(old), "the end of the old process", 10, 0.05)


def _slow_reader(port, path, headers=None):
    peer = connect("127.0.0.1", port, receive_buffer=4096)
    send(peer, "GET", path, headers)
    peer.await_taken()
    return peer


def test_reload_cuts_off_nothing_that_is_on_its_way(own_pylon, echo):
    """Answers whose last octets wait in the old process, and a head of which half has come, outlive
    the moment at which it closes the connections that nobody uses."""
    gateway = serve(own_pylon(workers=1), echo)
    nodes = {f"10.0.{n // 250}.{n % 250}:80": 1 for n in range(4000)}
    for number in range(60):
        gateway.admin.put(f"/upstreams/{number}", {"type": "roundrobin", "nodes": nodes})
    sizes = range(20_000, 4_000_000, 61_000)
    readers = [_slow_reader(gateway.port, f"/size/{size}") for size in sizes]
    key = {"X-API-KEY": gateway.admin.key}
    listing = _slow_reader(gateway.admin_port, "/apisix/admin/upstreams", key)
    with connect("127.0.0.1", gateway.port) as half, connect("127.0.0.1", gateway.port) as unused:
        half.send(b"GET /x HTTP/1.1\r\nHo")
        send(unused, "GET", "/x")
        assert receive(unused).status == 200
        old = gateway.workers()
        gateway.reload()
        until(lambda: set(gateway.workers()) - set(old), "a new gateway process", 10, 0.02)
        assert unused.await_end(10) == "fin"
        half.send(b"st: a.test\r\n\r\n")
        assert receive(half).status == 200
    assert [len(receive(reader).content) for reader in readers] == list(sizes)
    assert receive(listing).content.count(b'"10.0.7.77:80"') == 60
    for reader in [*readers, listing]:
        reader.close()
    until(lambda: not set(gateway.workers()) & set(old), "the end of the old process", 10, 0.05)


def test_reload_takes_the_new_configuration(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    port = free_port()
    gateway.config["apisix"]["node_listen"].append({"ip": "127.0.0.1", "port": port})
    gateway.write_config()
    gateway.reload()
    until(lambda: _answers(port), "the new port", 10, 0.05)
    assert get(gateway.port, "/x").status == 200


def _answers(port):
    try:
        return get(port, "/x").status == 200
    except (AssertionError, OSError):
        return False


def test_reload_with_a_faulty_file_keeps_the_old_one(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    gateway.write_config("apisix:\n  node_listen: [x")
    gateway.reload()
    until(lambda: "config.yaml" in gateway.tail(), "a word about the fault", 5, 0.05)
    assert get(gateway.port, "/x").status == 200
    assert gateway.process.running()


def test_reload_command(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    old = gateway.workers()
    assert (
        subprocess.run(gateway.command("reload"), capture_output=True, check=False).returncode == 0
    )
    until(lambda: set(gateway.workers()) - set(old), "a new gateway process", 10, 0.02)
    assert get(gateway.port, "/x").status == 200


def test_killed_gateway_process_is_replaced_at_once(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    for _ in range(3):
        old = gateway.workers()
        os.kill(old[0], signal.SIGKILL)
        until(lambda: gateway.workers() and gateway.workers() != old, "a new process", 5, 0.01)
        until(lambda: _answers(gateway.port), "an answer", 5, 0.02)
    assert gateway.admin.get("/routes/1")


def test_sigterm_drains(own_pylon, echo):
    """The request under way is answered; new connections are not taken; then it ends with 0."""
    gateway = serve(own_pylon(), echo)
    with connect("127.0.0.1", gateway.port) as peer:
        send(peer, "GET", "/delay/1")
        peer.await_taken()
        until(lambda: ("GET", "/delay/1") in echo.requests, "the request at the upstream")
        gateway.process.signal(signal.SIGTERM)
        assert receive(peer).status == 200
        assert peer.await_end() == "fin"
    assert gateway.process.await_exit(10) == 0
    with pytest.raises(OSError):
        connect("127.0.0.1", gateway.port, 1)


def test_sigterm_closes_idle_connections(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    with connect("127.0.0.1", gateway.port) as peer:
        send(peer, "GET", "/x")
        receive(peer)
        gateway.process.signal(signal.SIGTERM)
        assert peer.await_end() == "fin"
    assert gateway.process.await_exit(5) == 0


def test_sigterm_does_not_wait_for_ever(own_pylon, echo):
    gateway = serve(own_pylon({"pylon": {"stop_timeout": "1s"}}), echo)
    with connect("127.0.0.1", gateway.port) as peer:
        send(peer, "GET", "/delay/20")
        peer.await_taken()
        gateway.process.signal(signal.SIGTERM)
        assert gateway.process.await_exit(5) == 0


def test_nothing_is_left_running(own_pylon, echo):
    gateway = serve(own_pylon(), echo)
    pids = gateway.pids()
    assert gateway.stop() == 0
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_supervisor_killed_takes_the_gateway_along(own_pylon, echo):
    """No orphan keeps the ports."""
    gateway = serve(own_pylon(), echo)
    orphans = gateway.workers()
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.await_exit()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in orphans), "their end", 10, 0.05)


def test_generated_admin_key(own_pylon):
    """An empty key is generated, shown once, and written into config.yaml."""
    keys = [{"name": "admin", "key": "", "role": "admin"}]
    gateway = own_pylon({"deployment": {"admin": {"admin_key": keys}}}, start=False)
    gateway.process = Process(gateway.command("start", "--foreground"), gateway.folder)
    gateway.process.await_port(gateway.admin_port)
    written = yaml.safe_load(gateway.config_path.read_text())
    key = written["deployment"]["admin"]["admin_key"][0]["key"]
    assert len(key) >= 32
    assert gateway.admin.call("GET", "/routes", key=key)[0] == 200
    until(lambda: key in gateway.process.output.read_text(), "the key in the banner")
    gateway.stop()
    gateway.admin.key = key
    gateway.start()
    assert gateway.admin.get("/routes") is not None


FAULTS = [
    ("apisix:\n  node_listn: 9080\n", "2", "node_listen"),
    ("apisix:\n  node_listen: true\n", "2", "node_listen"),
    ("nginx_config:\n  worker_processes: many\n", "2", "worker_processes"),
    ("deployment:\n  admin:\n    admin_key:\n      - name: a\n        role: boss\n", "4", "role"),
    ("apisix:\n  router:\n    http: radix\n", "3", "radixtree_host_uri"),
    ("apisix: [\n", "", "config.yaml"),
    ("nginx_config:\n  http:\n    client_max_body_size: lots\n", "3", "client_max_body_size"),
]


@pytest.mark.parametrize("text, line, word", FAULTS, ids=lambda v: repr(v)[:30])
def test_config_faults_are_named_with_line_and_nearest_key(own_pylon, text, line, word):
    gateway = own_pylon(start=False)
    gateway.write_config(text)
    result = subprocess.run(
        gateway.command("test"), capture_output=True, text=True, timeout=10, check=False
    )
    said = result.stdout + result.stderr
    assert f"config.yaml:{line}" in said or not line, said
    assert word in said, said
    if "node_listn" not in text:
        assert result.returncode == 4


def test_nginx_only_keys_are_warned_about(own_pylon):
    gateway = own_pylon({"nginx_config": {"http_configuration_snippet": "gzip on;"}}, start=False)
    result = subprocess.run(
        gateway.command("test"), capture_output=True, text=True, timeout=10, check=False
    )
    assert result.returncode == 0
    assert "http_configuration_snippet" in result.stdout + result.stderr


def run(gateway, verb):
    return subprocess.run(
        gateway.command(verb), capture_output=True, text=True, timeout=20, check=False
    )


def test_life_by_the_command_line(own_pylon, echo):
    """start returns when it serves; a second start says so; stop ends it."""
    gateway = own_pylon(start=False)
    assert run(gateway, "stop").returncode == 3
    assert run(gateway, "start").returncode == 0
    assert get(gateway.port, "/x").status == 404
    assert run(gateway, "start").returncode == 3
    assert run(gateway, "restart").returncode == 0
    assert get(gateway.port, "/x").status == 404
    assert run(gateway, "quit").returncode == 0
    until(lambda: run(gateway, "stop").returncode == 3, "the end", 10, 0.1)


def test_port_that_is_taken(own_pylon):
    first = own_pylon()
    second = own_pylon(start=False)
    second.config["apisix"]["node_listen"] = [{"ip": "127.0.0.1", "port": first.port}]
    second.write_config()
    result = run(second, "start")
    assert result.returncode == 5
    assert str(first.port) in result.stdout + result.stderr


def test_version_and_help(own_pylon):
    assert "Pylon" in subprocess.check_output([BINARY, "version"], text=True)
    assert "reload" in subprocess.check_output([BINARY, "help"], text=True)
    assert subprocess.run([BINARY, "nonsense"], capture_output=True, check=False).returncode == 2


def test_first_answer_comes_quickly_with_many_routes(own_pylon, echo):
    gateway = own_pylon()
    for number in range(2000):
        gateway.admin.put(f"/routes/{number}", {"uri": f"/{number}", "upstream": echo.upstream()})
    gateway.stop()
    start = time.monotonic()
    gateway.start()
    assert Told(get(gateway.port, "/1999")).uri == "/1999"
    assert time.monotonic() - start < 3
