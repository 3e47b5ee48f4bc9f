"""The OpenAPI 3.1 description, generated from the route table."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.auth.model import Permission
from core.errors import (
    AppError,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMany,
    Unavailable,
)
from signaling.http import UNSAFE_METHODS, File, Route
from signaling.security import CSRF_HEADER, SESSION_COOKIE

VERSION = "1"
_REF = "#/components/schemas/{model}"
_FAULTS: tuple[type[AppError], ...] = (
    InvalidInput, NotSignedIn, NotAllowed, NotFound, Conflict, TooMany, Unavailable,
)  # fmt: skip
_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")

Schema = dict[str, Any]


def describe(routes: Sequence[Route]) -> Schema:
    """The whole document, in the order of the paths."""
    ordered = sorted(routes, key=lambda route: (route.path, route.method))
    schemas, definitions = _schemas(ordered)
    paths: dict[str, Schema] = {}
    for route in ordered:
        operation = _operation(route, schemas, definitions)
        paths.setdefault(plain_path(route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fengsui",
            "version": VERSION,
            "summary": "County server for video meetings, emergency command and SMS",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Error": _ERROR},
            "responses": {fault.__name__: _fault(fault) for fault in _FAULTS},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
                "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
            },
        },
    }


def as_text(routes: Sequence[Route]) -> str:
    """The document as committed in docs/openapi.json."""
    return json.dumps(describe(routes), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def plain_path(path: str) -> str:
    """`/x/{id:\\w+}` → `/x/{id}`."""
    return _PARAMETER.sub(r"{\1}", path)


_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "field"],
            "properties": {
                "code": {"type": "string", "description": "Stable; see docs/protocol.md."},
                "message": {"type": "string", "description": "A plain sentence."},
                "field": {"type": ["string", "null"], "description": "Dotted path of the fault."},
            },
        }
    },
}


def _schemas(routes: Sequence[Route]) -> tuple[dict[type[BaseModel], Schema], Schema]:
    """Each model's schema (a reference), and the definitions they refer to."""
    inputs = {m for route in routes for m in (route.query, route.body) if _is_model(m)}
    outputs = {route.response for route in routes if _is_model(route.response)}
    wanted = [(model, "validation") for model in _sorted(inputs)]
    wanted += [(model, "serialization") for model in _sorted(outputs)]
    found, document = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type]
    schemas: dict[Any, Schema] = {model: schema for (model, _mode), schema in found.items()}
    return schemas, document.get("$defs", {})


def _sorted(models: set[Any]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: (model.__module__, model.__qualname__))


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _operation(route: Route, schemas: dict[type[BaseModel], Schema], definitions: Schema) -> Schema:
    operation: Schema = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [_area(route.path)],
        "x-permission": route.permission.value,
        "responses": _responses(route, schemas),
    }
    if (route.handler.__doc__ or "").strip():
        operation["description"] = " ".join((route.handler.__doc__ or "").split())
    if parameters := _parameters(route, schemas, definitions):
        operation["parameters"] = parameters
    if route.body is bytes:
        content: Schema = {"application/octet-stream": {"schema": {}}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        schema = schemas[route.body]  # type: ignore[index]
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["security"] = _security(route)
    return operation


def operation_id(route: Route) -> str:
    """`POST /api/v1/users/{user_id}/password` → `post_users_user_id_password`."""
    words = re.findall(r"\w+", plain_path(route.path.removeprefix("/api/v1")))
    return "_".join((route.method.lower(), *words)) if words else route.method.lower()


def _area(path: str) -> str:
    return path.removeprefix("/api/v1").strip("/").partition("/")[0] or "pages"


def _security(route: Route) -> list[Schema]:
    if route.permission is Permission.PUBLIC:
        return []
    if route.method in UNSAFE_METHODS:
        return [{"session": [], "csrf": []}]
    return [{"session": []}]


def _parameters(
    route: Route, schemas: dict[type[BaseModel], Schema], definitions: Schema
) -> list[Schema]:
    found: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        reference = schemas[route.query]["$ref"].rpartition("/")[2]
        schema = definitions[reference]
        required = schema.get("required", [])
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema.get("properties", {}).items()
        ]
    return found


def _responses(route: Route, schemas: dict[type[BaseModel], Schema]) -> Schema:
    faults = [
        fault
        for fault in _FAULTS
        if route.permission is not Permission.PUBLIC or fault not in {NotAllowed}
    ]
    answers: Schema = {
        str(fault.http_status): {"$ref": f"#/components/responses/{fault.__name__}"}
        for fault in faults
    }
    if route.response is None:
        status = "204" if route.status == 200 else str(route.status)
        answers[status] = {"description": "Done."}
    elif route.response is File:
        content: Schema = {"application/octet-stream": {"schema": {}}}
        answers[str(route.status)] = {"description": "The file.", "content": content}
    else:
        schema = schemas[route.response]  # type: ignore[index]
        content = {"application/json": {"schema": schema}}
        answers[str(route.status)] = {"description": "Success.", "content": content}
    return answers


def _fault(fault: type[AppError]) -> Schema:
    return {
        "description": (fault.__doc__ or "").partition("\n")[0],
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
    }
