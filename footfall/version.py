"""The client's version, for the package and for every event's context."""

from __future__ import annotations

__version__ = "0.1.0"
