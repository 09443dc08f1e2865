"""What the collector serves to browsers: the script that pages load, and a page to try it.

Both are read once, at import. A request names one of PATHS, never a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ingestion.protocols.responses import Answer

SCRIPT_PATH: Final = "/footfall.js"
DEMO_PATH: Final = "/demo"
#: A page requests the script again after an hour, and usually gets 304.
FRESH_SECONDS: Final = 3600

_FOLDER = Path(__file__).parent


def _served(name: str, content_type: bytes, seconds: int) -> Answer:
    body = (_FOLDER / name).read_bytes()
    headers = (
        (b"etag", b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()),
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"x-content-type-options", b"nosniff"),
        # Pages of every origin may load the script, also cross-origin isolated ones.
        (b"cross-origin-resource-policy", b"cross-origin"),
    )
    return Answer(200, body, headers, content_type)


#: Path → the file that is served there.
PATHS: Final[Mapping[str, Answer]] = {
    SCRIPT_PATH: _served("footfall.js", b"text/javascript; charset=utf-8", FRESH_SECONDS),
    DEMO_PATH: _served("demo.html", b"text/html; charset=utf-8", 0),
}


def file(path: str, headers: Mapping[bytes, bytes]) -> Answer:
    """The file of one of PATHS, or 304 if the browser has it already."""
    answer = PATHS[path]
    etag = answer.headers[0][1]
    known = [each.strip() for each in headers.get(b"if-none-match", b"").split(b",")]
    if etag in known or b"W/" + etag in known:
        return Answer(304, b"", answer.headers, answer.content_type)
    return answer
