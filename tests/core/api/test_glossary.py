"""Every field of every body says what it means, and every word of the glossaries is used."""

import pytest
from drf_spectacular.generators import SchemaGenerator

from integrations.api.glossary import ALL, describe
from loyalty.core.api import glossary


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(public=True)


class TestGlossary:
    def test_leaves_no_field_without_a_meaning(self, schema):
        lacking = [
            f"{struct}.{name}" for struct, name, field in glossary.fields(schema) if not described(field)
        ]

        assert lacking == []

    def test_has_no_word_that_no_field_needs(self, schema):
        told = {field["description"] for _struct, _name, field in glossary.fields(schema)}

        assert [word for word, meaning in ALL.items() if meaning not in told] == []

    def test_is_about_fields_that_there_are(self, schema):
        names = {name for _struct, name, _field in glossary.fields(schema)}
        whole = {f"{struct}.{name}" for struct, name, _field in glossary.fields(schema)}

        assert [word for word in ALL if word not in names | whole] == []

    def test_says_of_one_struct_what_is_true_of_it_alone(self):
        bare = {"components": {"schemas": {"Problem": {"properties": {"status": {"type": "integer"}}}}}}

        described_again = describe(bare, None, None, None)

        ((_struct, _name, field),) = glossary.fields(described_again)
        assert field["description"] == ALL["Problem.status"] != ALL["status"]

    def test_leaves_what_was_said_where_the_field_stands(self):
        field = {"type": "integer", "description": "Only here"}

        glossary.describe({"components": {"schemas": {"Gift": {"properties": {"points": field}}}}}, ALL)

        assert field["description"] == "Only here"


def described(field) -> bool:
    return bool(field.get("description", "").strip())
