"""The OpenAPI document is true: schemathesis checks the collector against it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from ingestion.collector.app import ENDPOINTS
from ingestion.collector.openapi import document
from ingestion.protocols.catalog import BATCH_FIELDS
from ingestion.protocols.routes import ROUTES
from tests.ingestion.collector.live import KEY, LiveCollector, basic

#: Of each operation, beside the edges that schemathesis tries of every field.
EXAMPLES = 5
#: The collector says 404 for a path, 413 for a batch, that the document does not allow.
REJECTIONS = ["400", "401", "404", "405", "413"]

DOCUMENT = document(ENDPOINTS, ROUTES)
SCHEMA = schemathesis.openapi.from_dict(
    DOCUMENT,
    config=SchemathesisConfig.from_dict(
        {"seed": 1, "checks": {"negative_data_rejection": {"expected-statuses": REJECTIONS}}}
    ),
)
#: Paths that differ in name only are one kind, and the last of it stands for all.
KINDS = [
    *{(route.open, route.protocol, route.answer): path for path, route in ROUTES.items()}.values(),
    *(ENDPOINTS.keys() - ROUTES.keys()),
]


@SCHEMA.include(path=KINDS).exclude(method="OPTIONS").parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_one_the_document_names(
    case: schemathesis.Case[Any], shared: LiveCollector
) -> None:
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{shared.port}", headers={"Authorization": basic(KEY)}
    )


def test_the_collector_serves_the_document(shared: LiveCollector) -> None:
    reply = shared.get("/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == DOCUMENT


def test_every_endpoint_is_described_with_its_methods() -> None:
    assert list(DOCUMENT["paths"]) == list(ENDPOINTS)
    for path, methods in ENDPOINTS.items():
        operations = DOCUMENT["paths"][path]
        assert operations.keys() - {"parameters"} == {method.lower() for method in methods}
        for method in operations.keys() - {"parameters", "options"}:
            assert operations[method]["summary"]


@pytest.mark.parametrize("path", ROUTES)
def test_a_sender_without_a_key_hears_what_the_document_names(
    shared: LiveCollector, path: str
) -> None:
    method = ROUTES[path].methods[0]
    body = json.dumps({name: [] for name in BATCH_FIELDS}).encode()
    reply = shared.request(method, path, body)
    assert reply.status == 401
    assert "401" in DOCUMENT["paths"][path][method.lower()]["responses"]
