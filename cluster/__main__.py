"""`python -m cluster`: start a cluster on this machine, or compare two published files."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cluster.compare import differences
from cluster.on_this_machine import ClusterMissing, LocalCluster
from ingestion.settings import get_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 1 if the files differ, 2 with the reason in words if it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "up", help="PostgreSQL, Spark's master, two workers and Thrift, until Ctrl-C"
    )
    compared = commands.add_parser("compare", help="each mart of two published files, row by row")
    compared.add_argument("one", type=Path)
    compared.add_argument("other", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "compare":
        return _compare(options.one, options.other)
    # Else a cluster that is ended by `kill` would leave Spark and PostgreSQL behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LocalCluster(get_settings().home / "cluster", Path(sys.prefix)) as cluster:
            _tell(cluster)
            while True:
                time.sleep(1)
    except ClusterMissing as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; nothing is left running.\n")
        return 0


def _tell(cluster: LocalCluster) -> None:
    exports = "\n".join(f"export {name}={value}" for name, value in cluster.variables.items())
    sys.stdout.write(
        f"The cluster runs until Ctrl-C; its logs and tables are in {cluster.folder}.\n"
        "A site in another terminal builds on it with these variables, and with the Python of\n"
        f"{sys.prefix}:\n\n{exports}\n\n"
    )
    sys.stdout.flush()


def _compare(one: Path, other: Path) -> int:
    for path in (one, other):
        if not path.exists():
            sys.stderr.write(f"there is no {path}: name two published files\n")
            return 2
    found = differences(one, other)
    sys.stdout.write("".join(f"{each}\n" for each in found) or "Every mart is the same.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
