"""
What a query may cost, known before anything is read.

Whoever writes a query decides how much work it is: in a few lines it can ask for millions of rows. So its
size, its depth, its aliases and the number of objects that it may answer are bounded.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import graphql
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from graphql.language import ast

from loyalty.core.api import refusals
from loyalty.core.errors import Extra

MAXIMUM_CHARACTERS: Final = 20_000
MAXIMUM_TOKENS: Final = 2_000
MAXIMUM_OPERATIONS: Final = 5
MAXIMUM_DEPTH: Final = 8
MAXIMUM_INTROSPECTION_DEPTH: Final = 16
MAXIMUM_ALIASES: Final = 20
MAXIMUM_FIELDS: Final = 500
MAXIMUM_REPEATS: Final = 10
"""How often the same may be asked for in the same place: all of it is compared with all of it."""
MAXIMUM_COST: Final = 10_000
MAXIMUM_FIRST: Final = 200
FIRST: Final = 20
FEW: Final = 5
"""How many objects a list without `first` is taken to have, such as a member's wallets."""

Path = tuple[str, ...]
"""Where something is asked for, by the names that it has in the answer."""


class InvalidQuery(refusals.BadRequest):
    """The text is no GraphQL, or does not fit the schema; the message says where."""

    code = "invalid_query"
    title = gettext_lazy("The query is invalid")
    extras = {
        "locations": Extra(
            [{"line": 2, "column": 5}], gettext_lazy("Where in the text of the query, both counted from 1")
        ),
    }


class QueryTooLarge(refusals.BadRequest):
    """The query is too long or deep, or has too many operations, fields, repeats or aliases: send several."""

    code = "query_too_large"
    title = gettext_lazy("The query is too large")


class QueryTooExpensive(refusals.BadRequest):
    """The query may answer too many objects: `first` multiplies all that is asked for of each of them."""

    code = "query_too_expensive"
    title = gettext_lazy("The query may answer too many objects")


def check(
    schema: graphql.GraphQLSchema, text: str, variables: Mapping[str, Any], *, named: str | None = None
) -> None:
    """
    See that it is a query, and within the limits; `named` is the operation to be run, if it says so.

    :raises InvalidQuery: if it is none, or does not fit the schema
    :raises QueryTooLarge: if it is too long, deep or manifold
    :raises QueryTooExpensive: if it may answer too many objects
    """
    document = _parsed(text)
    operations = [node for node in document.definitions if isinstance(node, ast.OperationDefinitionNode)]
    if len(operations) > MAXIMUM_OPERATIONS:
        raise QueryTooLarge(_("A query may have up to {n} operations.").format(n=MAXIMUM_OPERATIONS))
    spread: set[str] = set()
    for operation in operations:
        if (root := schema.get_root_type(operation.operation)) is None:
            raise InvalidQuery(_("GraphQL is for reading: there are queries, and nothing else."))
        measure = _Measure(document, {**_defaults(operation), **variables})
        measure.operation(operation, root)
        spread |= measure.spread
    _refuse_fragments(document, spread)
    if graphql.get_operation_ast(document, named) is None:
        raise InvalidQuery(_("Say as `operationName` which of the operations is to be run."))
    rules = (*graphql.specified_rules, graphql.MaxIntrospectionDepthRule)
    if errors := graphql.validate(schema, document, rules, max_errors=1):
        raise InvalidQuery(errors[0].message, locations=[_place(one) for one in errors[0].locations or ()])


def _refuse_fragments(document: ast.DocumentNode, spread: set[str]) -> None:
    # What was not measured is not validated either: that may take much longer than to run it.
    seen: set[str] = set()
    for node in document.definitions:
        if isinstance(node, ast.FragmentDefinitionNode):
            if node.name.value not in spread:
                raise InvalidQuery(_("The fragment {name} is never used.").format(name=node.name.value))
            if node.name.value in seen:
                raise InvalidQuery(_("The fragment {name} is there twice.").format(name=node.name.value))
            seen.add(node.name.value)


def _parsed(text: str) -> ast.DocumentNode:
    if len(text) > MAXIMUM_CHARACTERS:
        raise QueryTooLarge(_("A query may have up to {n} characters.").format(n=MAXIMUM_CHARACTERS))
    try:
        return graphql.parse(text, max_tokens=MAXIMUM_TOKENS)
    except graphql.GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message:  # too many tokens, or nested too deeply
            told = _("A query may have up to {n} tokens, and be nested {depth} deep.")
            raise QueryTooLarge(told.format(n=MAXIMUM_TOKENS, depth=MAXIMUM_DEPTH)) from None
        raise InvalidQuery(error.message, locations=[_place(one) for one in error.locations or ()]) from None
    except RecursionError:
        raise QueryTooLarge(_("The query is nested too deeply.")) from None


def _place(location: graphql.SourceLocation) -> dict[str, int]:
    return {"line": location.line, "column": location.column}


