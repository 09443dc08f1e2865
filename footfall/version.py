"""The client's version, as the package and every event's context give it."""

from __future__ import annotations

__version__ = "0.1.0"
