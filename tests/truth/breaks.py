"""What of an OpenAPI text would break a partner who was built against an older one."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from loyalty.core.api import sharing

Schema = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "patch")


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Each break, told with its place. What is added breaks nobody, nor what was announced as deprecated."""
    old, new = sharing.inlined(old), sharing.inlined(new)
    yield from _codes(old, new)
    for name, said in _operations(old).items():
        found = _operations(new).get(name)
        if found is not None:
            yield from _Compared(old, new).operation(name, said, found)
        elif not said.get("deprecated"):
            yield f"{name}: is gone"


def _operations(text: Schema) -> dict[str, Schema]:
    return {
        f"{method.upper()} {path}": methods[method]
        for path, methods in text["paths"].items()
        for method in METHODS
        if method in methods
    }


def _codes(old: Schema, new: Schema) -> Iterator[str]:
    """Programs go by the code of a refusal, and by its status."""
    known, found = _statuses(old), _statuses(new)
    for code, statuses in known.items():
        if code not in found:
            yield f"the code {code}: is gone"
        elif more := found[code] - statuses:
            yield f"the code {code}: has the status {', '.join(sorted(more))} now"


def _statuses(text: Schema) -> dict[str, set[str]]:
    """By code, the statuses that it is told with."""
    found: dict[str, set[str]] = defaultdict(set)
    for operation in _operations(text).values():
        for status, answer in operation["responses"].items():
            for code in answer.get("x-codes", ()):
                found[code].add(status)
    return found


