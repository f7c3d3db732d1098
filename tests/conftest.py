"""What all tests share: an empty current folder, and properties that are not cut short on a busy machine."""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("parbatch", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parbatch")

# A shell starts what goes on in its background with SIGINT ignored, and all that is started from there would ignore it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one; what loading a job adds to where modules are looked for goes again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path
