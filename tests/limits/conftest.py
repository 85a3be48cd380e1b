"""A gateway with small limits and short timeouts."""

import pytest

from harness.lanes import Lanes, SharedPylon
from harness.pylon import Pylon

CONFIG = {
    "nginx_config": {
        "http": {
            "keepalive_timeout": "1s",
            "client_header_timeout": "1s",
            "client_body_timeout": "1s",
            "send_timeout": "1s",
            "client_max_body_size": "64k",
        }
    },
    "pylon": {
        "limits": {
            "request_line": "4k",
            "request_head": "16k",
            "request_fields": 50,
            "response_head": "16k",
            "response_fields": 50,
        }
    },
}


@pytest.fixture(scope="module")
def strict_lanes():
    return Lanes({"plain": 60, "brief": 4}, network=1)


@pytest.fixture(scope="module")
def strict(strict_lanes, tmp_path_factory):
    shared = SharedPylon(Pylon(tmp_path_factory.mktemp("strict"), CONFIG), strict_lanes)
    yield shared
    shared.stop()


@pytest.fixture
def lane(strict, strict_lanes):
    lane = strict_lanes.open("plain", strict)
    yield lane
    lane.close()
    strict.assert_alive()
