"""A member's statement for any period: on a page, on paper, and as CSV; and the balance on any day."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock, spreadsheets
from loyalty.core.admin import ProgramModelAdmin, program_of, render
from loyalty.core.models import Program
from loyalty.core.spreadsheets import Cell
from members import statement
from members.models import EntryKind, Member, Wallet
from members.statement import Balance, Line, Period

LINES_SHOWN: Final = 2_000
EARLIEST: Final = date(2000, 1, 1)
_HEADER: Final = (
    "date", "recorded_at", "kind", "what", "points", "balance", "available", "pending", "held", "owed",
)  # fmt: skip


class PeriodForm(forms.Form):
    """Which wallet, from which day to which, both included; and the day to know the balance of."""

    wallet = forms.ChoiceField(label=_("Points"))
    start = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    end = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    on = forms.DateField(
        label=_("Balance at the end of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, wallets: list[Wallet], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["wallet"]
        field.choices = [(str(wallet.pk), str(wallet.type)) for wallet in wallets]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name in ("start", "end", "on"):
            day = given.get(name)
            if day is not None and not EARLIEST <= day <= date(9998, 12, 31):
                self.add_error(name, _now("The earliest day is 1 January 2000."))
        start, end = given.get("start"), given.get("end")
        if start and end and start > end:
            self.add_error("end", _now("The last day comes before the first."))
        return given


class Sheet:
    """What a statement shows: the wallet's period, and where one may go from there."""

    def __init__(self, program: Program, member: Member, request: HttpRequest) -> None:
        self.program, self.member = program, member
        self.today = clock.today(program)
        wallets = Wallet.objects.filter(member=member).select_related("type")
        self.wallets = list(wallets.order_by("-type__is_spendable", "type__name", "pk"))
        self.form = PeriodForm(self._asked(request), wallets=self.wallets)
        self.period: Period | None = None
        if self.wallets and self.form.is_valid():
            given = self.form.cleaned_data
            self.wallet = next(wallet for wallet in self.wallets if str(wallet.pk) == given["wallet"])
            self.start, self.end, self.on = given["start"], given["end"], given["on"]
            self.period = statement.period(
                self.wallet,
                clock.start_of_day(program, self.start),
                clock.start_of_day(program, self.end + timedelta(days=1)),
            )

    def _asked(self, request: HttpRequest) -> dict[str, Any]:
        first = str(self.wallets[0].pk) if self.wallets else ""
        usual = {"wallet": first, "start": self.today.replace(month=1, day=1), "end": self.today}
        return {**usual, **{name: value for name, value in request.GET.items() if value or name not in usual}}

    def presets(self) -> list[tuple[str, date, date]]:
        """Well-known periods by name."""
        today = self.today
        month = today.replace(day=1)
        last_month = (month - timedelta(days=1)).replace(day=1)
        year = today.replace(month=1, day=1)
        return [
            (_now("This month"), month, today),
            (_now("Last month"), last_month, month - timedelta(days=1)),
            (_now("This year"), year, today),
            (_now("Last year"), year.replace(year=year.year - 1), year - timedelta(days=1)),
        ]

    def balance_on(self) -> Balance | None:
        if self.period is None or self.on is None:
            return None
        return statement.opening(self.wallet, clock.start_of_day(self.program, self.on + timedelta(days=1)))

    def context(self) -> dict[str, Any]:
        if self.period is None:
            return {"sheet": self, "presets": self.presets()}
        lines = statement.lines(self.period, limit=LINES_SHOWN)
        return {
            "sheet": self,
            "presets": self.presets(),
            "period": self.period,
            "lines": lines,
            "is_cut": self.period.length > len(lines),
            "sums": _by_kind(self.period),
            "change": self.period.closing.total - self.period.opening.total,
            "shows_parts": any(line.after.pending or line.after.held for line in lines),
            "balance_on": self.balance_on(),
        }


def _by_kind(period: Period) -> list[tuple[str, int]]:
    return [(str(kind.label), period.sums[kind]) for kind in EntryKind if period.sums.get(kind)]


def page(admin: ProgramModelAdmin) -> Callable[[HttpRequest, str], HttpResponse]:
    def view(request: HttpRequest, object_id: str) -> HttpResponse:
        sheet = _sheet(admin, request, object_id)
        context = {"title": _now("Points statement"), "original": sheet.member, "member": sheet.member}
        return render(request, admin, "admin/members/member/statement.html", {**context, **sheet.context()})

    return view


def paper(admin: ProgramModelAdmin) -> Callable[[HttpRequest, str], HttpResponse]:
    """The statement alone, as it is printed or kept as PDF."""

    def view(request: HttpRequest, object_id: str) -> HttpResponse:
        sheet = _sheet(admin, request, object_id)
        if sheet.period is None:
            raise Http404(_now("There is no such statement."))
        context = {**sheet.context(), "printed_at": clock.now(sheet.program)}
        return TemplateResponse(request, "admin/members/member/statement_paper.html", context)

    return view


def table(admin: ProgramModelAdmin) -> Callable[[HttpRequest, str], StreamingHttpResponse]:
    """The statement as CSV, streamed: as many lines as there are."""

    def view(request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        sheet = _sheet(admin, request, object_id)
        if sheet.period is None:
            raise Http404(_now("There is no such statement."))
        name = f"statement-{sheet.program.key}-{sheet.wallet.type.key}-{sheet.start}-{sheet.end}"
        rows = _rows(sheet.period, ZoneInfo(sheet.program.time_zone))
        return spreadsheets.download(name, _HEADER, rows, opens_in_excel=True)

    return view


def _sheet(admin: ProgramModelAdmin, request: HttpRequest, object_id: str) -> Sheet:
    member, program = admin.get_object(request, object_id), program_of(request)
    if member is None or program is None or not admin.has_view_permission(request, member):
        raise Http404(_now("There is no such member in this program."))
    return Sheet(program, member, request)


def _rows(period: Period, zone: ZoneInfo) -> Iterator[Sequence[Cell]]:
    yield ["", "", "opening", "", "", *_balance(period.opening)]
    for line in statement.stream(period):
        yield _row(line, zone)
    yield ["", "", "closing", "", "", *_balance(period.closing)]


def _row(line: Line, zone: ZoneInfo) -> list[Cell]:
    return [
        line.effective_at.astimezone(zone).date(),
        line.recorded_at.astimezone(zone).isoformat(timespec="seconds"),
        line.kind,
        line.what,
        line.points,
        *_balance(line.after),
    ]


def _balance(balance: Balance) -> list[int]:
    return [balance.total, balance.available, balance.pending, balance.held, balance.debt]
