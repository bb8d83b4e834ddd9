"""What an integration has to do, judged by what was seen of it. Nothing here sends anything."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from integrations.conformance import trouble
from integrations.conformance.exchanges import Exchange, by_intention, is_final

KEPT: Final = "kept"
BROKEN: Final = "BROKEN"
NOT_SEEN: Final = "not seen"

PATIENCE_SECONDS: Final = 0.2
"""By how much a wait may fall short: clocks are read at both ends."""
HAMMERED: Final = (3, 1.0)
"""So many attempts at one call in so many seconds are too many."""


SHOWN: Final = 5
"""So many places where a rule was broken are shown; more of the same say no more."""


@dataclass(frozen=True)
class Verdict:
    """What became of a rule."""

    rule: str
    outcome: str
    evidence: tuple[str, ...] = ()
    """Where it was broken, the first `SHOWN`."""
    faults: int = 0
    """How often it was broken."""
    advice: str = ""
    """What to change where it was broken, or to do so that it comes up."""


Faults = list[str]


@dataclass(frozen=True)
class Rule:
    said: str
    look: Callable[[Sequence[Exchange]], tuple[int, Faults]]
    """How often the rule could have been broken, and where it was."""
    cure: str
    """What to change in an integration that breaks it."""
    needs: str
    """What has to happen before it can be judged."""


def judge(exchanges: Sequence[Exchange]) -> list[Verdict]:
    """A verdict for each rule; what never came up is said to be so."""
    return [_verdict(rule, *rule.look(exchanges)) for rule in RULES]


def _verdict(rule: Rule, chances: int, faults: Faults) -> Verdict:
    if faults:
        return Verdict(rule.said, BROKEN, tuple(faults[:SHOWN]), len(faults), rule.cure)
    return Verdict(rule.said, KEPT) if chances else Verdict(rule.said, NOT_SEEN, advice=rule.needs)


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
    # With a new key it is a new call: somebody has mended what was wrong, or tries anew.
    refused = [
        one for one in exchanges if one.method == "POST" and one.is_done and one.status and one.status >= 400
    ]
    faults = [
        f"{later.shown()} repeats what was refused for good with {one.status}"
        for one in refused
        for later in exchanges
        if later.intention == one.intention and later.key == one.key
        if later.at > one.at and one.status != 401
    ]
    return len(refused), faults


def names_each_receipt_once(exchanges: Sequence[Exchange]) -> tuple[int, Faults]:
    receipts: dict[str, dict[str, list[Exchange]]] = defaultdict(lambda: defaultdict(list))
    for one in exchanges:
        for item in _sales(one.content):
            same = {name: value for name, value in sorted(item.items()) if name != "external_id"}
            receipts[repr(same)][str(item["external_id"])].append(one)
    faults = [
        f"{second[0].shown()} sends again what got no answer as {name}"
        for names in receipts.values()
        for (name, first), (_other, second) in pairwise(names.items())
        if _was_given_up_for(first, second)
    ]
    return len(receipts), faults


def _was_given_up_for(first: list[Exchange], second: list[Exchange]) -> bool:
    """
    Whether the one was left without an answer, and the other sent in its place.

    Two sales that say the same are no mistake: a test suite may well have a clock that stands still.
    """
    return not any(one.is_done for one in first) and second[0].at > first[-1].at


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
        chances += not all(map(_is_final, one.answer["results"]))
        again = [item for item in items if repr(item) in done and done[repr(item)] < one.at]
        if again:
            faults.append(f"{one.shown()} sends {len(again)} items again that were done")
        for result in one.answer["results"]:
            if _is_final(result):
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
            if _is_final(result):
                unfinished.pop(item, None)
            else:
                chances += 1
                unfinished[item] = one.shown()
    return chances, [f"items of {where} were given up" for where in dict.fromkeys(unfinished.values())]


def _is_final(result: dict[str, Any]) -> bool:
    """Whether an item of a bulk call is done, or refused for good."""
    code = (result.get("problem") or {}).get("code")
    return is_final(result.get("status"), code)


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
        if re.search(r"r[kst]_(live|test)_|token=|api_key=", f"{one.path}?{one.query}")
    ]
    return len(exchanges), faults


RULES: Final = (
    Rule(
        "Each call that changes something has an Idempotency-Key",
        has_a_key,
        "Make a key for each call before you send it for the first time, and write it down with the call.",
        "Have your integration make a call that changes something, such as a sale.",
    ),
    Rule(
        "A repeat has the key of the first attempt",
        keeps_its_key,
        "Make the key with the call, and not in the function that sends it: a repeat is the same call.",
        "Have it make more calls; some get no answer, and have to be repeated.",
    ),
    Rule(
        "Each new call has a key of its own",
        has_a_key_of_its_own,
        "Make the key of what is unique to the call, such as the number of the receipt, or a random UUID.",
        "Have it make two calls at least.",
    ),
    Rule(
        "A call is repeated until its outcome is known",
        is_sent_until_it_is_known,
        "Keep each call in a queue on disk until there is a final answer, and send it until then.",
        "Have it make more calls; some get no answer.",
    ),
    Rule(
        "After 429 and 503 it waits as long as Retry-After says",
        waits_as_told,
        "Read Retry-After (seconds) of each 429 and 503, and wait that long before you send the call again.",
        "Have it make more calls, and repeat those that are refused with 429 or 503.",
    ),
    Rule(
        "Repeats are spaced out",
        does_not_hammer,
        "Wait a second before the first repeat, and double the pause each time, up to a few minutes.",
        "Have it make more calls, and repeat those that get no answer.",
    ),
    Rule(
        "What was refused for good is not sent again",
        takes_a_no,
        "Put it aside for a person, with code, detail and X-Request-Id. What was mended takes a new key.",
        "Have it make a call that is refused, such as a sale with a card that nobody has.",
    ),
    Rule(
        "One receipt has one external_id",
        names_each_receipt_once,
        "Give the receipt its number when it is made, once; send that number however often you send it.",
        "Have it report sales.",
    ),
    Rule(
        "After a bulk call only what is unfinished is sent again",
        resends_only_what_is_unfinished,
        "Go through results by index, take what has a final status out, and send only the others again.",
        "Have it make a batch of two items or more.",
    ),
    Rule(
        "After a bulk call everything unfinished is sent again",
        sends_what_is_unfinished,
        "Look at the status of each item: 207 says nothing of them. Send those with 429 and 5xx again.",
        "Have it make a batch of two items or more.",
    ),
    Rule(
        "Unknown fields in answers are taken",
        takes_unknown_fields,
        "Have your JSON reader skip fields that it does not know; within /v1 more of them come.",
        "Have it make a call that is carried out.",
    ),
    Rule(
        "Credentials are in the Authorization header alone",
        keeps_secrets_out_of_addresses,
        "Send Authorization: Bearer …, and take the credential out of the address: addresses end up in logs.",
        "Have it make a call.",
    ),
)
