"""The explorer as a person uses it: click, filter, point, cancel, on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import PROGRAM, Page, chromium
from tests.explorer.conftest import home_of
from tests.explorer.site import Site, serving
from tests.explorer.test_faults import slow_page
from tests.models_in_memory import CompiledModels

__all__ = ["slow_page"]

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed here")
DAYS = "since=2026-03-01&until=2026-03-31"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "profile") as each:
        yield each


@pytest.fixture
def site(published: Path, tmp_path: Path) -> Iterator[Site]:
    with serving(home_of(published, tmp_path)) as each:
        yield each


def test_a_row_filters_the_overview_and_its_link_shows_the_same(page: Page, site: Site) -> None:
    page.visit(f"{site.address}/overview?{DAYS}")
    visits = "document.querySelectorAll('#visits dd')[1].innerText.trim()"
    before = page.run(visits)
    page.click("#event_name td a", "sign_up")
    page.until("location.search.includes('filter=event_name%3Dsign_up')")
    page.until("document.readyState === 'complete'")
    after = page.run(visits)
    assert after != before
    assert page.run("document.querySelector('[name=filter]').value") == "event_name=sign_up"

    address = page.run("location.href")
    page.visit("about:blank")
    page.visit(address)
    assert page.run(visits) == after


def test_a_form_asks_and_empty_fields_ask_nothing(page: Page, site: Site) -> None:
    page.visit(f"{site.address}/trends?{DAYS}")
    page.run("document.querySelector('[name=event]').value = 'sign_up'")
    page.click("form.asking button", "Ask")
    page.until("location.search.includes('event=sign_up') && document.readyState === 'complete'")
    assert page.run("document.querySelectorAll('.problem').length") == 0
    assert page.run("document.querySelector('#trend h2').innerText") == "sign_up: events per day"


def test_pointing_at_a_mark_shows_what_it_says(page: Page, site: Site) -> None:
    page.visit(f"{site.address}/trends?{DAYS}")
    mark = "document.querySelector('figure [aria-label$=\" events\"]')"
    page.run(f"{mark}.dispatchEvent(new PointerEvent('pointerover', {{bubbles: true}}))")
    assert page.run("document.querySelector('.told').innerText") == page.run(
        f"{mark}.getAttribute('aria-label')"
    )


@pytest.mark.parametrize(
    "path", ["overview", "trends", "retention", "people", "trust", "funnels?step=page_view&step=*&"]
)
def test_a_page_fits_on_a_phone(page: Page, site: Site, path: str) -> None:
    page.resize(360, 800)
    page.visit(f"{site.address}/{path}{'' if '?' in path else '?'}{DAYS}")
    assert page.run("document.documentElement.scrollWidth") <= 360


def test_every_field_has_a_name_and_every_chart_a_table(page: Page, site: Site) -> None:
    for path in ("overview", "funnels", "people"):
        page.visit(f"{site.address}/{path}?{DAYS if path == 'overview' else ''}")
        unnamed = (
            "[...document.querySelectorAll('input, select')]"
            ".filter(each => !each.labels.length && !each.ariaLabel).length"
        )
        assert page.run(unnamed) == 0
    page.visit(f"{site.address}/trends?{DAYS}")
    assert page.run(
        "[...document.querySelectorAll('figure')]"
        ".every(each => each.closest('.panel').querySelector('table'))"
    )


def test_cancel_ends_the_question_and_the_page_stays(
    page: Page, site: Site, slow_page: str
) -> None:
    page.call("Page.navigate", url=site.address + slow_page)
    page.click(".waiting button", "Cancel")
    page.until("document.querySelector('.problem')?.innerText === 'The question was cancelled.'")
    assert page.run("location.pathname") == slow_page
    page.until("document.readyState === 'complete'")


def test_the_definitions_and_their_lineage_are_shown_and_nothing_is_loaded(
    page: Page, site: Site, compiled: CompiledModels
) -> None:
    parsed = site.home / "dbt" / "parsed_manifest"
    parsed.parent.mkdir()
    parsed.write_text(f"\n{json.dumps(compiled.manifest)}")
    page.visit(f"{site.address}/saved")
    page.click("nav a", "Definitions")
    page.until("document.body?.innerText.includes('What the numbers mean')")
    page.run("location.hash = '#!/model/model.footfall.fct_daily_actives'")
    page.until("document.body.innerText.includes('Number of distinct persons active that day')")
    page.run("document.querySelector('.launcher-btn').click()")
    page.until("document.querySelectorAll('canvas').length > 0")
    loaded = page.run("performance.getEntriesByType('resource').map(each => each.name)")
    # What it asks its own address for are pictures that it does not have; the policy forbids them.
    assert [each for each in loaded if not each.startswith(("data:", site.address))] == []
    # Scripts of dbt's page cannot read what the explorer shows of people.
    assert page.run("origin") == "null"
