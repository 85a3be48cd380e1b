"""A gateway with two workers, and upstreams that say what they saw."""

import pytest

from harness.certs import Authority
from harness.echo import Echo
from harness.pylon import Pylon


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Who issues certificates for the tests of a file."""
    return Authority(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def one(authority):
    return authority.issue("one.test")


@pytest.fixture(scope="module")
def echo():
    server = Echo("one")
    yield server
    server.close()


@pytest.fixture(scope="module")
def echoes():
    servers = [Echo(name) for name in ("a", "b", "c")]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def module_pylon(tmp_path_factory):
    """One gateway per file of tests."""
    gateway = Pylon(tmp_path_factory.mktemp("pylon"), workers=2).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def pylon(module_pylon):
    """The file's gateway, its resources removed afterwards."""
    yield module_pylon
    kinds = "routes global_rules consumers services plugin_configs upstreams ssls"
    for kind in kinds.split():
        listed = module_pylon.admin.get(f"/{kind}")
        for item in (listed or {}).get("list", []):
            name = item["key"].rsplit("/", 1)[1]
            module_pylon.admin.delete(f"/{kind}/{name}?force=true")


@pytest.fixture
def own_pylon(tmp_path):
    """Makes gateways for one test: own_pylon(config, workers=2, start=True, **of Pylon)."""
    made = []

    def make(config=None, workers=2, start=True, **more):
        gateway = Pylon(tmp_path / f"pylon{len(made)}", config, workers, **more)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in made:
        gateway.stop()
