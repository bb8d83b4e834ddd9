from typing import Any

import msgspec
import pytest
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry

from loyalty.core.api.components import NameMeansTwoThings, add


def struct(name: str, **fields: Any) -> type[msgspec.Struct]:
    """A struct of that name, as if from a module of its own."""
    return msgspec.defstruct(name, list(fields.items()), module=f"shop_{len(fields)}")


def list_of(kind: Any) -> Any:
    return list[kind]


@pytest.fixture
def text() -> AutoSchema:
    """A text that is being written."""
    writing = AutoSchema()
    writing.registry = ComponentRegistry()
    return writing


class TestTwoStructsOfOneName:
    def test_are_refused_as_two_bodies(self, text):
        text.resolve_serializer(struct("Line", sku=str), "response")

        with pytest.raises(NameMeansTwoThings, match="called Line"):
            text.resolve_serializer(struct("Line", sku=str, price=int), "response")

    def test_are_refused_where_one_is_part_of_another_body(self, text):
        basket = struct("Basket", lines=list_of(struct("Line", sku=str)))
        text.resolve_serializer(basket, "response")

        with pytest.raises(NameMeansTwoThings, match="called Line"):
            text.resolve_serializer(
                struct("Receipt", lines=list_of(struct("Line", sku=str, price=int))), "response"
            )

    def test_are_refused_within_one_body(self, text):
        both = struct("Receipt", sold=struct("Line", sku=str), returned=struct("Line", sku=str, price=int))

        with pytest.raises(NameMeansTwoThings, match="called Line"):
            text.resolve_serializer(both, "response")

    def test_are_refused_where_one_is_what_a_body_may_be(self, text):
        text.resolve_serializer(struct("Line", sku=str), "response")

        with pytest.raises(NameMeansTwoThings, match="called Line"):
            add(text.registry, struct("Line", sku=str, price=int) | None)

    def test_may_be_the_same_one_wherever_it_is_used(self, text):
        line = struct("Line", sku=str)

        text.resolve_serializer(line, "response")
        text.resolve_serializer(struct("Receipt", lines=list_of(line)), "response")

        assert text.registry["Line", "schemas"].schema["required"] == ["sku"]
