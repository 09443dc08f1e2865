"""Queries and forms: their parameters are an event, or contain its JSON.

Pure. Pixels send an event in the query. Browsers send forms when a page closes.
"""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from ingestion.facts.compression import GZIP_MAGIC
from ingestion.protocols.http_errors import Unreadable

#: Parameters of one GET; a page view of Snowplow's browser tracker has 20.
MAX_PARAMETERS: Final = 200

_DATA = re.compile(rb"(?:^|&)data=([^&]*)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
#: From base64url to base64, and from the blank that a form made of a plus. Line breaks are deleted.
_ALPHABET = bytes.maketrans(b"-_ ", b"+/+")


def query_fields(query: bytes) -> dict[str, str]:
    """The parameters of a query, the last of each name; raises Unreadable past MAX_PARAMETERS."""
    try:
        pairs = parse_qsl(
            query.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise Unreadable(
            400, "invalid_query", f"send at most {MAX_PARAMETERS} parameters"
        ) from None
    return dict(pairs)


def form_data(text: bytes) -> bytes | None:
    """The JSON in a form's ``data``, plain or in base64; None if there is none."""
    found = None if text.lstrip()[:1] in (b"{", b"[") else _DATA.search(text)
    if found is None:
        return None
    value = unquote_to_bytes(found[1].replace(b"+", b" "))
    if value.lstrip()[:1] in (b"{", b"["):
        return value
    carried = _from_base64(value)
    return carried if carried.lstrip()[:1] in (b"{", b"[") or carried[:2] == GZIP_MAGIC else None


def _from_base64(text: bytes) -> bytes:
    """Decode base64 of either alphabet, padded or not, up to its damage: long queries get cut."""
    data = _BASE64.match(text.translate(_ALPHABET, b"\r\n\t"))[0]  # type: ignore[index]
    data = data[: len(data) - (len(data) % 4 == 1)]
    return base64.b64decode(data + b"=" * (-len(data) % 4))
