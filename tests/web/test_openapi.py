"""The OpenAPI document holds: schemathesis makes requests of it, good and bad ones, and nothing answers 5xx."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "service.md"
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def operations(client):
    document = client.get("/openapi.json").json()
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def test_every_route_is_in_the_page(client):
    page = PAGE.read_text(encoding="utf-8")
    assert {(m, p) for m, p in operations(client) if f"`{m} {p.replace('{picture_id}', '{id}')}`" not in page} == set()
    shown = set(re.findall(r"^\| `([A-Z]+) (\S+)`", page, re.MULTILINE))
    assert {(m, p.replace("{id}", "{picture_id}")) for m, p in shown} <= operations(client) | {
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
    }


def test_every_refusal_has_the_one_shape(client):
    document = client.get("/openapi.json").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            for status in ("4XX", "5XX"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_answers_have_the_fields_of_the_document(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    found = client.post("/api/search", json={"text": "red", "top": 1}).json()
    hit = found["hits"][0]
    told = client.post("/api/explain", json={"text": "red", "id": hit["id"]}).json()
    answers = {
        "SearchOut": found,
        "QueryOut": found["query"],
        "HitOut": hit,
        "ExplainOut": told,
        "WordOut": told["words"][0],
        "GalleryOut": client.get("/api/gallery").json(),
        "IndexStateOut": client.get("/api/index").json(),
    }
    for name, answer in answers.items():
        assert set(answer) == set(schemas[name]["properties"]) == set(schemas[name]["required"]), name
    assert {"SearchIn", "ExplainIn", "IndexIn", "WeightsIn"} <= set(schemas)


@pytest.mark.slow
def test_nothing_that_fits_the_document_is_a_server_error(start):
    service = start("--read-only")
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    num_cases = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == "/api/index/events":
            continue  # a stream without end

        @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case):
            nonlocal num_cases
            num_cases += 1
            case.call_and_validate(checks=CHECKS)

        check()
    assert num_cases > 200
