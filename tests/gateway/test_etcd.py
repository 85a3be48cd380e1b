"""Pylon on a real etcd, with etcdctl and other Pylons as second writers."""

import contextlib
import itertools
import json
import subprocess
import threading
import time

import pytest

from harness import etcd
from harness.certs import Authority
from harness.fault_proxy import FaultProxy
from harness.http import get, request
from harness.ports import free_port
from harness.process import Process
from harness.wire import until

pytestmark = pytest.mark.skipif(not etcd.INSTALLED, reason="etcd is not installed")


@pytest.fixture
def member(tmp_path):
    one = etcd.Member(tmp_path / "etcd").start().await_health()
    yield one
    one.stop()


def on_etcd(*members, role="traditional", **more):
    """config.yaml of a node on these members; `more`: into deployment.etcd."""
    return {
        "apisix": {"enable_http2": False},
        "deployment": {
            "role": role,
            f"role_{role}": {"config_provider": "etcd"},
            "etcd": {"host": [m.url for m in members], "timeout": 3, **more},
        },
        "pylon": {"etcd": {"check_interval": 1}},
    }


def upstream_of(echo):
    return {"type": "roundrobin", "nodes": {f"127.0.0.1:{echo.port}": 1}}


def route(echo, uri, **more):
    return {"uri": uri, "upstream": upstream_of(echo), **more}


def serves_on(port, path, status=200, wait_s=10):
    until(lambda: get(port, path).status == status, f"{status} for {path}", wait_s, 0.02)


def serves(gateway, path, status=200):
    serves_on(gateway.port, path, status)


def config_status(gateway):
    return json.loads(request(gateway.control_port, "GET", "/v1/config/status").content)


def digests(gateway):
    types = config_status(gateway)["types"]
    return {name: kind["digest"] for name, kind in types.items() if kind["objects"]}


def written(gateway, path, body):
    return gateway.admin.call("PUT", path, body)[0] in (200, 201)


def converge(*gateways, wait_s=10):
    def same():
        seen = [digests(gateway) for gateway in gateways]
        return all(one == seen[0] for one in seen)

    until(same, "the same digests everywhere", wait_s, 0.05)


def test_what_apisix_wrote_is_served_and_what_pylon_writes_is_apisix_s(own_pylon, echo, member):
    member.put("/apisix/routes/", "init_dir")
    member.put("/apisix/routes/1", {"id": "1", **route(echo, "/a"), "create_time": 1})
    node = own_pylon(on_etcd(member))
    assert get(node.port, "/a").status == 200
    assert node.admin.get("/routes")["total"] == 1
    status, _, fields = node.admin.call("PUT", "/routes/2", route(echo, "/b"))
    assert status == 201
    assert int(fields["X-Pylon-Revision"]) == member.revision()
    assert get(node.port, "/b").status == 200, "a write is answered when it is served"
    kept = json.loads(member.get("/apisix/routes/2"))
    assert (kept["id"], kept["uri"]) == ("2", "/b")
    assert node.admin.delete("/routes/1") == 200
    assert get(node.port, "/a").status == 404
    assert member.get("/apisix/routes/1") is None