class _Compared:
    """Two texts, and what of them has been compared already (schemas refer to themselves)."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new
        self.seen: set[tuple[str, str, bool]] = set()

    def operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{name}: is called {new['operationId']}"
        yield from self._credentials(name, old, new)
        yield from self._parameters(name, old, new)
        yield from self._call(f"{name} body", old.get("requestBody", {}), new.get("requestBody", {}))
        yield from self._answers(name, old["responses"], new["responses"])

    def _credentials(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        # Each of them is enough; where there is none, any credential is.
        enough, needed = set(old["x-scopes"]), set(new["x-scopes"])
        if needed and (not enough or enough - needed):
            yield f"{name}: needs the scope {' or '.join(sorted(needed))}"
        ways, left = ({way for one in said.get("security", ()) for way in one} for said in (old, new))
        for way in sorted(ways - left):
            yield f"{name}: cannot be called by {way} any more"

    def _parameters(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        known = {(p["in"], p["name"]): p for p in old.get("parameters", [])}
        found = {(p["in"], p["name"]): p for p in new.get("parameters", [])}
        for key, parameter in known.items():
            if key not in found:
                yield f"{name}: takes no parameter {key[1]} any more"
            else:
                place = f"{name} parameter {key[1]}"
                yield from self._schema(place, parameter["schema"], found[key]["schema"], is_sent=True)
        for key, parameter in found.items():
            if parameter.get("required") and not known.get(key, {}).get("required"):
                yield f"{name}: needs the parameter {key[1]}"

    def _call(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if new.get("required") and not old.get("required"):
            yield f"{place}: is needed now"
        yield from self._bodies(place, old, new, is_sent=True)

    def _answers(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        # Refusals may come and go (see `_codes` for what they say); a success is counted on.
        for status in sorted({status for status in old | new if status < "300"}):
            place = f"{name} {status}"
            if status not in new:
                yield f"{name}: answers no {status} any more"
            elif status not in old:
                yield f"{name}: may answer {status} now"
            else:
                for header in sorted(
                    set(old[status].get("headers", ())) - set(new[status].get("headers", ()))
                ):
                    yield f"{place}: has no {header} any more"
        for status in sorted(old.keys() & new.keys()):
            yield from self._bodies(f"{name} {status}", old[status], new[status], is_sent=False)

    def _bodies(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        known, found = (body.get("content", {}) for body in (old, new))
        for media_type, content in known.items():
            if media_type not in found:
                yield f"{place}: is no {media_type} any more"
            else:
                yield from self._schema(
                    place, content["schema"], found[media_type]["schema"], is_sent=is_sent
                )

    def _schema(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        key = (str(old.get("$ref", id(old))), str(new.get("$ref", id(new))), is_sent)
        if key in self.seen:
            return
        self.seen.add(key)
        old, new = _resolved(old, self.old), _resolved(new, self.new)
        yield from _types(place, old, new, is_sent=is_sent)
        for was, now in self._forms(old, new):
            if is_sent:
                yield from _bounds(place, was, now)
            yield from _formats(place, was, now, is_sent=is_sent)
            yield from self._fields(place, was, now, is_sent=is_sent)
            yield from self._inner(place, was, now, is_sent=is_sent)

    def _forms(self, old: Schema, new: Schema) -> Iterator[tuple[Schema, Schema]]:
        """What a value may be, in both texts: the same struct, or the only one of its type."""
        known, found = _by_kind(old, self.old), _by_kind(new, self.new)
        for kind in sorted(known.keys() & found.keys()):
            yield known[kind], found[kind]
        lost, more = known.keys() - found.keys(), found.keys() - known.keys()
        if len(lost) == len(more) == 1:
            yield known[lost.pop()], found[more.pop()]

    def _fields(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        known, found = old.get("properties", {}), new.get("properties", {})
        for name, schema in known.items():
            if name in found:
                yield from self._schema(f"{place}.{name}", schema, found[name], is_sent=is_sent)
            elif is_sent and new.get("additionalProperties") is False:
                yield f"{place}.{name}: is not taken any more"
            elif not is_sent:
                yield f"{place}.{name}: is not told any more"
        needed, was_needed = set(new.get("required", ())), set(old.get("required", ()))
        for name in sorted(needed - was_needed if is_sent else was_needed - needed):
            if name in found:
                yield f"{place}.{name}: {'is needed now' if is_sent else 'may be left out now'}"

    def _inner(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        """Of lists and maps, what is in them."""
        for name, mark in (("items", "[]"), ("additionalProperties", ".*")):
            was, now = old.get(name, True), new.get(name, True)
            if isinstance(was, dict) and isinstance(now, dict):
                yield from self._schema(place + mark, was, now, is_sent=is_sent)
            elif is_sent and was is not False and now is not True and was != now:
                yield f"{place}{mark}: is not taken as before"


def _resolved(schema: Schema, text: Schema) -> Schema:
    while "$ref" in schema:
        schema = text["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for kind in ("anyOf", "oneOf", "allOf"):
        inner = schema.get(kind, ())
        if len(inner) == 1:
            return _resolved(inner[0], text)
    return schema


def _by_kind(schema: Schema, text: Schema) -> dict[str, Schema]:
    """What a value may be: by the name of its struct, or its type."""
    choices = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return {_kind(choice): _resolved(choice, text) for choice in choices}


def _kind(schema: Schema) -> str:
    return str(schema.get("$ref") or (schema.get("type"), schema.get("format")))


def _types(place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
    known, found = _names(old), _names(new)
    lost, more = known - found, found - known
    if is_sent and found and not known:
        yield f"{place}: may only be {', '.join(sorted(found))} now"
    if is_sent and lost and found:
        yield f"{place}: may not be {', '.join(sorted(lost))} any more"
    if not is_sent and known and (more or not found):
        yield f"{place}: may be {', '.join(sorted(more)) or 'anything'} now"


def _names(schema: Schema) -> set[str]:
    """What a value may be: its types, or of a choice, what is chosen from."""
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return {str(value) for value in values}
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return {name for inner in choices for name in _names(inner) or {inner.get("$ref", "")}} - {""}
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)


def _formats(place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
    was, now = old.get("format"), new.get("format")
    if is_sent and now not in (None, was):
        yield f"{place}: must be {now} now"
    if not is_sent and was not in (None, now):
        yield f"{place}: is no {was} any more"


_NARROWER: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(
        ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"),
        lambda was, now: was is None or now > was,
    ),
    **dict.fromkeys(
        ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"),
        lambda was, now: was is None or now < was,
    ),
    **dict.fromkeys(("pattern", "multipleOf", "uniqueItems"), lambda was, now: was != now),
}


def _bounds(place: str, old: Schema, new: Schema) -> Iterator[str]:
    for bound, is_narrower in _NARROWER.items():
        was, now = old.get(bound), new.get(bound)
        if now is not None and is_narrower(was, now):
            yield f"{place}: {bound} is {now}, and was {was}"
    if "default" in old and old["default"] != new.get("default"):
        yield f"{place}: is {new.get('default')} where it is left out, and was {old['default']}"
