"""Umami: rows of website_event with their data, as the query of docs/import.md writes them."""

from __future__ import annotations

from tests.ingestion.importer.conftest import Desk

TABLE = b"""event_id,website_id,session_id,created_at,event_type,event_name,hostname,url_path,\
url_query,page_title,referrer_domain,os,device,language,distinct_id,event_data
e1,w,s1,2025-04-01 10:00:00.123+00,1,,x.org,/a,b=c,A,news.org,Mac OS,desktop,de-DE,,
e2,w,s1,2025-04-01 10:00:05+00,2,signed_up,x.org,/a,,A,,Mac OS,desktop,de-DE,ann,\
"{""plan"": ""annual"", ""seats"": 3}"
e3,w,,2025-04-01 10:00:05+00,2,signed_up,,,,,,,,,,
"""


def test_pages_and_events_are_imported_with_their_data(desk: Desk) -> None:
    desk.run("umami", "--source", "web", desk.write("website_event.csv", TABLE))
    page, event = desk.events()
    assert (page["type"], page["anonymous_id"], page["user_id"]) == ("page", "s1", None)
    assert page["context"]["page"] == {
        "path": "/a",
        "url": "https://x.org/a?b=c",
        "title": "A",
        "referrer": "https://news.org/",
    }
    assert page["original_timestamp"] == page["received_at"] == "2025-04-01T10:00:00.123000Z"
    assert (event["event_name"], event["user_id"]) == ("signed_up", "ann")
    assert event["properties"] == {"plan": "annual", "seats": 3}
    assert event["context"]["extra_fields"]["website_id"] == "w"
    assert [each["reason"] for each in desk.refused()] == ["missing_id"]
