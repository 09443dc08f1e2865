"""`python -m benchmarks`: every benchmark, one after the other, each in its own process."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    *("collector", "load", "importing", "build", "growth", "aliases", "questions", "conversion"),
    *("latency", "runs", "sizes", "explorer"),
)


def main() -> int:
    """Run all; the exit code is that of the first that failed."""
    for name in NAMES:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
