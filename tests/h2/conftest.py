import pytest

from harness.echo import Echo
from harness.h2 import Client
from harness.pylon import Pylon


@pytest.fixture(scope="module")
def echo():
    server = Echo("one")
    yield server
    server.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, echo):
    gateway = Pylon(tmp_path_factory.mktemp("pylon"), workers=1).start()
    nodes = {f"127.0.0.1:{echo.port}": 1}
    gateway.admin.put("/routes/1", {"uri": "/*", "upstream": {"nodes": nodes}})
    yield gateway
    gateway.stop()


@pytest.fixture
def connect(served):
    made = []

    def make(*args, **options):
        made.append(Client(served.port, *args, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect):
    return connect()
