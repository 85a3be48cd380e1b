"""Metrics on the export server. APISIX docs: plugins/prometheus."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.http import get, receive, send
from harness.ports import free_port
from harness.wire import connect, until

PATH = "/apisix/prometheus/metrics"
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def metrics(pylon):
    got = get(pylon.metrics_port, PATH)
    assert got.status == 200
    assert got.get(b"content-type").startswith(b"text/plain")
    return got.content.decode()


def samples(text, name):
    """[(labels, value)] of one metric."""
    found = []
    for line in text.splitlines():
        match = SAMPLE.fullmatch(line)
        if match and match[1] == name:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found.append((labels, float(match[3])))
    return found


def total(pylon, name, **labels):
    return sum(
        value
        for have, value in samples(metrics(pylon), name)
        if all(have.get(k) == v for k, v in labels.items())
    )


@pytest.fixture
def counted(pylon, echo):
    pylon.admin.put(
        "/routes/m1",
        {"uri": "/*", "name": "first", "upstream": echo.upstream(), "plugins": {"prometheus": {}}},
    )
    return pylon


def await_total(pylon, name, expected, **labels):
    until(
        lambda: total(pylon, name, **labels) == expected,
        f"{name} {labels} == {expected}, is {total(pylon, name, **labels)}",
        4,
        0.05,
    )


def test_counts_equal_what_was_sent(counted):
    """Over both workers, by status."""
    before = {c: total(counted, "apisix_http_status", route="m1", code=c) for c in ("200", "404")}
    for _ in range(25):
        get(counted.port, "/x")
    for _ in range(7):
        get(counted.port, "/status/404")
    await_total(counted, "apisix_http_status", before["200"] + 25, route="m1", code="200")
    await_total(counted, "apisix_http_status", before["404"] + 7, route="m1", code="404")


def test_labels(counted, echo):
    get(counted.port, "/x")
    until(lambda: samples(metrics(counted), "apisix_http_status"), "a sample")
    labels, _ = samples(metrics(counted), "apisix_http_status")[-1]
    assert {"code", "route", "matched_uri", "matched_host", "service", "consumer", "node"} <= set(
        labels
    )
    assert (labels["matched_uri"], labels["node"]) == ("/*", "127.0.0.1")


def test_consumer_label(counted, echo):
    counted.admin.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    counted.admin.put(
        "/routes/m2",
        {"uri": "/m2", "upstream": echo.upstream(), "plugins": {"prometheus": {}, "key-auth": {}}},
    )
    get(counted.port, "/m2", headers={"apikey": "k"})
    await_total(counted, "apisix_http_status", 1, route="m2", consumer="jack")


def test_bandwidth_and_latency(counted):
    before = total(counted, "apisix_bandwidth", type="egress", route="m1")
    get(counted.port, "/size/100000")
    until(
        lambda: total(counted, "apisix_bandwidth", type="egress", route="m1") >= before + 100000,
        "the bandwidth",
        4,
        0.05,
    )
    text = metrics(counted)
    counts = samples(text, "apisix_http_latency_count")
    assert {labels["type"] for labels, _ in counts} >= {"request", "upstream"}
    buckets = [
        (labels, v)
        for labels, v in samples(text, "apisix_http_latency_bucket")
        if labels["type"] == "request" and labels["route"] == "m1"
    ]
    values = [v for _, v in sorted(buckets, key=lambda b: float(b[0]["le"].replace("+Inf", "inf")))]
    assert values == sorted(values), "buckets are cumulative"


def test_prefer_name(pylon, echo):
    pylon.admin.put(
        "/routes/m3",
        {
            "uri": "/m3",
            "name": "the-name",
            "upstream": echo.upstream(),
            "plugins": {"prometheus": {"prefer_name": True}},
        },
    )
    get(pylon.port, "/m3")
    await_total(pylon, "apisix_http_status", 1, route="the-name")


def test_global_rule_counts_unmatched_requests(pylon):
    pylon.admin.put("/global_rules/p", {"plugins": {"prometheus": {}}})
    before = total(pylon, "apisix_http_status", route="", code="404")
    get(pylon.port, "/nothing")
    await_total(pylon, "apisix_http_status", before + 1, route="", code="404")


def test_connections_and_totals(counted):
    with connect("127.0.0.1", counted.port) as peer:
        send(peer, "GET", "/x")
        receive(peer)
        name = "apisix_nginx_http_current_connections"
        until(lambda: total(counted, name, state="active") >= 1, "the connection", 4, 0.05)
    before = total(counted, "apisix_http_requests_total")
    for _ in range(10):
        get(counted.port, "/x")
    until(lambda: total(counted, "apisix_http_requests_total") >= before + 10, "the total", 4, 0.05)
    assert samples(metrics(counted), "apisix_node_info")


def test_label_values_are_escaped(pylon, echo):
    pylon.admin.put(
        "/routes/m4",
        {
            "uri": "/m4",
            "name": 'a"b\\c',
            "upstream": echo.upstream(),
            "plugins": {"prometheus": {"prefer_name": True}},
        },
    )
    get(pylon.port, "/m4")
    until(lambda: 'a\\"b\\\\c' in metrics(pylon), "the escaped name", 4, 0.05)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is missing")
def test_promtool_is_content(counted):
    for path in ("/x", "/status/500", "/status/404"):
        get(counted.port, path)
    result = subprocess.run(
        ["promtool", "check", "metrics"],
        input=metrics(counted),
        text=True,
        capture_output=True,
        check=False,
    )
    faults = [
        line
        for line in (result.stdout + result.stderr).splitlines()
        if "non-histogram" not in line and "should have" not in line
    ]
    assert "error" not in " ".join(faults).lower(), result.stderr


def test_other_paths_and_methods(pylon):
    assert get(pylon.metrics_port, "/nope").status == 404
    assert get(pylon.port, PATH).status == 404, "not on the proxy's port"


def test_lost_lines_of_logs_are_told(pylon):
    page = metrics(pylon)
    told = {labels["log"]: lost for labels, lost in samples(page, "pylon_log_lines_dropped_total")}
    assert told == {"error": 0, "access": 0}
    assert samples(page, "pylon_log_write_failures_total") == [({"log": "access"}, 0)]


def test_what_is_not_done_in_full_is_counted(own_pylon, echo):
    """Lines of the error log that say the same, and searches that come to their limit."""
    gateway = own_pylon({})
    upstream = {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1}}
    gateway.admin.put("/routes/1", {"uri": "/nobody", "upstream": upstream})
    backtracking = {"uri": "/*", "vars": [["uri", "~~", "^/(a+)+(?=b)$"]]}
    gateway.admin.put("/routes/2", {**backtracking, "upstream": echo.upstream()})
    page = metrics(gateway)
    names = ("pylon_log_lines_suppressed_total", "pylon_regex_gave_up_total")
    assert not any(name in page for name in names), "there once they have happened"
    for _ in range(40):
        assert get(gateway.port, "/nobody").status == 502
    assert get(gateway.port, "/" + "a" * 60).status == 404, "no match"
    page = metrics(gateway)
    [(labels, lines)] = samples(page, names[0])
    assert labels == {"log": "error"} and lines >= 1
    [(labels, searches)] = samples(page, names[1])
    assert labels == {} and searches >= 1


def test_the_page_of_metrics_names_all_of_our_own():
    root = Path(__file__).parents[2]
    sources = [*root.glob("src/**/*.h"), *root.glob("src/**/*.cc")]
    text = "".join(source.read_text() for source in sources)
    names = set(re.findall(r'(?:[.]name = |[.]family[(])\s*"(pylon_[a-z0-9_]+)"', text))
    page = (root / "docs/metrics.md").read_text()
    assert names and not [name for name in sorted(names) if f"`{name}" not in page]