def test_etcdctl_is_followed(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    member.put("/apisix/routes/1", {"id": "1", **route(echo, "/a")})
    serves(node, "/a")
    member.put("/elsewhere/1", "x")
    member.put("/apisix/routes/1", {"id": "1", **route(echo, "/b")})
    serves(node, "/b")
    assert get(node.port, "/a").status == 404
    member.ctl("del", "--prefix", "/apisix/routes/")
    serves(node, "/b", 404)


def test_a_bad_value_is_quarantined_alone(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    member.put("/apisix/routes/bad", '{"uri": 7}')
    member.put("/apisix/routes/1", {"id": "1", **route(echo, "/a")})
    serves(node, "/a")
    status = config_status(node)
    assert [(o["id"], o["status"]) for o in status["objects"]] == [("bad", "quarantined")]
    told = status["types"]["routes"]
    assert (told["objects"], told["quarantined"]) == (2, 1)
    assert told["revision"] == status["revision"] == member.revision()


def test_two_nodes_share_one_etcd(own_pylon, echo, member):
    one, other = own_pylon(on_etcd(member)), own_pylon(on_etcd(member))
    for i in range(20):
        (one if i % 2 else other).admin.put(f"/routes/{i}", route(echo, f"/{i}"))
    converge(one, other)
    assert config_status(one)["types"]["routes"]["objects"] == 20
    serves(one, "/4")
    serves(other, "/5")


def walk(node, count, filters=""):
    """The numbers of the routes on all pages, which are of ten each."""
    numbers = []
    for page in range(1, count // 10 + 3):
        listed = node.admin.get(f"/routes?page={page}&page_size=10{filters}")
        assert listed["total"] == count
        numbers += [item["key"].split("/")[-1] for item in listed["list"]]
    return numbers


def test_pages_of_what_others_write(own_pylon, echo, member):
    """Each page has what was there when it was asked for, whoever wrote it."""
    one, other = own_pylon(on_etcd(member)), own_pylon(on_etcd(member))
    expected = []
    for number in range(23):
        (one if number % 2 else other).admin.put(f"/routes/{number}", route(echo, f"/{number}"))
        expected.append(str(number))
        assert walk(one, len(expected)) == expected
    assert walk(other, 23, "&uri=/") == expected
    member.ctl("del", "/apisix/routes/3")
    member.put("/elsewhere/1", "x")  # of a revision that no watch of ours tells
    expected.remove("3")
    assert walk(one, 22) == walk(other, 22) == expected
    member.put("/apisix/routes/3", {"id": "3", **route(echo, "/3")})
    assert walk(one, 23) == walk(other, 23) == [*expected, "3"]


def test_of_two_writers_one_is_told_of_the_conflict(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    node.admin.put("/upstreams/1", {"type": "roundrobin", "nodes": {f"127.0.0.1:{echo.port}": 1}})
    before = node.admin.get("/upstreams/1")["modifiedIndex"]
    member.put("/apisix/upstreams/1", {"id": "1", **upstream_of(echo), "desc": "etcdctl"})
    node.admin.patch("/upstreams/1", {"retries": 2})
    after = node.admin.get("/upstreams/1")
    assert after["modifiedIndex"] == before + 2
    assert (after["value"]["desc"], after["value"]["retries"]) == ("etcdctl", 2)


def test_a_ttl_ends(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    assert node.admin.call("PUT", "/routes/1?ttl=1", route(echo, "/a"))[0] == 201
    assert get(node.port, "/a").status == 200
    serves(node, "/a", 404)


def test_roles_are_kept_apart(own_pylon, echo, member):
    plane = own_pylon(on_etcd(member, role="control_plane"), start=False)
    plane.process = Process(plane.command("start", "--foreground"), plane.folder)
    plane.process.await_port(plane.admin_port)
    plane.admin.put("/routes/1", route(echo, "/a"))
    assert not plane.process.accepts(plane.port)
    data = own_pylon(on_etcd(member, role="data_plane"), ready_path=None)
    serves(data, "/a")
    with pytest.raises(OSError):
        data.admin.get("/routes")


def test_compaction_while_away(own_pylon, echo, member):
    """The watch cannot go on from where it was: everything is read, the difference applied."""
    node = own_pylon(on_etcd(member))
    for i in range(5):
        node.admin.put(f"/routes/{i}", route(echo, f"/{i}"))
    member.kill()
    serves(node, "/1")
    member.start().await_health()
    member.ctl("del", "/apisix/routes/1")
    member.put("/apisix/routes/9", {"id": "9", **route(echo, "/9")})
    member.compact()
    serves(node, "/9")
    serves(node, "/1", 404)
    assert get(node.port, "/2").status == 200
    assert config_status(node)["types"]["routes"]["objects"] == 5


def test_etcd_killed_and_back(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    node.admin.put("/routes/1", route(echo, "/a"))
    member.kill()
    status, answer, _ = node.admin.call("PUT", "/routes/2", route(echo, "/b"))
    assert status >= 500, answer
    assert get(node.port, "/a").status == 200
    member.start().await_health()
    until(lambda: written(node, "/routes/2", route(echo, "/b")), "a write", 10, 0.05)
    serves(node, "/b")


def test_a_silent_etcd_costs_no_request(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    node.admin.put("/routes/1", route(echo, "/a"))
    member.pause()
    try:
        began = time.monotonic()
        status, answer, _ = node.admin.call("PUT", "/routes/2", route(echo, "/b"))
        assert status >= 500, answer
        assert time.monotonic() - began < 8
        assert get(node.port, "/a").status == 200
    finally:
        member.resume()
    member.put("/apisix/routes/3", {"id": "3", **route(echo, "/c")})
    serves(node, "/c")


def test_an_etcd_that_forgot_everything(own_pylon, echo, member, tmp_path):
    """A new cluster in place of the old: what it has is what counts."""
    node = own_pylon(on_etcd(member))
    for i in range(3):
        node.admin.put(f"/routes/{i}", route(echo, f"/{i}"))
    member.kill()
    member.forget()
    member.start().await_health()
    member.put("/apisix/routes/7", {"id": "7", **route(echo, "/7")})
    serves(node, "/7")
    serves(node, "/1", 404)


def test_the_self_check_finds_what_the_watch_kept_back(own_pylon, echo, member):
    """A stream that stands and tells nothing: found within a second of the interval (1 s)."""
    proxy = FaultProxy(member.port)
    settings = on_etcd(member)
    settings["deployment"]["etcd"]["host"] = [proxy.url]
    node = own_pylon(settings)
    node.admin.put("/routes/1", route(echo, "/a"))
    proxy.deafen("/v3/watch")
    member.put("/apisix/routes/2", {"id": "2", **route(echo, "/b")})
    began = time.monotonic()
    serves(node, "/b")
    assert time.monotonic() - began < 4
    log = node.read_log("error.log")
    assert "the self-check finds that /apisix/routes/2 is missing here" in log
    member.put("/apisix/routes/3", {"id": "3", **route(echo, "/c")})
    serves(node, "/c")
    proxy.close()


def test_starting_from_the_copy(own_pylon, echo, member):
    settings = on_etcd(member)
    settings["apisix"]["status"] = {"ip": "127.0.0.1", "port": free_port()}
    node = own_pylon(settings)
    node.admin.put("/routes/1", route(echo, "/a"))
    copy = node.folder / "data/etcd.copy"
    until(lambda: copy.exists() and b"/apisix/routes/1" in copy.read_bytes(), "the local copy")
    assert copy.stat().st_mode & 0o777 == 0o600
    node.stop()
    member.kill()
    node.ready_path = None
    node.start()
    serves(node, "/a")
    assert "the local copy of revision" in node.read_log("error.log")
    assert "local copy" in config_status(node)["out_of_touch"]
    status_port = settings["apisix"]["status"]["port"]
    serves_on(status_port, "/status/ready")
    assert b"local copy" in get(status_port, "/status/ready").content
    member.start().await_health()
    member.put("/apisix/routes/2", {"id": "2", **route(echo, "/b")})
    member.ctl("del", "/apisix/routes/1")
    serves(node, "/b")
    serves(node, "/a", 404)
    until(lambda: "out_of_touch" not in config_status(node), "touch with etcd again")


@pytest.mark.parametrize("compacted", [False, True])
def test_a_start_with_a_copy_takes_what_came_later(own_pylon, echo, member, compacted):
    """From the watch, where etcd still tells it; otherwise everything is read."""
    node = own_pylon(on_etcd(member))
    for i in range(3):
        node.admin.put(f"/routes/{i}", route(echo, f"/{i}"))
    node.stop()
    member.ctl("del", "/apisix/routes/1")
    member.put("/apisix/routes/2", {"id": "2", **route(echo, "/two")})
    member.put("/apisix/routes/9", {"id": "9", **route(echo, "/9")})
    if compacted:
        member.compact()
    node.start()
    codes = [get(node.port, path).status for path in ("/0", "/1", "/2", "/two", "/9")]
    assert codes == [200, 404, 404, 200, 200]
    assert "local copy" not in node.read_log("error.log")
    fresh = own_pylon(on_etcd(member))
    assert digests(node) == digests(fresh)
    node.stop()
    member.kill()  # the copy has followed, too
    node.ready_path = None
    node.start()
    serves(node, "/two")
    assert [get(node.port, path).status for path in ("/1", "/9")] == [404, 200]


def test_the_copy_holds_what_came_just_before_the_end(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    for number in range(5):
        node.admin.put(f"/routes/{number}", route(echo, f"/{number}"))
    node.stop()
    assert b"/apisix/routes/4" in (node.folder / "data/etcd.copy").read_bytes()


def test_a_damaged_copy_is_not_served(own_pylon, echo, member):
    node = own_pylon(on_etcd(member, startup_retry=1))
    node.admin.put("/routes/1", route(echo, "/a"))
    copy = node.folder / "data/etcd.copy"
    until(lambda: copy.exists() and b"/apisix/routes/1" in copy.read_bytes(), "the local copy")
    node.stop()
    member.kill()
    copy.write_bytes(copy.read_bytes().replace(b'"/a"', b'"/x"'))
    with pytest.raises(AssertionError):
        node.start()
    assert "it is damaged" in node.read_log("error.log")


def test_users_and_passwords(own_pylon, echo, member):
    member.ctl("user", "add", "root:secret")
    member.ctl("user", "grant-role", "root", "root")
    member.ctl("auth", "enable")
    node = own_pylon(on_etcd(member, user="root", password="secret"))
    node.admin.put("/routes/1", route(echo, "/a"))
    assert get(node.port, "/a").status == 200
    assert "secret" not in node.read_log("error.log")
    member.kill()  # simple tokens die with it: the next call fetches another
    member.start()
    until(lambda: written(node, "/routes/2", route(echo, "/b")), "a write", 10, 0.05)
    member.put("/apisix/routes/3", {"id": "3", **route(echo, "/c")}, user="root:secret")
    serves(node, "/c")


def test_tls_with_a_certificate_of_our_own(own_pylon, echo, tmp_path):
    authority = Authority(tmp_path)
    theirs = authority.issue("localhost", "127.0.0.1")
    member = etcd.Member(tmp_path / "etcd", tls=(authority, theirs)).start()
    member.await_health()
    try:
        ours = authority.issue("pylon")
        tls = {"cert": str(ours.cert_path), "key": str(ours.key_path)}
        settings = on_etcd(member, tls=tls)
        settings["apisix"]["ssl"] = {"ssl_trusted_certificate": str(authority.cert_path)}
        node = own_pylon(settings)
        node.admin.put("/routes/1", route(echo, "/a"))
        assert get(node.port, "/a").status == 200
        member.put("/apisix/routes/2", {"id": "2", **route(echo, "/b")})
        serves(node, "/b")
    finally:
        member.stop()


def test_history_and_the_way_back(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    note = {"X-Pylon-Comment": "the first one"}
    status, _, fields = node.admin.call("PUT", "/routes/1", route(echo, "/a"), headers=note)
    first = int(fields["X-Pylon-Revision"])
    assert status == 201
    member.put("/apisix/routes/2", {"id": "2", **route(echo, "/b")})
    node.admin.delete("/routes/1")
    told = node.admin.get("/history")
    assert [item["changes"][0]["action"] for item in told["list"]] == ["delete", "create", "create"]
    assert [item["author"] for item in told["list"]] == ["admin", "", "admin"]
    assert (told["list"][2]["comment"], told["list"][2]["revision"]) == ("the first one", first)
    assert node.admin.get("/routes")["total"] == 1, "what the history keeps is no resource"
    status, answer, _ = node.admin.call("POST", "/rollback", {"to": first})
    assert status == 200, answer
    assert get(node.port, "/a").status == 200
    assert get(node.port, "/b").status == 404
    assert member.get("/apisix/routes/2") is None
    member.compact()
    status, answer, _ = node.admin.call("POST", "/rollback", {"to": first})
    assert status == 400 and "is not kept any more" in str(answer), answer


def test_init_etcd_makes_the_directories(own_pylon, echo, member):
    node = own_pylon(on_etcd(member), start=False)
    for _ in range(2):
        done = subprocess.run(node.command("init_etcd"), capture_output=True, timeout=20)
        assert done.returncode == 0, done.stderr
    assert member.get("/apisix/routes/") == "init_dir"
    assert member.get("/apisix/plugin_metadata/") == "init_dir"
    node.start()
    assert node.admin.get("/routes")["total"] == 0


def test_reload_keeps_serving(own_pylon, echo, member):
    node = own_pylon(on_etcd(member))
    node.admin.put("/routes/1", route(echo, "/a"))
    old = node.workers()
    node.reload()
    until(lambda: len(node.workers()) == 1 and node.workers() != old, "another process", 20)
    node.admin.put("/routes/2", route(echo, "/b"))
    assert get(node.port, "/a").status == get(node.port, "/b").status == 200


def at_once(*calls):
    """The statuses of calls of the Admin APIs of several nodes, begun in the same moment."""
    barrier, statuses = threading.Barrier(len(calls)), {}

    def run(number, gateway, method, path, body):
        barrier.wait()
        statuses[number] = gateway.admin.call(method, path, body)[0]

    threads = [threading.Thread(target=run, args=(i, *call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [statuses[i] for i in range(len(calls))]


def test_what_one_node_deletes_and_another_refers_to(own_pylon, echo, member):
    """One of both is refused, whoever comes first."""
    one, two = own_pylon(on_etcd(member)), own_pylon(on_etcd(member))
    seen = set()
    for number in range(60):
        one.admin.put("/upstreams/u", upstream_of(echo))
        body = {"uri": "/x", "upstream_id": "u"}
        deleting = (one, "DELETE", "/upstreams/u", None)
        using = (two, "PUT", f"/routes/r{number % 3}", body)
        calls = (deleting, using) if number % 2 else (using, deleting)
        seen.add(frozenset(zip((call[1] for call in calls), at_once(*calls))))
        upstream = member.get("/apisix/upstreams/u")
        route_there = member.get(f"/apisix/routes/r{number % 3}")
        assert upstream or not route_there, "a route refers to nothing"
        two.admin.delete(f"/routes/r{number % 3}")
    kept, gone = {("DELETE", 400), ("PUT", 201)}, {("DELETE", 200), ("PUT", 400)}
    assert seen <= {frozenset(kept), frozenset(gone)}, seen


def test_one_key_is_given_to_two_consumers_at_once(own_pylon, member):
    one, two = own_pylon(on_etcd(member)), own_pylon(on_etcd(member))
    for number in range(120):
        key = {"plugins": {"key-auth": {"key": f"k{number}"}}}
        statuses = at_once(
            (one, "PUT", "/consumers", {"username": "bob", **key}),
            (two, "PUT", "/consumers", {"username": "eve", **key}),
        )
        assert sorted(statuses)[1] == 400 and sorted(statuses)[0] in (200, 201), statuses


def test_nodes_that_write_other_consumers_do_not_fail(own_pylon, member):
    """Each write of one is a reason for the other to look again."""
    nodes = [own_pylon(on_etcd(member)) for _ in range(2)]
    failures = []

    def write(index):
        for number in range(60):
            body = {"username": f"c{index}_{number}"}
            body["plugins"] = {"key-auth": {"key": body["username"]}}
            status = nodes[index].admin.call("PUT", "/consumers", body)[0]
            if status != 201:
                failures.append((index, number, status))

    threads = [threading.Thread(target=write, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


KINDS = """routes services upstreams consumers consumer_groups plugin_configs plugin_metadata
           global_rules ssls protos stream_routes secrets/vault""".split()


@pytest.mark.parametrize("value", ["", "no JSON", "[]", "\xff"])
def test_what_is_no_resource_is_told_and_spoils_nothing(own_pylon, echo, member, value):
    member.put("/apisix/routes/good", route(echo, "/good"))
    names = {"plugin_metadata": "key-auth", "consumers": "bob"}
    paths = [f"{kind}/{names.get(kind, 'bad')}" for kind in KINDS]
    for path in paths[::2]:
        member.put(f"/apisix/{path}", value)
    config = on_etcd(member)
    config["apisix"] |= {"proxy_mode": "http&stream", "stream_proxy": {"tcp": [free_port()]}}
    node = own_pylon(config)
    for path in paths[1::2]:
        member.put(f"/apisix/{path}", value)
    member.put("/apisix/routes/last", route(echo, "/last"))
    serves(node, "/last")
    serves(node, "/good")

    def told():
        return {f"{item['type']}/{item['id']}": item for item in config_status(node)["objects"]}

    until(lambda: not set(paths) - set(told()), "all of them among the quarantined")
    assert all(item["status"] == "quarantined" and item["reason"] for item in told().values())
    for path in paths:
        assert node.admin.call("GET", f"/{path}")[0] == 200
        listed = node.admin.get("/secrets" if "vault" in path else f"/{path.split('/')[0]}")
        assert isinstance(listed, dict), path
    status, answer, _ = node.admin.call("PATCH", "/routes/bad", {"priority": 1})
    assert status == 400, answer
    assert "the stored value is no JSON" in answer["error_msg"], answer
    node.admin.put("/routes/bad", route(echo, "/mended"))
    serves(node, "/mended")
    assert "routes/bad" not in told()
    assert node.admin.delete("/upstreams/bad") == 200
    assert "upstreams/bad" not in told()


def test_metrics_tell_of_etcd(own_pylon, echo, member):
    """APISIX docs: plugins/prometheus, etcd_reachable and etcd_modify_indexes."""
    gateway = own_pylon(on_etcd(member))
    gateway.admin.put("/routes/1", route(echo, "/a"))
    revision = config_status(gateway)["revision"]

    def told(line):
        path = "/apisix/prometheus/metrics"
        return line in get(gateway.metrics_port, path).content.decode().splitlines()

    for key, index in [("routes", revision), ("max_modify_index", revision), ("ssls", 0)]:
        assert told(f'apisix_etcd_modify_indexes{{key="{key}"}} {index}')
    assert told("apisix_etcd_reachable 1")
    member.stop()
    until(lambda: told("apisix_etcd_reachable 0"), "that etcd is away", 20)


@contextlib.contextmanager
def plugins_reloaded(node):
    """Other plugins are enabled again and again: everything is read and compiled anew."""
    over = threading.Event()
    reloads = []

    def reload():
        lists = itertools.cycle([["response-rewrite", "key-auth"], ["response-rewrite"]])
        while not over.is_set():
            node.config["plugins"] = next(lists)
            node.write_config()
            reloads.append(request(node.control_port, "PUT", "/v1/plugins/reload").status)

    reloader = threading.Thread(target=reload)
    reloader.start()
    try:
        yield
    finally:
        over.set()
        reloader.join()
    assert reloads.count(200) > 5


@pytest.fixture
def many_routes(member, echo):
    for number in range(400):
        others = {"id": f"other-{number}", **route(echo, f"/other/{number}")}
        member.put(f"/apisix/routes/other-{number}", others)


def test_other_plugins_are_enabled_beside_changes(own_pylon, echo, member, many_routes):
    """No change is undone meanwhile, not for a moment."""
    node = own_pylon({**on_etcd(member), "plugins": ["response-rewrite"]})
    with plugins_reloaded(node):
        for number in range(120):
            if number % 4 == 3:
                assert node.admin.delete("/routes/changing") == 200
                expected = (404, None)
            else:
                set_field = {"response-rewrite": {"headers": {"set": {"X-Number": str(number)}}}}
                node.admin.put("/routes/changing", route(echo, "/changing", plugins=set_field))
                expected = (200, b"%d" % number)
            for _ in range(8):
                answer = get(node.port, "/changing")
                assert (answer.status, answer.get(b"x-number")) == expected
    assert "the self-check finds" not in node.read_log("error.log")


def test_the_copy_holds_what_came_while_everything_was_read(own_pylon, echo, member, many_routes):
    unchecked = {"pylon": {"etcd": {"check_interval": 600}}}
    node = own_pylon({**on_etcd(member), **unchecked, "plugins": ["response-rewrite"]})
    for number in range(300):
        member.put(f"/apisix/routes/{number}", {"id": f"{number}", **route(echo, f"/{number}")})
        if number == 100:
            node.config["plugins"] = ["response-rewrite", "key-auth"]
            node.write_config()
            assert request(node.control_port, "PUT", "/v1/plugins/reload").status == 200
    serves(node, "/299")
    node.stop()
    member.kill()
    node.ready_path = None
    node.start()
    missing = [number for number in range(300) if get(node.port, f"/{number}").status != 200]
    assert missing == []
