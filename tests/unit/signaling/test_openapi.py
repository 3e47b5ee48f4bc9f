"""The description of the REST interface: valid, and never stale."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from signaling import routes
from signaling.http import UNSAFE_METHODS
from signaling.openapi import as_text, describe, operation_id, plain_path

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def test_the_committed_description_is_that_of_the_routes() -> None:
    assert COMMITTED.read_text("utf-8") == as_text(routes.all_routes()), (
        "run: python server.py openapi --write docs/openapi.json"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_valid_openapi_3_1() -> None:
    document = json.loads(as_text(routes.all_routes()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_it_once() -> None:
    document = describe(routes.all_routes())
    for route in routes.all_routes():
        operation = document["paths"][plain_path(route.path)][route.method.lower()]
        assert operation["x-permission"] == route.permission.value
        if route.method in UNSAFE_METHODS and operation["security"]:
            assert operation["security"] == [{"session": [], "csrf": []}]
    ids = [operation_id(route) for route in routes.all_routes()]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere() -> None:
    text = as_text(routes.all_routes())
    document = json.loads(text)

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                target = document
                for part in reference.removeprefix("#/").split("/"):
                    target = target[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
