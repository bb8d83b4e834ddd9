"""The page "Expiry": what will go, whose it is, what has gone, and how to stop or undo it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from loyalty.core import clock, spreadsheets
from loyalty.core.admin import FactAdmin, program_of, render, user_of
from loyalty.core.admin.charts import BAR_OPTIONS
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from loyalty.core.spreadsheets import Cell
from members import expiry, expiry_outlook, expiry_undo
from members.admin.rule_forms import day_input
from members.admin.words import expiry_in_words
from members.expiry_outlook import Day, Position
from members.models import ExpiryRun, RunStatus, WalletType

SPANS: Final = {"30": _("30 days"), "90": _("90 days"), "365": _("12 months")}
RUNS_SHOWN: Final = 20
MEMBERS_SHOWN: Final = 100
ROWS_SHOWN: Final = 40
FIGURES_KEPT_FOR: Final = timedelta(minutes=2)
COLORS: Final = ("var(--rg-amber)", "var(--color-primary-500)", "var(--color-base-400)", "var(--rg-danger)")
CHIPS: Final = {
    RunStatus.RUNNING: "info",
    RunStatus.DONE: "success",
    RunStatus.UNDOING: "info",
    RunStatus.UNDONE: "warning",
}


class UndoForm(forms.Form):
    """Until when the points that a run took are good again."""

    last_day = forms.DateField(
        label=_("New last day"),
        help_text=_("Members can use the points until the end of that day. Then they expire again."),
        widget=day_input(),
    )


@admin.register(ExpiryRun)
class ExpiryRunAdmin(FactAdmin):
    list_display = ("wallet_type", "through")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("members/<uuid:type_id>/", view(self.members_view), name="members_expiryrun_members"),
            path("members/<uuid:type_id>/csv/", view(self.csv_view), name="members_expiryrun_csv"),
            path("hold/<uuid:type_id>/", view(require_POST(self.hold_view)), name="members_expiryrun_hold"),
            path("<uuid:run_id>/undo/", view(self.undo_view), name="members_expiryrun_undo"),
            *super().get_urls(),
        ]

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("members.hold_expiryrun")

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("members.undo_expiryrun")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        program = self._program(request)
        span = request.GET.get("days", "30")
        span = span if span in SPANS else "30"
        kinds = list(WalletType.objects.filter(program=program).order_by("-is_spendable", "name"))
        counted = _counted(program, int(span))
        runs = ExpiryRun.objects.filter(program=program).select_related("wallet_type")
        context = {
            "title": _now("Expiry"),
            "program": program,
            "span": span,
            "spans": SPANS,
            "span_label": SPANS[span],
            "bar_options": BAR_OPTIONS,
            "kinds": [(kind, expiry_in_words(kind)) for kind in kinds],
            "runs": [_shown(run) for run in runs.order_by("-started_at", "-pk")[:RUNS_SHOWN]],
            "may_hold": self.has_hold_permission(request),
            "may_undo": self.has_undo_permission(request),
            **_outlook(program, counted["days"], kinds, int(span)),
            "counted_at": counted["at"],
        }
        return render(request, self, "admin/members/expiry/page.html", context)

    def members_view(self, request: HttpRequest, type_id: UUID) -> HttpResponse:
        program = self._program(request)
        wallet_type = get_object_or_404(WalletType, pk=type_id, program=program)
        first_day, last_day = _days(request, program)
        page = expiry_outlook.whose(
            program,
            wallet_type_id=type_id,
            first_day=first_day,
            last_day=last_day,
            after=_position(request),
            limit=MEMBERS_SHOWN + 1,
        )
        rows = page[:MEMBERS_SHOWN]
        asked = {"last": last_day.isoformat(), **({"first": first_day.isoformat()} if first_day else {})}
        context = {
            "title": _now("Whose points expire"),
            "program": program,
            "wallet_type": wallet_type,
            "rows": [(row, (row.expires_at - timedelta.resolution)) for row in rows],
            "first_day": first_day,
            "last_day": last_day,
            "asked": asked,
            "after": rows[-1] if len(page) > MEMBERS_SHOWN else None,
        }
        return render(request, self, "admin/members/expiry/members.html", context)

    def csv_view(self, request: HttpRequest, type_id: UUID) -> StreamingHttpResponse:
        program = self._program(request)
        wallet_type = get_object_or_404(WalletType, pk=type_id, program=program)
        first_day, last_day = _days(request, program)
        going = expiry_outlook.everybody(
            program, wallet_type_id=type_id, first_day=first_day, last_day=last_day
        )
        header = ["member_id", "wallet_type", "last_day", "points", "value", "currency"]
        name = f"expiry-{wallet_type.key}-{last_day.isoformat()}"
        return spreadsheets.download(name, header, _csv_rows(going, program, wallet_type))

    def hold_view(self, request: HttpRequest, type_id: UUID) -> HttpResponse:
        program = self._program(request)
        if not self.has_hold_permission(request):
            raise PermissionDenied
        wallet_type = get_object_or_404(WalletType, pk=type_id, program=program)
        is_on_hold = request.POST.get("hold") == "yes"
        expiry.put_on_hold(wallet_type, is_on_hold=is_on_hold)
        said = (
            _now("%(kind)s do not expire until you release them. What is due can still be used.")
            if is_on_hold
            else _now("%(kind)s expire again. What is due goes within minutes.")
        )
        messages.success(request, said % {"kind": wallet_type})
        return HttpResponseRedirect(reverse("admin:members_expiryrun_changelist"))

    def undo_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        program = self._program(request)
        if not self.has_undo_permission(request):
            raise PermissionDenied
        run = get_object_or_404(ExpiryRun.objects.select_related("wallet_type"), pk=run_id, program=program)
        initial = {"last_day": clock.today(program) + timedelta(days=30)}
        form = UndoForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid() and self._undo(request, run, form):
            return HttpResponseRedirect(reverse("admin:members_expiryrun_changelist"))
        context = {"title": _now("Undo an expiry run"), "run": run, "form": form, "program": program}
        return render(request, self, "admin/members/expiry/undo.html", context)

    def _undo(self, request: HttpRequest, run: ExpiryRun, form: UndoForm) -> bool:
        """Whether it was begun; if not, the form says why."""
        program = self._program(request)
        try:
            expiry_undo.begin(
                run.pk,
                program=program,
                last_day=form.cleaned_data["last_day"],
                actor=user_of(request).actor,
                at=clock.now(program),
            )
        except DomainError as refusal:
            field = "last_day" if "last_day" in (refusal.pointer or "") else None
            form.add_error(field, refusal.detail)
            return False
        said = ngettext(
            "%(points)s point comes back within minutes.",
            "%(points)s points come back within minutes.",
            run.points,
        )
        messages.success(request, said % {"points": f"{run.points:,}"})
        return True

    def _program(self, request: HttpRequest) -> Program:
        program = program_of(request)
        if program is None or not self.has_view_permission(request):
            raise PermissionDenied
        return program


def _shown(run: ExpiryRun) -> tuple[ExpiryRun, str, datetime | None]:
    """A run with its colour, and the last moment at which what it gave back is good."""
    good_until = run.new_expires_at and run.new_expires_at - timedelta.resolution
    return run, CHIPS[RunStatus(run.status)], good_until


def _counted(program: Program, days: int) -> dict[str, Any]:
    key = f"expiry-outlook:1:{program.pk}:{days}"
    kept = cache.get(key)
    if kept is None:
        at = clock.now(program)
        kept = {"at": at, "days": expiry_outlook.by_day(program, at=at, days=days)}
        cache.set(key, kept, timeout=FIGURES_KEPT_FOR.total_seconds())
    return kept


def _outlook(program: Program, days: list[Day], kinds: list[WalletType], span: int) -> dict[str, Any]:
    today = clock.today(program)
    names = {kind.pk: kind for kind in kinds}
    coming = [day for day in days if day.last_day >= today]
    due = [day for day in days if day.last_day < today]
    value = sum((day.value for day in coming), Decimal(0))
    return {
        "today": today,
        "rows": [(day, names[day.wallet_type_id]) for day in coming[:ROWS_SHOWN]],
        "more_rows": max(len(coming) - ROWS_SHOWN, 0),
        "due": [(names[type_id], sum(day.points for day in of)) for type_id, of in _by_kind(due)],
        "points": sum(day.points for day in coming),
        "value": value.quantize(Decimal("0.01")),
        "going": {day.wallet_type_id for day in days},
        "totals": [(names[type_id], sum(day.points for day in of)) for type_id, of in _by_kind(coming)],
        "last_shown": today + timedelta(days=span),
        "chart": _chart(coming, kinds, today, span) if coming else "",
    }


def _by_kind(days: Iterable[Day]) -> list[tuple[UUID, list[Day]]]:
    found: defaultdict[UUID, list[Day]] = defaultdict(list)
    for day in days:
        found[day.wallet_type_id].append(day)
    return list(found.items())


def _chart(days: list[Day], kinds: list[WalletType], today: date, span: int) -> str:
    """A bar a day, or a month where they are many."""
    by_month = span > 100
    starts = [today + timedelta(days=ahead) for ahead in range(span + 1)]
    labels = list(dict.fromkeys(_label(day, by_month) for day in starts))
    points: defaultdict[tuple[UUID, str], int] = defaultdict(int)
    for day in days:
        points[day.wallet_type_id, _label(day.last_day, by_month)] += day.points
    return json.dumps(
        {
            "labels": labels,
            "datasets": [
                {
                    "label": kind.name,
                    "data": [points[kind.pk, label] for label in labels],
                    "backgroundColor": COLORS[number % len(COLORS)],
                    "borderColor": COLORS[number % len(COLORS)],
                    "displayYAxis": True,
                    "maxTicksXLimit": 10,
                }
                for number, kind in enumerate(kinds)
                if any(day.wallet_type_id == kind.pk for day in days)
            ],
        }
    )


def _label(day: date, by_month: bool) -> str:
    return date_format(day, "M Y" if by_month else "j M")


def _days(request: HttpRequest, program: Program) -> tuple[date | None, date]:
    """The days that a list is asked for; without a first one, all that is due already is in it."""
    try:
        first = parse_date(request.GET.get("first", ""))
        last = parse_date(request.GET.get("last", ""))
    except ValueError as error:
        raise Http404 from error
    last = last or clock.today(program) + timedelta(days=30)
    if not date(2000, 1, 1) <= (first or last) <= last <= date(2999, 12, 31):
        raise Http404
    return first, last


def _position(request: HttpRequest) -> Position | None:
    try:
        moment, wallet_id = parse_datetime(request.GET.get("at", "")), UUID(request.GET.get("after", ""))
    except ValueError:
        return None
    return Position(moment, wallet_id) if moment and moment.tzinfo else None


def _csv_rows(
    going: Iterable[expiry_outlook.Going], program: Program, wallet_type: WalletType
) -> Iterator[Sequence[Cell]]:
    for one in going:
        last_day = clock.local_date(program, one.expires_at - timedelta.resolution)
        value = one.value.quantize(Decimal("0.01"))
        yield [str(one.member_id), wallet_type.key, last_day, one.points, value, program.currency]
