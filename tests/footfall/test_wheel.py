"""The client as docs/client.md says to install it: a wheel of its own, without any index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import footfall
from tests.ingestion.collector.live import KEY, LiveCollector

CHECKOUT = Path(__file__).parents[2]
TRACKS = """
import footfall, sys
footfall.configure(write_key=sys.argv[1], host=sys.argv[2])
footfall.track(user_id="u1", action="click", value="buy_button", extra_info={"plan": "annual"})
assert footfall.flush(30)
print(footfall.stats().sent)
"""


def interpreter(version: str) -> Path | None:
    """A Python of this version, from the path or from pyenv."""
    if found := shutil.which(f"python{version}"):
        answers = subprocess.run([found, "-c", ""], capture_output=True, check=False)
        if answers.returncode == 0:  # pyenv puts names on the path that run nothing
            return Path(found)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(iter(sorted((root / "versions").glob(f"{version}.*/bin/python"))), None)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make client` builds."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    live = LiveCollector(tmp_path / "home", {}).start()
    yield live
    live.stop()
    live.process.stderr.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_the_wheel_installs_without_an_index_and_tracks(
    wheel: Path, collector: LiveCollector, tmp_path: Path, version: str
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "product"], check=True)
    own = tmp_path / "product" / "bin" / "python"
    install = [str(own), "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    listed = subprocess.run(
        [own, "-m", "pip", "list", "--format", "freeze"], text=True, capture_output=True, check=True
    )
    others = {"pip", "setuptools", "wheel"}
    assert {line.partition("==")[0] for line in listed.stdout.split()} - others == {"footfall"}

    # Away from the checkout, so that nothing but the wheel can be imported.
    told = subprocess.run(
        [own, "-c", TRACKS, KEY, f"http://127.0.0.1:{collector.port}"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert told.stdout == "1\n", told.stderr


def test_make_client_and_the_page_name_what_is_built() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    assert "-m hatchling build --target wheel -d dist" in makefile
    page = (CHECKOUT / "docs" / "client.md").read_text()
    assert "make client" in page
    assert f"pip install --no-index dist/footfall-{footfall.__version__}-py3-none-any.whl" in page
