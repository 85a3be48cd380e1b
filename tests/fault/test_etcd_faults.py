"""Three etcd members, two gateways, and a network in between that fails while everybody writes.

50 faults for every day, PYLON_FAULTS=1000 for a long run, PYLON_FAULT_SEED=n to repeat one. At the
end: no acknowledged change is lost, both gateways have what etcd has, no request has failed.
"""

import base64
import http.client
import json
import os
import random
import threading
import time

import pytest

from harness import etcd
from harness.fault_proxy import FaultProxy
from harness.http import get, request
from harness.wire import until

pytestmark = pytest.mark.skipif(not etcd.INSTALLED, reason="etcd is not installed")

FAULTS = int(os.environ.get("PYLON_FAULTS", "50"))
SEED = int(os.environ.get("PYLON_FAULT_SEED", str(random.randrange(1 << 30))))
KEYS = 12


class Node:
    """A gateway that reaches each member through a proxy of its own."""

    def __init__(self, make, members):
        self.proxies = [FaultProxy(member.port) for member in members]
        self.gateway = make(
            {
                "apisix": {"enable_http2": False},
                "nginx_config": {"error_log_level": "warn"},
                "deployment": {
                    "role_traditional": {"config_provider": "etcd"},
                    "etcd": {"host": [proxy.url for proxy in self.proxies], "timeout": 3},
                },
                "pylon": {"etcd": {"check_interval": 1}},
            },
            workers=1,
        )

    def digests(self):
        answer = request(self.gateway.control_port, "GET", "/v1/config/status")
        status = json.loads(answer.content)
        return {name: kind["digest"] for name, kind in status["types"].items()}


class Background(threading.Thread):
    """Repeats `step` until told to stop; what it raises is kept."""

    def __init__(self, step, pause_s):
        super().__init__(daemon=True)
        self.step, self.pause_s = step, pause_s
        self.done = threading.Event()
        self.count, self.fault = 0, None

    def run(self):
        try:
            while not self.done.wait(self.pause_s):
                self.step()
                self.count += 1
        except BaseException as fault:  # told by finish()
            self.fault = fault

    def finish(self):
        self.done.set()
        self.join(30)
        if self.fault is not None:
            raise self.fault


