"""The page at /docs: every route with its parameters, its body and a curl line, made of the OpenAPI document.

Plain HTML and one style sheet, no script and nothing from elsewhere, so that it works offline and under the strict
content policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]

EXAMPLES = {
    ("post", "/api/search"): {"text": "red suede boot", "strokes": [[[10, 10], [90, 10], [90, 90]]], "top": 5},
    ("post", "/api/explain"): {"text": "red suede boot", "id": "41215f445fd6"},
    ("post", "/api/index"): {},
}
STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
section { border-top: 1px solid; margin-top: 2rem; padding-top: 0.5rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid; padding: 0.25rem 0.75rem 0.25rem 0; text-align: start; vertical-align: top; }
"""


def docs_page(document: Document, base_url: str) -> str:
    """Render the page.

    Args:
        document: The OpenAPI document.
        base_url: Where the service is, for the curl lines.

    Returns:
        HTML.
    """
    info = document["info"]
    routes = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for method, path, _ in routes
    )
    sections = "".join(_section(document, base_url, *route) for route in routes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(info["title"])}: the HTTP interface</title><link rel="stylesheet" href="/docs.css"></head>'
        f"<body><main><h1>{escape(info['title'])} {escape(info['version'])}: the HTTP interface</h1>"
        f'<p>{escape(info["description"])} For programs: <a href="/openapi.json">openapi.json</a>. A refusal is '
        '<code>{"error": {"code", "message", "request_id"}}</code> with a fitting status. Where a key is needed, send '
        "<code>Authorization: Bearer KEY</code>.</p>"
        f"<nav><ul>{contents}</ul></nav>{sections}</main></body></html>"
    )


def _section(document: Document, base_url: str, method: str, path: str, operation: Document) -> str:
    parts = [
        f'<section id="{_anchor(method, path)}"><h2><code>{method.upper()} {escape(path)}</code></h2>',
        f"<p>{escape(operation.get('description', ''))}</p>",
    ]
    rows = [(each["name"], "in the path", each.get("description", "")) for each in operation.get("parameters", [])]
    body = operation.get("requestBody")
    if body is not None:
        rows += list(_fields(document, body["content"]["application/json"]["schema"]))
    if rows:
        cells = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
            for name, kind, text in rows
        )
        parts.append(f"<table><thead><tr><th>field</th><th>type</th><th>meaning</th></tr></thead>{cells}</table>")
    parts.append(f"<pre>{escape(_curl(base_url, method, path))}</pre>")
    answers = list(_answer_fields(document, operation))
    if answers:
        cells = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
            for name, kind, text in answers
        )
        parts.append(f"<table><thead><tr><th>answer</th><th>type</th><th>meaning</th></tr></thead>{cells}</table>")
    return "".join([*parts, "</section>"])


def _answer_fields(document: Document, operation: Document) -> Iterator[tuple[str, str, str]]:
    """Fields of the JSON answer, if it is one."""
    for status in ("200", "202"):
        content = operation["responses"].get(status, {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            yield from _fields(document, schema)


def _fields(document: Document, schema: Document) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of a model's fields."""
    model = _resolved(document, schema)
    for name, field in model.get("properties", {}).items():
        default = f" Default: {json.dumps(field['default'])}." if field.get("default") not in (None, {}) else ""
        text = field.get("description") or _resolved(document, _without_null(field)).get("description", "")
        yield name, _kind(field), f"{text}{'.' if default and text else ''}{default}"


def _kind(field: Document) -> str:
    """A field's type in a word or two."""
    field = _without_null(field)
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"object of {_kind(field['additionalProperties'])}"
    return str(field.get("type", " or ".join(map(str, field.get("enum", ["any"])))))


def _without_null(field: Document) -> Document:
    options = [each for each in field.get("anyOf", []) if each.get("type") != "null"]
    return options[0] if options else field


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _curl(base_url: str, method: str, path: str) -> str:
    line = f"curl {base_url}{path}"
    if method != "get":
        line = f"curl -X {method.upper()} {base_url}{path}"
    body = EXAMPLES.get((method, path))
    if body is not None:
        line += f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    return line


def _anchor(method: str, path: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in f"{method}{path}").rstrip("-")
