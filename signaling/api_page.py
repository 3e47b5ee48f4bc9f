"""The readable page of the API at /api: plain HTML made from the same description, no script."""

from collections.abc import Sequence
from html import escape
from typing import Any

from signaling.http import Route
from signaling.openapi import describe

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#b4281e}
body{font:15px/1.55 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:70rem;
margin:2rem auto;padding:0 1.25rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid
var(--line);padding-bottom:.25rem}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0;padding:.45rem .8rem}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
code,pre{font:13px/1.5 ui-monospace,Consolas,monospace}
.method{font-weight:700;min-width:4.2rem;color:var(--accent)}
.permission{margin-left:auto;color:#888;font-size:.85rem}
table{border-collapse:collapse;margin:.5rem 0;width:100%}
td,th{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:var(--soft)}
"""


def page(routes: Sequence[Route]) -> str:
    """All operations by area, with parameters, bodies and answers."""
    document = describe(routes)
    areas: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            shown = _operation(path, method, operation)
            areas.setdefault(operation["tags"][0], []).append(shown)
    sections = "".join(
        f"<h2>{escape(area)}</h2>{''.join(shown)}" for area, shown in sorted(areas.items())
    )
    schemas = "".join(
        _schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Fengsui API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="stylesheet" href="/api/style.css"></head><body><h1>Fengsui API</h1>'
        '<p>OpenAPI 3.1: <a href="/api/openapi.json">openapi.json</a>. Sign in with '
        "<code>POST /api/v1/session</code>; send its <code>csrf_token</code> as "
        "<code>X-CSRF-Token</code> with everything that is not a GET. Faults are "
        "<code>{&quot;error&quot;: {code, message, field}}</code>.</p>"
        f"{sections}<h2>Schemas</h2>{schemas}</body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description', ''))}</p>"]
    if rows := "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
        f"<td>{_kind(parameter['schema'])}</td><td>{'yes' if parameter['required'] else ''}</td>"
        "</tr>"
        for parameter in operation.get("parameters", ())
    ):
        head = "<tr><th>parameter</th><th>in</th><th>type</th><th>required</th></tr>"
        parts.append(f"<table>{head}{rows}</table>")
    if body := operation.get("requestBody"):
        parts.append(f"<p>Body: {_content(body)}</p>")
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            parts.append(f"<p>{status}: {_content(answer)}</p>")
    return (
        f'<details><summary><code class="method">{method.upper()}</code>'
        f"<code>{escape(path)}</code><span>{escape(operation['summary'])}</span>"
        f'<span class="permission">{escape(operation["x-permission"])}</span></summary>'
        f"{''.join(parts)}</details>"
    )


def _content(holder: dict[str, Any]) -> str:
    for kind, content in holder.get("content", {}).items():
        schema = content["schema"]
        return f"{escape(kind)} {_kind(schema)}" if schema else escape(kind)
    return escape(holder.get("description", ""))


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{_kind(field)}</td>"
        f"<td>{'yes' if key in required else ''}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for key, field in schema.get("properties", {}).items()
    )
    head = "<tr><th>field</th><th>type</th><th>always</th><th></th></tr>"
    inner = f"<table>{head}{rows}</table>" if rows else f"<p>{_kind(schema)}</p>"
    about = escape(schema.get("description", "").partition("\n")[0])
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code>'
        f"<span>{about}</span></summary>{inner}</details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_kind(option) for option in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(kind, list):
        return " | ".join(kind)
    return escape(f"{kind} ({schema['format']})" if "format" in schema else str(kind))