class Writer:
    """Writes numbered routes; remembers the last number of each that was acknowledged."""

    def __init__(self, echo, first, step):
        self.echo, self.number, self.step = echo, first, step
        self.acknowledged = {}
        self.unknown = 0

    def next(self, keys):
        self.number += self.step
        key = keys[(self.number // self.step) % len(keys)]
        body = {
            "id": key,
            "uri": f"/{key}",
            "desc": str(self.number),
            "plugins": {"proxy-rewrite": {"uri": f"/number/{self.number}"}},
            "upstream": self.echo.upstream(),
        }
        return key, body

    def through(self, gateway, keys):
        key, body = self.next(keys)
        try:
            status = gateway.admin.call("PUT", f"/routes/{key}", body)[0]
        except OSError:
            status = 0
        self.note(key, status in (200, 201))

    def directly(self, members, keys):
        key, body = self.next(keys)
        encoded = {
            "key": base64.b64encode(f"/apisix/routes/{key}".encode()).decode(),
            "value": base64.b64encode(json.dumps(body).encode()).decode(),
        }
        member = random.choice(members)
        connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=1)
        try:
            connection.request("POST", "/v3/kv/put", json.dumps(encoded))
            self.note(key, connection.getresponse().status == 200)
        except (OSError, http.client.HTTPException):
            self.note(key, False)
        finally:
            connection.close()

    def note(self, key, acknowledged):
        if acknowledged:
            self.acknowledged[key] = self.number
        else:
            self.unknown += 1


class Faults:
    def __init__(self, members, nodes, seed):
        self.members, self.nodes, self.random = members, nodes, random.Random(seed)
        self.kinds = [self.kill, self.pause, self.hold, self.cut, self.part, self.compact]
        self.counts = {}

    def next(self):
        kind = self.random.choice(self.kinds)
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        kind()

    def wait(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def kill(self):
        member = self.random.choice(self.members)
        member.kill()
        self.wait(0, 0.6)
        member.start()

    def pause(self):
        member = self.random.choice(self.members)
        member.pause()
        self.wait(0.1, 1.5)
        member.resume()

    def hold(self):
        """One way between a gateway and a member goes silent."""
        proxy = self.random.choice(self.random.choice(self.nodes).proxies)
        proxy.hold()
        self.wait(0.1, 1.5)
        proxy.heal()

    def cut(self):
        for proxy in self.random.choice(self.nodes).proxies:
            proxy.cut()
        self.wait(0, 0.4)
        for node in self.nodes:
            for proxy in node.proxies:
                proxy.heal()

    def part(self):
        """A gateway loses all members, without being told."""
        node = self.random.choice(self.nodes)
        for proxy in node.proxies:
            proxy.hold()
        self.wait(0.1, 0.8)
        for proxy in node.proxies:
            proxy.heal()

    def compact(self):
        member = self.random.choice(self.members)
        answer = member.ctl("get", "/none", "-w", "json", check=False)
        if answer:
            member.ctl("compact", str(json.loads(answer)["header"]["revision"]), check=False)


@pytest.fixture
def members(tmp_path):
    made = etcd.cluster(tmp_path / "etcd", 3)
    yield made
    for member in made:
        member.stop()


def stored(members):
    """route id -> number, as etcd has them."""
    answer = json.loads(members[0].ctl("get", "--prefix", "/apisix/routes/k", "-w", "json"))
    values = [json.loads(base64.b64decode(kv["value"])) for kv in answer.get("kvs", [])]
    return {value["id"]: int(value["desc"]) for value in values}


def served(node, echo, key):
    answer = get(node.gateway.port, f"/{key}")
    if answer.status != 200:
        return None
    return int(json.loads(answer.content)["uri"].rsplit("/", 1)[1])


def finish(tasks, nodes):
    """Ends all of them; tells what the gateways have logged when one has failed."""
    try:
        for task in tasks:
            task.finish()
    except BaseException:
        for node in nodes:
            print(node.gateway.pids(), node.gateway.tail())
        raise


def test_nothing_is_lost_and_nothing_fails(own_pylon, echo, members):
    print(f"seed {SEED}")
    nodes = [Node(own_pylon, members) for _ in range(2)]
    nodes[0].gateway.admin.put("/routes/stable", {"uri": "/stable", "upstream": echo.upstream()})
    until(lambda: get(nodes[1].gateway.port, "/stable").status == 200, "the stable route")

    def ask():
        for node in nodes:
            answer = get(node.gateway.port, "/stable")
            assert answer.status == 200, answer.content

    keys = [[f"k{n}" for n in range(KEYS) if n % 3 == i] for i in range(3)]
    writers = [Writer(echo, i, 3) for i in range(3)]
    tasks = [
        Background(ask, 0.01),
        Background(lambda: writers[0].through(nodes[0].gateway, keys[0]), 0.02),
        Background(lambda: writers[1].through(nodes[1].gateway, keys[1]), 0.02),
        Background(lambda: writers[2].directly(members, keys[2]), 0.02),
    ]
    for task in tasks:
        task.start()
    faults = Faults(members, nodes, SEED)
    try:
        for _ in range(FAULTS):
            faults.next()
    finally:
        for member in members:
            member.await_health()
        finish(tasks, nodes)

    inside = stored(members)
    for writer in writers:
        for key, number in writer.acknowledged.items():
            assert inside[key] >= number, f"{key}: {number} was acknowledged and is lost"
    until(lambda: nodes[0].digests() == nodes[1].digests(), "the same digests", 15, 0.1)
    for node in nodes:
        for key, number in inside.items():
            until(lambda: served(node, echo, key) == number, f"{key} at {number}", 15, 0.05)
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    assert acknowledged == KEYS, "every key was written"
    unknown = sum(writer.unknown for writer in writers)
    writes = sum(task.count for task in tasks[1:])
    requests = tasks[0].count * len(nodes)
    print(f"{faults.counts}, {writes} writes, {unknown} not acknowledged, {requests} requests")
