"""`python -m orchestration.env_example`: .env.example, written from Settings."""

from __future__ import annotations

import sys
from pathlib import Path

from ingestion.settings import PREFIX, Settings


def env_example() -> str:
    """Every variable with its description and default, commented out."""
    lines = [
        "# Every knob of Footfall, with its default. Export what you change, or keep it in a file",
        "# that your process manager reads. Written by `make env-example`.",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, dict | tuple) or default is None:
            default = ""
        if isinstance(default, Path) and default.is_absolute():
            default = default.name
        lines += ["", f"# {field.description}", f"# {PREFIX}{name.upper()}={default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(env_example())
