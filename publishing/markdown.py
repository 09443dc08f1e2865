"""Escapes text that a stranger sent, for Markdown that people read."""

from __future__ import annotations

import re

# An underscore between letters is not markup, and most names have one.
_MARKUP = re.compile(r"[\\`*\[\]<>&|~#!]|(?<!\w)_|_(?!\w)")


def as_markdown(text: str) -> str:
    """The text as one line of Markdown that shows only this text.

    A name that a stranger sent may be Markdown: a link, or a picture that the reader's browser
    would fetch.
    """
    plain = "".join(each if each.isprintable() else " " for each in text)
    return _MARKUP.sub(r"\\\g<0>", plain)
