"""What is shared with tests/gateway."""

from gateway.conftest import echo, own_pylon  # noqa: F401
