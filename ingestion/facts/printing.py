"""Text from senders we do not know, for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that is safe to print: control, direction and other invisible characters are escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
