"""What an integration has to do, judged by what was seen of it. Nothing here sends anything."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from integrations.conformance import trouble
from integrations.conformance.exchanges import Exchange, by_intention

KEPT: Final = "kept"
BROKEN: Final = "BROKEN"
NOT_SEEN: Final = "not seen"

PATIENCE_SECONDS: Final = 0.2
"""By how much a wait may fall short: clocks are read at both ends."""
HAMMERED: Final = (3, 1.0)
"""So many attempts at one call in so many seconds are too many."""


@dataclass(frozen=True)
class Verdict:
    """What became of a rule; `evidence` says where it was broken."""

    rule: str
    outcome: str
    evidence: tuple[str, ...] = ()


Faults = list[str]
Rule = Callable[[Sequence[Exchange]], tuple[int, Faults]]
"""How often the rule could have been broken, and where it was."""


def judge(exchanges: Sequence[Exchange]) -> list[Verdict]:
    """A verdict for each rule; what never came up is said to be so."""
    return [_verdict(said, *rule(exchanges)) for said, rule in RULES]


def _verdict(said: str, chances: int, faults: Faults) -> Verdict:
    outcome = BROKEN if faults else KEPT if chances else NOT_SEEN
    return Verdict(said, outcome, tuple(faults[:5]))


def _attempts(exchanges: Sequence[Exchange]) -> list[list[Exchange]]:
    """The calls that were sent more than once, with all attempts at each."""
    return [attempts for attempts in by_intention(list(exchanges)).values() if len(attempts) > 1]


def _repeats(attempts: Sequence[Exchange]) -> list[list[Exchange]]:
    """
    The same calls, apart where a new one begins: with another key, once the one before is answered.

    A member may well buy the same reward twice in a second.
    """
    runs: list[list[Exchange]] = []
    for one in attempts:
        if not runs or (runs[-1][-1].is_done and one.key != runs[-1][-1].key):
            runs.append([])
        runs[-1].append(one)
    return runs


def has_a_key(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    posts = [one for one in exchanges if one.method == "POST" and one.is_of_api and _is_keyed(one)]
    return len(posts), [f"{one.shown()} has no Idempotency-Key" for one in posts if not one.key]


def _is_keyed(one: Exchange) -> bool:
    """Calls that change nothing, and those of many items, take no key."""
    return not one.is_bulk and not one.path.endswith(("/preview", "/simulate", "/check"))


def keeps_its_key(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    faults, chances = [], 0
    for attempts in _attempts(exchanges):
        for first, second in pairwise(attempts):
            # A late answer may have come after the integration had stopped waiting for it.
            is_known = first.is_done and first.trouble != trouble.SLOW
            if first.is_bulk or is_known or not first.key:
                continue
            chances += 1
            if second.key != first.key:
                faults.append(f"{second.shown()} repeats a call with another key than at {first.at:.1f} s")
    return chances, faults


def has_a_key_of_its_own(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    used: dict[str, set[str]] = defaultdict(set)
    for one in exchanges:
        if one.key:
            used[one.key].add(one.intention)
    several = [
        f"the key {key} was used for {len(of)} different calls" for key, of in used.items() if len(of) > 1
    ]
    return max(len(used) - 1, 0), several


def is_sent_until_it_is_known(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    troubled = {
        intention: attempts
        for intention, attempts in by_intention(list(exchanges)).items()
        if not attempts[0].is_done or attempts[0].trouble == trouble.SLOW
    }
    faults = [
        f"{attempts[0].shown()} was given up ({attempts[0].trouble or attempts[0].status})"
        for attempts in troubled.values()
        if not any(one.is_done for one in attempts)
    ]
    return len(troubled), faults


def waits_as_told(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    faults, chances = [], 0
    by_call: dict[str, list[Exchange]] = defaultdict(list)
    for one in exchanges:
        by_call[one.intention].append(one)
    for attempts in by_call.values():
        for first, second in pairwise(attempts):
            if first.retry_after is None or first.status not in (429, 503):
                continue
            chances += 1
            waited = second.at - first.ended_at
            if waited < first.retry_after - PATIENCE_SECONDS:
                told = f"a {first.status} that said {first.retry_after} s"
                faults.append(f"{second.shown()} came {waited:.1f} s after {told}")
    return chances, faults


def does_not_hammer(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    most, seconds = HAMMERED
    retried = [again for attempts in _attempts(exchanges) for again in _repeats(attempts) if len(again) > 1]
    faults = [
        f"{attempts[0].shown()} was sent {most} times within {seconds:.0f} s"
        for attempts in retried
        if any(
            last.at - first.at < seconds for first, last in zip(attempts, attempts[most - 1 :], strict=False)
        )
    ]
    return len(retried), faults


def takes_a_no(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    refused = [
        one for one in exchanges if one.method == "POST" and one.is_done and one.status and one.status >= 400
    ]
    faults = [
        f"{later.shown()} repeats what was refused for good with {one.status}"
        for one in refused
        for later in exchanges
        if later.intention == one.intention and later.at > one.at and one.status != 401
    ]
    return len(refused), faults


def names_each_receipt_once(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    receipts: dict[str, set[str]] = defaultdict(set)
    for one in exchanges:
        for item in _sales(one.content):
            same = {name: value for name, value in sorted(item.items()) if name != "external_id"}
            receipts[repr(same)].add(str(item.get("external_id")))
    faults = [
        f"one and the same sale was sent as {', '.join(sorted(names))}"
        for names in receipts.values()
        if len(names) > 1
    ]
    return len(receipts), faults


def _sales(content: Any) -> list[dict[str, Any]]:
    items = content.get("items", [content]) if isinstance(content, dict) else []
    # Two customers may buy the same at the same price, and not at the same moment by the same card.
    return [
        item for item in items if isinstance(item, dict) and {"external_id", "occurred_at"} <= item.keys()
    ]


def resends_only_what_is_unfinished(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    done: dict[str, float] = {}
    faults, chances = [], 0
    for one in exchanges:
        if not one.is_bulk or one.status != 207 or not isinstance(one.answer, dict):
            continue
        items = one.content["items"]
        chances += any(result.get("status", 0) >= 500 for result in one.answer["results"])
        again = [item for item in items if repr(item) in done and done[repr(item)] < one.at]
        if again:
            faults.append(f"{one.shown()} sends {len(again)} items again that were done")
        for result in one.answer["results"]:
            if result.get("status", 500) < 500:
                done[repr(items[result["index"]])] = one.ended_at
    return chances, faults


def sends_what_is_unfinished(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    unfinished: dict[str, str] = {}
    chances = 0
    for one in exchanges:
        if not one.is_bulk or one.status != 207 or not isinstance(one.answer, dict):
            continue
        for result in one.answer["results"]:
            item = repr(one.content["items"][result["index"]])
            if result.get("status", 0) >= 500:
                chances += 1
                unfinished[item] = one.shown()
            else:
                unfinished.pop(item, None)
    return chances, [f"items of {where} were given up" for where in dict.fromkeys(unfinished.values())]


def takes_unknown_fields(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    odd = [
        one for one in exchanges if one.trouble == trouble.UNKNOWN_FIELDS and one.status and one.status < 400
    ]
    faults = [
        f"{one.shown()} was sent again although it was answered, with a field more"
        for one in odd
        for later in exchanges
        if one.method == "POST" and later.at > one.at and _is_the_same(one, later)
    ]
    if odd and odd[0] is exchanges[-1] and len(exchanges) == 1:
        faults.append("nothing came after the first answer with a field more")
    return len(odd), faults


def _is_the_same(one: Exchange, later: Exchange) -> bool:
    """A repeat, and no second call that happens to say the same, as of a reward that is bought twice."""
    is_named = one.is_bulk or (isinstance(one.content, dict) and "external_id" in one.content)
    return later.intention == one.intention and (is_named or later.key == one.key)


def keeps_secrets_out_of_addresses(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    faults = [
        f"{one.method} {one.path} carries a credential in its address"
        for one in exchanges
        if "rk_" in f"{one.path}?{one.query}" or "token=" in one.query or "api_key=" in one.query
    ]
    return len(exchanges), faults


RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("Each call that changes something has an Idempotency-Key", has_a_key),
    ("A repeat has the key of the first attempt", keeps_its_key),
    ("Each new call has a key of its own", has_a_key_of_its_own),
    ("A call is repeated until its outcome is known", is_sent_until_it_is_known),
    ("After 429 and 503 it waits as long as Retry-After says", waits_as_told),
    ("Repeats are spaced out", does_not_hammer),
    ("What was refused for good is not sent again", takes_a_no),
    ("One receipt has one external_id", names_each_receipt_once),
    ("After a bulk call only what is unfinished is sent again", resends_only_what_is_unfinished),
    ("After a bulk call everything unfinished is sent again", sends_what_is_unfinished),
    ("Unknown fields in answers are taken", takes_unknown_fields),
    ("Credentials are in the Authorization header alone", keeps_secrets_out_of_addresses),
)
