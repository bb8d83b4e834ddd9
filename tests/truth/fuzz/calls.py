"""Calls as they are sent, and what the schema says of each operation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from loyalty.core.api import sharing


@dataclass(frozen=True)
class Call:
    """One request as it is sent."""

    operation: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def again(self, number: int) -> "Call":
        """The same under a key of its own, so that no kept answer stands in for the work."""
        if len(self.headers.get("Idempotency-Key", "")) != 36:
            return self
        return replace(self, headers=self.headers | {"Idempotency-Key": f"again-{number:030}"})


@dataclass
class Operation:
    """What the schema says of one operation."""

    id: str
    method: str
    path: str
    queries: list[str]
    places: list[str]
    examples: list[Any]


def operations(schema: Any) -> list[Operation]:
    return [
        Operation(
            id=said["operationId"],
            method=method.upper(),
            path=path,
            queries=[p["name"] for p in said.get("parameters", []) if p["in"] == "query"],
            places=[p["name"] for p in said.get("parameters", []) if p["in"] == "path"],
            examples=list(_examples(said)),
        )
        for path, methods in sharing.inlined(schema)["paths"].items()
        for method, said in methods.items()
    ]


def _examples(said: Any) -> Iterator[Any]:
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        yield example["value"]
