"""What deploy/ says, read as systemd, a container engine or a person would."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"
UNITS = DEPLOY / "systemd"
#: Where units and image have the checkout and the home.
INSTALLED = "/opt/footfall"
HOME = "/var/lib/footfall"

Unit = dict[str, dict[str, list[str]]]


def read_unit(path: Path) -> Unit:
    """The assignments of a unit file by section and key, in their order."""
    unit: Unit = defaultdict(lambda: defaultdict(list))
    section = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif (match := re.fullmatch(r"([A-Za-z]+)=(.*)", line)) and section:
            unit[section][match[1]].append(match[2])
        else:
            raise ValueError(f"{path.name}:{number}: {line!r}")
    return unit


def services() -> dict[str, Unit]:
    """The services by role, each with what all of them have in common."""
    common = read_unit(UNITS / "footfall-.service.d" / "common.conf")
    found = {}
    for path in sorted(UNITS.glob("*.service")):
        unit = read_unit(path)
        for section, assignments in common.items():
            for key, values in assignments.items():
                unit[section][key] += values
        found[path.stem.removeprefix("footfall-")] = unit
    return found


def environment() -> dict[str, str]:
    """The variables of the example that both ways of running read."""
    lines = (DEPLOY / "footfall.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


def compose() -> dict[str, Any]:
    """The compose file, merged as an engine merges it."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def containerfile() -> list[tuple[str, str]]:
    """Instruction and arguments of each line, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines if line.strip()]


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    arguments = next(text for name, text in reversed(containerfile()) if name == "ENV")
    return dict(pair.split("=", 1) for pair in shlex.split(arguments))


def image_command() -> list[str]:
    """What the image runs by itself."""
    arguments = next(text for name, text in reversed(containerfile()) if name == "CMD")
    command: list[str] = json.loads(arguments)
    return command
