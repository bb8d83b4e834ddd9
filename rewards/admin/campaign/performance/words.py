"""What results say, for somebody who has never heard of a confidence interval."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.core.templatetags.regulars import figure
from rewards.performance.checks import BUYERS_NEEDED, MEMBERS_NEEDED
from rewards.performance.comparing import Interval
from rewards.performance.experiments import CONTROL, TREATED
from rewards.performance.groups import Group
from rewards.performance.outcome import ALL, Outcome, Pair, Verdict

CENT: Final = Decimal("0.01")
ICONS: Final = {
    Verdict.MORE: ("trending_up", "success"),
    Verdict.LESS: ("trending_down", "danger"),
    Verdict.NO_DIFFERENCE: ("trending_flat", ""),
    Verdict.TOO_FEW: ("hourglass_top", "warning"),
    Verdict.MISMATCH: ("warning", "danger"),
    Verdict.NO_GROUPS: ("help", ""),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict in words: one line, what is behind it, and what to do about it."""

    headline: str
    text: str
    icon: str
    tone: str
    advice: str = ""


class Words:
    """The words for one campaign's results: money in its currency, groups by their names."""

    def __init__(self, *, currency: str, names: dict[str, str]) -> None:
        self.currency = currency
        self.names = names

    def name(self, key: str) -> str:
        if key == CONTROL:
            return _("Control group")
        if key in (TREATED, ALL):
            return _("Taking part")
        return self.names.get(key, key)

    def money(self, amount: float | Decimal, *, is_signed: bool = False) -> str:
        """To the cent where that matters; a thousand and more in whole units."""
        exact = Decimal(str(amount))
        unit = Decimal(1) if abs(exact) >= 1000 else CENT
        rounded = exact.quantize(unit, ROUND_HALF_UP) + Decimal(0)
        sign = "+" if is_signed and rounded > 0 else ""
        return f"{sign}{figure(rounded)} {self.currency}"

    def between(self, interval: Interval) -> str:
        return _("%(low)s to %(high)s") % {
            "low": self.money(interval.low, is_signed=True),
            "high": self.money(interval.high, is_signed=True),
        }

    def told(self, found: Outcome) -> Told:
        icon, tone = ICONS[found.verdict]
        headline, text, advice = {
            Verdict.NO_GROUPS: self._no_groups,
            Verdict.MISMATCH: self._mismatch,
            Verdict.TOO_FEW: self._too_few,
        }.get(found.verdict, self._compared)(found)
        return Told(headline, text, icon, tone, advice)

    def _no_groups(self, found: Outcome) -> tuple[str, str, str]:
        return (
            _("What it brought about cannot be known"),
            _(
                "Everybody in its audience takes part, so nobody shows what members would have bought"
                " without it. What follows describes what happened; it is no effect of the campaign."
            ),
            _("Hold out a control group, of 10 percent say, and this page will tell the effect."),
        )

    def _mismatch(self, found: Outcome) -> tuple[str, str, str]:
        whole = sum(group.members for group in found.groups) or 1
        shares = sum(group.share for group in found.groups)
        off = max(found.groups, key=lambda group: abs(group.members / whole - group.share / shares))
        return (
            _("The groups are not of the sizes that they should be"),
            _(
                "%(group)s should have %(wanted)s of the members and has %(found)s. By chance that happens"
                " less than once in a thousand times, so something else decided who is counted, and a"
                " comparison would mislead."
            )
            % {
                "group": self.name(off.key),
                "wanted": share(off.share / shares),
                "found": share(off.members / whole),
            },
            _("Look for members who were removed, merged or enrolled in bulk for one group only."),
        )

    def _too_few(self, found: Outcome) -> tuple[str, str, str]:
        short = min(found.groups, key=lambda group: (group.members, group.buyers))
        return (
            _("Not enough members yet"),
            _(
                "Groups can be compared once each has %(needed)d members, %(buyers)d of whom have bought"
                " something. %(group)s has %(members)s, of whom %(bought)s bought."
            )
            % {
                "needed": MEMBERS_NEEDED,
                "buyers": BUYERS_NEEDED,
                "group": self.name(short.key),
                "members": intcomma(short.members),
                "bought": intcomma(short.buyers),
            },
            _("Wait, or give the next campaign a larger audience or a larger control group."),
        )

    def _compared(self, found: Outcome) -> tuple[str, str, str]:
        if found.main is None:
            pair = found.best or min(found.pairs, key=lambda one: one.comparison.p_value)
            return self._between_variants(found, pair)
        pair = found.main
        return self._headline(pair), self._means(pair), self._needed(found, pair)

    def _headline(self, pair: Pair) -> str:
        found = pair.comparison
        if pair.verdict == Verdict.NO_DIFFERENCE:
            return _("No effect on sales is to be seen")
        if found.relative is None:
            more, less = _("Members buy more because of it"), _("Members buy less because of it")
            return more if found.difference > 0 else less
        said = {"share": share(abs(found.relative))}
        if found.difference > 0:
            return _("Members buy %(share)s more because of it") % said
        return _("Members buy %(share)s less because of it") % said

    def _means(self, pair: Pair) -> str:
        found = pair.comparison
        text = _(
            "Members who could take part bought for %(difference)s each than those of the control group, on"
            " average and in the campaign's time. With 95 %% confidence the true difference lies between"
            " %(low)s and %(high)s."
        ) % {
            "difference": self._more_or_less(found.difference),
            "low": self.money(found.interval.low, is_signed=True),
            "high": self.money(found.interval.high, is_signed=True),
        }
        if pair.verdict == Verdict.NO_DIFFERENCE:
            text += " " + _("Zero lies in between: chance alone could have brought this about.")
        return text

    def _more_or_less(self, difference: float) -> str:
        text = _("%(money)s more") if difference >= 0 else _("%(money)s less")
        return text % {"money": self.money(abs(difference))}

    def _needed(self, found: Outcome, pair: Pair) -> str:
        if pair.comparison.is_sure:
            return ""
        detectable = {
            "money": self.money(pair.comparison.detectable),
            "share": share(pair.comparison.detectable_share)
            if pair.comparison.detectable_share is not None
            else "–",
        }
        text = _(
            "An effect of %(money)s a member (%(share)s) or more would most likely have been seen; a smaller"
            " one may be there."
        )
        said = text % detectable
        if found.members_needed:
            said += " " + _("To see one of 5 %% takes about %(members)s members.") % {
                "members": intcomma(_about(found.members_needed))
            }
        return said

    def _between_variants(self, found: Outcome, pair: Pair) -> tuple[str, str, str]:
        one, other = (pair.one, pair.other) if pair.comparison.difference >= 0 else (pair.other, pair.one)
        names = {"one": self.name(one.key), "other": self.name(other.key)}
        if pair.verdict == Verdict.NO_DIFFERENCE:
            headline = _("The variants do equally well, as far as can be seen")
        else:
            headline = _("“%(one)s” sells more than “%(other)s”") % names
        difference = abs(pair.comparison.difference)
        text = _(
            "Members of “%(one)s” bought for %(money)s more each than those of “%(other)s”, on average; with"
            " 95 %% confidence the true difference lies between %(low)s and %(high)s. Without a control group"
            " this says which is better, not whether either does anything."
        ) % {**names, "money": self.money(difference), **self._ends(pair, is_turned=one is pair.other)}
        return headline, text, self._needed(found, pair)

    def _ends(self, pair: Pair, *, is_turned: bool) -> dict[str, str]:
        low, high = pair.comparison.interval.low, pair.comparison.interval.high
        low, high = (-high, -low) if is_turned else (low, high)
        return {"low": self.money(low, is_signed=True), "high": self.money(high, is_signed=True)}

    def pair(self, pair: Pair) -> str:
        return _("%(one)s against %(other)s") % {
            "one": self.name(pair.one.key),
            "other": self.name(pair.other.key).lower()
            if pair.other.key == CONTROL
            else self.name(pair.other.key),
        }

    def chance(self, pair: Pair) -> str:
        """The p-value, as it is usually written."""
        value = pair.comparison.p_value
        return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"

    def members(self, group: Group) -> str:
        return ngettext("%(n)s member", "%(n)s members", group.members) % {"n": intcomma(group.members)}


def share(part: float) -> str:
    """A share as percent: two digits that mean something, "4.2 %" and "38 %"."""
    percent = Decimal(str(part * 100))
    unit = Decimal(1) if abs(percent) >= 20 else Decimal("0.1")
    return f"{figure(percent.quantize(unit, ROUND_HALF_UP) + Decimal(0))} %"


def shares_between(interval: Interval) -> str:
    """The ends of an interval as percent."""
    low, high = share(interval.low), share(interval.high)
    return _("%(low)s to %(high)s") % {"low": low, "high": f"+{high}" if interval.high > 0 else high}


def _about(members: int) -> int:
    """With two digits that mean something."""
    zeros = max(len(str(members)) - 2, 0)
    return -(-members // 10**zeros) * 10**zeros
