"""Options, the shared gateways, and what is shown when a test fails.

    /usr/bin/python3 -m pytest tests                       Pylon, sizes for every day
    /usr/bin/python3 -m pytest tests --full                1 GiB files, thousands of connections
    /usr/bin/python3 -m pytest tests/http1 --gateway nginx the same cases against a peer
"""
import collections
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.lanes import Lanes, SharedPylon  # noqa: E402
from harness.peers import Haproxy, Nginx  # noqa: E402
from harness.pylon import Pylon  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--gateway",
        default="pylon",
        choices=["pylon", "nginx", "haproxy"],
        help="what tests/http1 runs against",
    )
    parser.addoption("--full", action="store_true", help="big files and many connections")


def pytest_configure(config):
    config.addinivalue_line("markers", "must: demanded by a MUST of RFC 9110 or 9112")
    config.addinivalue_line("markers", "rfc(section): where the demand stands")


@pytest.fixture(scope="session")
def full(request):
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def lanes():
    return Lanes()


@pytest.fixture(scope="session")
def gateway(request, lanes, tmp_path_factory):
    """The gateway that all of tests/http1 shares."""
    folder = tmp_path_factory.mktemp("gateway")
    kind = request.config.getoption("--gateway")
    if kind == "pylon":
        shared = SharedPylon(Pylon(folder, {"apisix": {"enable_http2": False}}), lanes)
    else:
        shared = {"nginx": Nginx, "haproxy": Haproxy}[kind](folder, lanes)
    yield shared
    shared.stop()


def _lane(kind, gateway, lanes):
    lane = lanes.open(kind, gateway)
    yield lane
    lane.close()
    gateway.assert_alive()


@pytest.fixture
def lane(gateway, lanes):
    yield from _lane("plain", gateway, lanes)


@pytest.fixture
def websocket_lane(gateway, lanes):
    yield from _lane("websocket", gateway, lanes)


@pytest.fixture
def brief_lane(gateway, lanes):
    yield from _lane("brief", gateway, lanes)


@pytest.fixture
def root_lane(gateway, lanes):
    yield from _lane("root", gateway, lanes)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    for name in ("gateway", "pylon"):
        shown = item.funcargs.get(name) if hasattr(item, "funcargs") else None
        if shown is not None and hasattr(shown, "tail"):
            report.sections.append((f"log of the {name}", shown.tail()))


def pytest_terminal_summary(terminalreporter):
    """Passed of all, per file, and of those that are a MUST."""
    counts = collections.defaultdict(lambda: [0, 0, 0, 0])
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            if report.when != "call" and outcome == "passed":
                continue
            row = counts[report.nodeid.split("::")[0]]
            row[1] += 1
            row[0] += outcome == "passed"
            if "must" in report.keywords:
                row[3] += 1
                row[2] += outcome == "passed"
    if not counts:
        return
    terminalreporter.section("passed by file (of these, MUST)")
    for name, (passed, total, must_passed, must) in sorted(counts.items()):
        terminalreporter.write_line(f"{passed:5}/{total:<5} {must_passed:4}/{must:<4} {name}")


def known_gaps():
    """Beginnings of node ids, and why these cases are expected to fail."""
    lines = (Path(__file__).parent / "known_gaps.txt").read_text().splitlines()
    return [line.split("\t", 1) for line in lines if line and not line.startswith("#")]


def pytest_collection_modifyitems(items):
    gaps = known_gaps()
    for item in items:
        for start, why in gaps:
            if start in item.nodeid:
                item.add_marker(pytest.mark.xfail(reason=why, strict=False))
