"""What of an OpenAPI text would break a partner who was built against an older one."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "patch")


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Each break, told with its place. What is added breaks nobody, nor what was announced as deprecated."""
    for path, methods in old["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            name = f"{method.upper()} {path}"
            said = methods[method]
            found = new["paths"].get(path, {}).get(method)
            if found is not None:
                yield from _Compared(old, new).operation(name, said, found)
            elif not said.get("deprecated"):
                yield f"{name}: is gone"


class _Compared:
    """Two texts, and what of them has been compared already (schemas refer to themselves)."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new
        self.seen: set[tuple[str, str, bool]] = set()

    def operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{name}: is called {new['operationId']}"
        # Each of them is enough; where there is none, any credential is.
        enough, needed = set(old["x-scopes"]), set(new["x-scopes"])
        if needed and (not enough or enough - needed):
            yield f"{name}: needs the scope {' or '.join(sorted(needed))}"
        yield from self._parameters(name, old, new)
        yield from self._bodies(f"{name} body", old.get("requestBody"), new.get("requestBody"), is_sent=True)
        for status, answer in old["responses"].items():
            # Further refusals are no break; a success that is gone is.
            if status in new["responses"]:
                place = f"{name} {status}"
                yield from self._bodies(place, answer, new["responses"][status], is_sent=False)
            elif status < "300":
                yield f"{name}: answers no {status} any more"

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

    def _bodies(self, place: str, old: Any, new: Any, *, is_sent: bool) -> Iterator[str]:
        known, found = ((body or {}).get("content", {}) for body in (old, new))
        if is_sent and found and not known:
            yield f"{place}: is needed now"
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
        yield from _bounds(place, old, new, is_sent=is_sent)
        yield from self._fields(place, old, new, is_sent=is_sent)
        yield from self._choices(place, old, new, is_sent=is_sent)
        if "items" in old and "items" in new:
            yield from self._schema(f"{place}[]", old["items"], new["items"], is_sent=is_sent)

    def _choices(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        found = _named(new)
        for name, schema in _named(old).items():
            if name in found:
                yield from self._schema(place, schema, found[name], is_sent=is_sent)

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


def _resolved(schema: Schema, text: Schema) -> Schema:
    while "$ref" in schema:
        schema = text["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for kind in ("anyOf", "oneOf", "allOf"):
        inner = schema.get(kind, ())
        if len(inner) == 1:
            return _resolved(inner[0], text)
    return schema


def _named(schema: Schema) -> dict[str, Schema]:
    """What is chosen from, by the name of its schema."""
    choices = schema.get("anyOf") or schema.get("oneOf") or ()
    return {inner["$ref"]: inner for inner in choices if "$ref" in inner}


def _types(place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
    known, found = _names(old), _names(new)
    lost, more = known - found, found - known
    if is_sent and lost and found:
        yield f"{place}: may not be {', '.join(sorted(lost))} any more"
    if not is_sent and more and known:
        yield f"{place}: may be {', '.join(sorted(more))} now"
    if (old.get("format"), is_sent) != (new.get("format"), is_sent) and "format" in old:
        yield f"{place}: is no {old['format']} any more"


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


_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def _bounds(place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
    if not is_sent:
        return
    for bound in (*_LEAST, *_MOST):
        was, now = old.get(bound), new.get(bound)
        is_narrower = now is not None and (was is None or (now > was if bound in _LEAST else now < was))
        if is_narrower:
            yield f"{place}: {bound} is {now}, and was {was}"
    if new.get("pattern") not in (None, old.get("pattern")):
        yield f"{place}: has another pattern"
