"""The page of dbt's documentation, as the explorer serves it."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from explorer import definitions as page_of_dbt
from explorer.definitions import definitions
from explorer.published import NoAnswer
from tests.explorer.site import Site
from tests.models_in_memory import CompiledModels


@pytest.fixture
def parsed(compiled: CompiledModels, site: Site) -> Path:
    """The definitions of the golden days, as `prepare` would have put them into the site's home."""
    path = site.home / "dbt" / "parsed_manifest"
    path.parent.mkdir()
    path.write_text(f"whatever it is of\n{json.dumps(compiled.manifest)}")
    return path


def test_the_page_holds_every_model_with_its_columns_and_their_types(
    site: Site, parsed: Path
) -> None:
    answered = site.get("/definitions")
    assert answered.status == 200
    assert "INLINE DATA" not in answered.text
    (catalog,) = re.findall(r'\{"nodes": \{"model\..*"sources": \{\}\}', answered.text)
    actives = json.loads(catalog)["nodes"]["model.footfall.fct_daily_actives"]
    assert actives["columns"]["is_complete"]["type"] == "boolean"
    assert "metric.footfall.funnel_conversion_rate" in answered.text
    assert "exposure.footfall.explorer" in answered.text


def test_a_page_leads_to_the_definitions(golden_site: Site) -> None:
    assert golden_site.get("/catalogue").text.count('href="/definitions"') > 1


@pytest.mark.parametrize("content", [None, "", "torn\n{", "no second line"])
def test_definitions_that_are_not_read_yet_say_what_reads_them(
    site: Site, content: str | None
) -> None:
    if content is not None:
        (site.home / "dbt").mkdir()
        (site.home / "dbt" / "parsed_manifest").write_text(content)
    answered = site.get("/definitions")
    assert answered.status == 404
    assert "`make nightly`, `make up` or" in answered.text


def test_an_explorer_without_dbt_says_so(parsed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(page_of_dbt, "distribution", nothing)
    with pytest.raises(NoAnswer, match=r"^dbt is not installed here"):
        definitions(parsed)


def test_no_text_of_a_definition_ends_the_script_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "parsed_manifest"
    manifest = {"nodes": {}, "docs": "</script><script>alert(1)</script>"}
    path.write_text(f"head\n{json.dumps(manifest)}")
    assert "</script><script>alert" not in definitions(path)
