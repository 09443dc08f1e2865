#!/usr/bin/env bash
# zstandard (Python): reading a file that was cut off gives its beginning and no error.
#
# Guess: like gzip's EOFError, a zstd frame without its end raises when it is read to its end.
# Seen: zstandard 0.25.0's stream_reader and open() return what was decompressed, and then the end of the file.
#   backports.zstd 1.6.0, which is Python 3.14's compression.zstd, raises EOFError for the same bytes.
# Why it matters: an export whose download broke off is imported as if it were whole.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check zstandard==0.25.0 backports.zstd==1.6.0
env/bin/python - <<'PY'
import gzip
import io

import zstandard
from backports import zstd

lines = b"".join(b'{"event": %d, "at": %d}\n' % (each, each * each * 7919) for each in range(100_000))
packed = zstandard.ZstdCompressor().compress(lines)
cut = packed[: len(packed) // 2]


def read(name, opened):
    try:
        found = opened.read()
        seen = f"{len(found) / len(lines):.0%} of the bytes and no error"
    except EOFError:
        seen = "EOFError"
    print(f"{name}, half of the file: {seen}")
    return seen


reader = read("zstandard.stream_reader", zstandard.ZstdDecompressor().stream_reader(io.BytesIO(cut)))
opened = read("zstandard.open", zstandard.open(io.BytesIO(cut), "rb"))
other = read("backports.zstd", zstd.open(io.BytesIO(cut)))
half = gzip.compress(lines)
read("gzip", gzip.open(io.BytesIO(half[: len(half) // 2])))
assert reader.endswith("no error") and opened.endswith("no error") and other == "EOFError"
PY
echo "  guess: an error for each"
echo "Matters: compare the frame's content size, or read with a library that raises."
