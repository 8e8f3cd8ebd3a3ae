"""Of the fault tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long form: a timed claim holds there, and elsewhere the machine may be busy."""
    return request.node.get_closest_marker("long") is not None
