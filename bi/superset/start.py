"""`python -m bi.superset.start` serves Superset at FOOTFALL_SUPERSET_HOST and _PORT.

`make superset` makes the virtual environment that it runs in: Superset cannot share ours.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from ingestion.settings import Settings, get_settings, reachable

FOLDER = Path(__file__).parent
PROGRAMS = FOLDER.parents[1] / ".venv-superset" / "bin"
#: Read by superset_config.py; only we set it.
HOME_VARIABLE = "FOOTFALL_SUPERSET_HOME"
#: The folder of FOOTFALL_HOME for what Superset keeps, and files in it.
HOME_FOLDER, KEY, PASSWORD = "superset", "secret_key", "admin_password"
#: Each asks one question at a time, so a file that was replaced is never kept open by another
#: question of the same process. A dashboard asks a dozen at once.
WORKERS = 4


def main() -> int:
    """Prepare Superset's own database, then become its server. 1 says why that cannot be."""
    settings = get_settings()
    if not (PROGRAMS / "gunicorn").exists():
        sys.stderr.write("Superset is not installed here: start it with `make superset`.\n")
        return 1
    if not settings.published.exists():
        sys.stderr.write(
            f"Nothing is published yet: there is no {settings.published}. Send an event and run "
            "`make nightly`, or let `make demo` fill one.\n"
        )
        return 1
    home = settings.home / HOME_FOLDER
    for name in (KEY, PASSWORD):
        make_secret(home / name)
    log = home / "prepare.log"
    with log.open("wb") as output:
        prepared = subprocess.run(
            [PROGRAMS / "python", FOLDER / "prepare.py", FOLDER / "export", settings.published],
            env=superset_environment(home),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if prepared.returncode:
        sys.stderr.write(f"Superset could not be prepared; {log} says why.\n")
        return 1
    print(
        f"Superset: http://{reachable(settings.superset_host)}:{settings.superset_port}, until "
        f"Ctrl-C. The account is admin, its first password is in {home / PASSWORD}.",
        flush=True,
    )
    # A shell makes programs started with & ignore SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(PROGRAMS / "gunicorn", serving(settings), superset_environment(home))


def make_secret(path: Path) -> None:
    """A file that only this user reads, with a random text. One that exists stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))


def superset_environment(home: Path) -> dict[str, str]:
    """The environment of Superset and its programs, which keep what they have in ``home``."""
    return {
        **os.environ,
        HOME_VARIABLE: str(home),
        "SUPERSET_CONFIG_PATH": str(FOLDER / "superset_config.py"),
    }


def serving(settings: Settings) -> list[str]:
    """The server's program with its arguments."""
    return [
        *("gunicorn", "--workers", str(WORKERS), "--preload", "--timeout", "120"),
        *("--bind", f"{settings.superset_host}:{settings.superset_port}"),
        *("--log-level", "warning", "superset.app:create_app()"),
    ]


if __name__ == "__main__":
    sys.exit(main())
