"""What the kit found, for people: as text for a terminal, and as a page."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Final

from integrations.conformance import trouble
from integrations.conformance.exchanges import Exchange
from integrations.conformance.rules import BROKEN, KEPT, NOT_SEEN, Verdict

ORDER: Final = (BROKEN, NOT_SEEN, KEPT)
WIDTH: Final = 100
_COLOURS: Final = {BROKEN: "31;1", NOT_SEEN: "33", KEPT: "32"}
_MARKS: Final = {BROKEN: "✗", NOT_SEEN: "–", KEPT: "✓"}


@dataclass(frozen=True)
class Report:
    title: str
    about: str
    """What was looked at, in a sentence."""
    verdicts: tuple[Verdict, ...]

    def count(self, outcome: str) -> int:
        return sum(one.outcome == outcome for one in self.verdicts)

    @property
    def summary(self) -> str:
        broken, kept, unseen = map(self.count, (BROKEN, KEPT, NOT_SEEN))
        if not broken + kept:
            return "Nothing could be judged."
        parts = [f"{_rules(broken) if broken else 'No rule'} broken", f"{kept} kept"]
        return ", ".join([*parts, f"{unseen} not seen"] if unseen else parts) + "."

    def sorted(self) -> list[Verdict]:
        """What there is to do comes first."""
        return sorted(self.verdicts, key=lambda one: ORDER.index(one.outcome))


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def of_calls(exchanges: Sequence[Exchange], verdicts: Iterable[Verdict]) -> Report:
    about = "No call arrived. Let your integration use the address above instead of your sandbox's."
    if exchanges:
        seconds = max(one.ended_at for one in exchanges) - exchanges[0].at
        met = Counter(one.trouble for one in exchanges if one.trouble != trouble.NONE)
        troubles = "; ".join(f"{what}: {times}" for what, times in met.most_common()) or "none"
        calls = f"{len(exchanges)} call{'' if len(exchanges) == 1 else 's'}"
        about = f"{calls} in {seconds:.0f} s. Trouble that was made – {troubles}."
    return Report("Your integration's calls", about, tuple(verdicts))


def of_receiver(url: str, verdicts: Iterable[Verdict]) -> Report:
    return Report("Your webhook receiver", f"Messages were sent to {url}.", tuple(verdicts))


def text(report: Report, *, is_coloured: bool) -> str:
    lines = [report.title, *wrap(report.about, WIDTH), ""]
    for verdict in report.sorted():
        lines += _told(verdict, is_coloured=is_coloured)
    return "\n".join([*lines, "", report.summary])


def _told(verdict: Verdict, *, is_coloured: bool) -> list[str]:
    mark = f"{_MARKS[verdict.outcome]} {verdict.outcome:<8}"
    if is_coloured:
        mark = f"\033[{_COLOURS[verdict.outcome]}m{mark}\033[0m"
    if verdict.outcome == KEPT:
        return [f"{mark}  {verdict.rule}"]
    heading = "To do:" if verdict.outcome == BROKEN else "To see it:"
    seen = [f"            Seen: {line}" for line in verdict.evidence]
    more = [f"            … and {_more(verdict)} more"] if _more(verdict) else []
    advice = wrap(f"{heading} {verdict.advice}", WIDTH - 12)
    return [f"{mark}  {verdict.rule}", *seen, *more, *(f"            {line}" for line in advice), ""]


def _more(verdict: Verdict) -> int:
    return verdict.faults - len(verdict.evidence)


def page(report: Report) -> str:
    """One file without any other, to keep with a build or to send to somebody."""
    return _PAGE.format(
        title=escape(report.title),
        about=escape(report.about),
        summary=escape(report.summary),
        state="bad" if report.count(BROKEN) else "good" if report.count(KEPT) else "open",
        rules="\n".join(map(_card, report.sorted())),
    )


def _card(verdict: Verdict) -> str:
    parts = [f"<h2><span>{_MARKS[verdict.outcome]}</span> {escape(verdict.rule)}</h2>"]
    if verdict.advice:
        parts.append(f"<p>{escape(verdict.advice)}</p>")
    if verdict.evidence:
        more = [f"… and {_more(verdict)} more"] if _more(verdict) else []
        shown = "".join(f"<li>{escape(line)}</li>" for line in [*verdict.evidence, *more])
        parts.append(f"<ul>{shown}</ul>")
    state = {BROKEN: "bad", KEPT: "good", NOT_SEEN: "open"}[verdict.outcome]
    return f'<section class="{state}"><b>{verdict.outcome.lower()}</b>{"".join(parts)}</section>'


_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}: {summary}</title>
<style>
:root {{ color-scheme: light dark; --bad: #c62828; --good: #2e7d32; --open: #9a6700; --line: #8884; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.75rem; margin: 0; }} header p {{ margin: .25rem 0; }}
header strong {{ color: var(--state); font-size: 1.1rem; }}
section {{ border-left: 4px solid var(--state); padding: .5rem 1rem; margin: .75rem 0; position: relative;
  background: #8881; border-radius: 0 .5rem .5rem 0; }}
section h2 {{ font-size: 1rem; margin: 0; padding-right: 5rem; }} section h2 span {{ color: var(--state); }}
section b {{ position: absolute; right: 1rem; color: var(--state); font-size: .85rem; line-height: 1.75; }}
section p {{ margin: .25rem 0; }} section ul {{ margin: .25rem 0; padding-left: 1.2rem; }}
section li {{ font: .85rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere; }}
.bad {{ --state: var(--bad); }} .good {{ --state: var(--good); }} .open {{ --state: var(--open); }}
@media (prefers-color-scheme: dark) {{ :root {{ --bad: #ef6c6c; --good: #6fbf73; --open: #d9a93f; }} }}
</style>
<body><header class="{state}"><h1>{title}</h1><p><strong>{summary}</strong></p><p>{about}</p></header>
{rules}
</body>
</html>
"""
