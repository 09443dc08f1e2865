#!/usr/bin/env bash
# Vega writes 500 as 5e+2 on an axis that was asked for commas.
#
# A chart of counts wants 12,000 and not 12000, so its axis gets d3's format ",".
# Guess: 0, 100, 200, … 500; and 12,000. So does the same format in a tooltip, or in format() of an expression.
# Seen: altair 6.3.0 with vl-convert 1.9.0.post1 writes 1e+2 to 5e+2. Without a type, d3 gives the format of an axis a
#   precision that follows from the step: one digit. ",d" gives whole numbers only, and the axis of small values
#   then repeats them. An expression as label keeps both.
# Why it matters: charts of fewer than 10 or of tens look right, so nobody sees it before there are hundreds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'altair==6.3.0' 'vl-convert-python==1.9.0.post1'
"$folder/venv/bin/python" - <<'PY'
import re

import altair as alt
import vl_convert


def labels(most, **axis):
    bars = alt.Chart({"values": [{"day": "a", "persons": most}]}).mark_bar()
    y = alt.Y("persons:Q", axis=alt.Axis(tickCount=5, title=None, **axis))
    drawn = vl_convert.vegalite_to_svg(bars.encode(x=alt.X("day:N", title=None), y=y).to_json())
    return [text for text in re.findall(r">([^<>]+)</text>", drawn) if text != "a"]


comma, whole = labels(500, format=","), labels(1, format=",d")
expression = labels(12_000, labelExpr="format(datum.value, ',')")
print(f"altair 6.3.0, format ',' up to 500: {comma}")
print(f"  guess: ['0', '100', '200', '300', '400', '500']; ',d' up to 1: {whole}")
print(f"  an expression, up to 12000: {expression}")
assert comma == ["0", "1e+2", "2e+2", "3e+2", "4e+2", "5e+2"]
assert len(set(whole)) < len(whole)
assert expression[-1] == "12,000"
PY
echo "Matters: write labelExpr=\"format(datum.value, ',')\" where an axis shows counts."
