"""Addresses of the admin's pages, and how many queries one of them takes."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

AT_MOST = 15
"""Queries that a page may take, however much there is to show."""


def page(model: str, action: str, *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{action}", args=args)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    if len(captured) > AT_MOST:
        print("\n".join(query["sql"] for query in captured.captured_queries))
    return len(captured)
