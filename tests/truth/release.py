"""
Write down the schema as released: `python -m tests.truth.release`, when a version goes out.

Without examples, words and links, which may change at any time.
"""

import json
import os
from http import HTTPStatus
from typing import Any

import django

TOLD_ONLY = ("description", "summary", "examples", "example", "links", "x-problems")


def bare(value: Any) -> Any:
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    # A field may be called like one of them: then it is no text.
    return {
        name: bare(inner)
        for name, inner in value.items()
        if name not in TOLD_ONLY or (isinstance(inner, dict) and {"type", "$ref", "anyOf"} & set(inner))
    }


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    from django.test import Client

    from tests.truth.test_released import RELEASED

    answer = Client().get("/v1/openapi.json", headers={"host": "127.0.0.1"})
    assert answer.status_code == HTTPStatus.OK, answer.content
    schema = answer.json()
    RELEASED.write_text(json.dumps(bare(schema), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