def _defaults(operation: ast.OperationDefinitionNode) -> dict[str, Any]:
    given = ((one.variable.name.value, one.default_value) for one in operation.variable_definitions or ())
    return {name: graphql.value_from_ast_untyped(value) for name, value in given if value is not None}


@dataclass(slots=True)
class _Measure:
    """Walks an operation with its fragments, as often as they are spread, and stops where it is too much."""

    document: ast.DocumentNode
    variables: Mapping[str, Any]
    fields: int = 0
    aliases: int = 0
    cost: int = 0
    spread: set[str] = field(default_factory=set)
    asked: Counter[Path] = field(default_factory=Counter)
    fragments: dict[str, ast.FragmentDefinitionNode] = field(init=False)

    def __post_init__(self) -> None:
        found = (one for one in self.document.definitions if isinstance(one, ast.FragmentDefinitionNode))
        self.fragments = {one.name.value: one for one in found}

    def operation(self, operation: ast.OperationDefinitionNode, root: graphql.GraphQLObjectType) -> None:
        self._selected(operation.selection_set, root, path=(), times=1, within=frozenset())

    def _selected(
        self, chosen: ast.SelectionSetNode, kind: Any, *, path: Path, times: int, within: frozenset[str]
    ) -> None:
        for node in chosen.selections:
            match node:
                case ast.FieldNode():
                    self._field(node, kind, path=path, times=times, within=within)
                case ast.InlineFragmentNode():
                    self._selected(node.selection_set, kind, path=path, times=times, within=within)
                case ast.FragmentSpreadNode():
                    self._spread(node.name.value, kind, path=path, times=times, within=within)

    def _spread(self, name: str, kind: Any, *, path: Path, times: int, within: frozenset[str]) -> None:
        self._count_field()
        self.spread.add(name)
        # A fragment that spreads itself is no valid query, and is found to be none a little later.
        if name in self.fragments and name not in within:
            chosen = self.fragments[name].selection_set
            self._selected(chosen, kind, path=path, times=times, within=within | {name})

    def _field(
        self, node: ast.FieldNode, kind: Any, *, path: Path, times: int, within: frozenset[str]
    ) -> None:
        path = (*path, node.alias.value if node.alias else node.name.value)
        self._count_field()
        self._count_alias(node)
        self._count_repeat(path)
        name = node.name.value
        is_introspection = name.startswith("__") or getattr(kind, "name", "").startswith("__")
        if len(path) > (MAXIMUM_INTROSPECTION_DEPTH if is_introspection else MAXIMUM_DEPTH):
            raise QueryTooLarge(_("A query may be nested {n} deep.").format(n=MAXIMUM_DEPTH))
        if node.selection_set is None:
            return
        if name == "__schema" or name == "__type":
            inner: Any = graphql.type.introspection_types["__Schema" if name == "__schema" else "__Type"]
        else:
            known = getattr(kind, "fields", {}).get(name)
            inner = known.type if known else None
            times = min(times * self._times(node, known), MAXIMUM_COST + 1)
            self._count_objects(0 if is_introspection else times)
        named = graphql.get_named_type(inner) if inner else None
        self._selected(node.selection_set, named, path=path, times=times, within=within)

    def _times(self, node: ast.FieldNode, known: graphql.GraphQLField | None) -> int:
        if known is None:
            return 1
        if "first" in known.args:
            return self._first(node)
        # What a connection answers was counted with its `first`.
        is_list = graphql.is_list_type(graphql.get_nullable_type(known.type))
        return FEW if is_list and node.name.value not in ("nodes", "edges") else 1

    def _first(self, node: ast.FieldNode) -> int:
        given = next((one.value for one in node.arguments or () if one.name.value == "first"), None)
        if given is None:
            return FIRST
        number = graphql.value_from_ast_untyped(given, dict(self.variables))
        is_number = isinstance(number, int) and 1 <= number <= MAXIMUM_FIRST
        return number if is_number else MAXIMUM_FIRST

    def _count_field(self) -> None:
        self.fields += 1
        if self.fields > MAXIMUM_FIELDS:
            raise QueryTooLarge(_("A query may ask for up to {n} fields.").format(n=MAXIMUM_FIELDS))

    def _count_alias(self, node: ast.FieldNode) -> None:
        self.aliases += node.alias is not None
        if self.aliases > MAXIMUM_ALIASES:
            raise QueryTooLarge(_("A query may have up to {n} aliases.").format(n=MAXIMUM_ALIASES))

    def _count_repeat(self, path: Path) -> None:
        self.asked[path] += 1
        if self.asked[path] > MAXIMUM_REPEATS:
            told = _("A query may ask for the same field in the same place up to {n} times.")
            raise QueryTooLarge(told.format(n=MAXIMUM_REPEATS))

    def _count_objects(self, count: int) -> None:
        self.cost += count
        if self.cost > MAXIMUM_COST:
            told = _("A query may answer up to {n} objects: ask for fewer with `first`.")
            raise QueryTooExpensive(told.format(n=MAXIMUM_COST))
