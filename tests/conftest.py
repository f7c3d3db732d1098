"""What all tests share: an empty current folder, and properties that are not cut short on a busy machine."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("parbatch", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parbatch")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
