"""Sales, returns and events, with what each of them earned and why."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.core.admin import program_of
from members import comparing, search
from members.admin.facts import OfMemberAdmin
from members.models import Member
from rewards.models import Activity, ActivityKind
from rewards.telling import wording

KIND_LABELS = {
    ActivityKind.SALE: "primary",
    ActivityKind.RETURN: "warning",
    ActivityKind.EVENT: "info",
    ActivityKind.UNDONE: "danger",
    ActivityKind.UNDO: "warning",
}
SHOWN_ON_MEMBER_PAGE = 15


def activities_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The newest activities of a member and of the records merged into theirs, for the page about them."""
    records = comparing.one_person(member)
    rows = Activity.objects.filter(member__in=records).order_by("-occurred_at", "-pk")
    newest = list(rows[:SHOWN_ON_MEMBER_PAGE])
    awards = wording.awards(newest)
    return "admin/rewards/activities_panel.html", {
        "activities": [(activity, awards[activity.pk]) for activity in newest],
        "currency": program.currency if (program := program_of(request)) else "",
    }


@admin.register(Activity)
class ActivityAdmin(OfMemberAdmin):
    """What partners reported, newest first."""

    list_display = (
        "occurred_at",
        "member_link",
        "shown_kind",
        "external_id",
        "place",
        "shown_amount",
        "shown_points",
    )
    list_select_related = ("member", "program")
    search_fields = ("external_id",)
    search_help_text = _("Number of the receipt, or a member’s card, e-mail or name")
    sortable_by = ()
    ordering = ("-pk",)
    readonly_fields = (
        "member_link",
        "shown_amount",
        "shown_points",
        "shown_awards",
        "shown_return",
        "shown_returns",
        "shown_lines",
        "shown_attributes",
    )

    def get_fieldsets(self, request: HttpRequest, obj: Activity | None = None) -> list[tuple[Any, Any]]:
        """A return says what it took and gave back; a sale what it gave, and what came back of it."""
        what = {
            ActivityKind.SALE: ("shown_awards", "shown_returns"),
            ActivityKind.UNDONE: ("shown_awards", "shown_returns"),
            ActivityKind.RETURN: ("shown_return",),
            ActivityKind.UNDO: ("shown_return",),
        }.get(ActivityKind(obj.kind) if obj else ActivityKind.EVENT, ("shown_awards",))
        reported = ("source", "external_id", "event_type", "store", "shown_lines", "shown_attributes")
        return [
            (None, {"fields": ("member_link", "kind", "shown_amount", "shown_points", *what)}),
            (_("As it was reported"), {"fields": reported}),
            (_("Time"), {"fields": ("occurred_at", "recorded_at")}),
        ]

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """One member's activities are found by when they happened."""
        return ("-occurred_at", "-pk") if "member__id__exact" in request.GET else self.ordering

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Activity], search_term: str
    ) -> tuple[models.QuerySet[Activity], bool]:
        term, program = search_term.strip(), program_of(request)
        if not term or program is None:
            return queryset, False
        members = search.find(term, program=program).values("pk")
        sources = program.partners.values("key")
        # Two look-ups on indexes instead of one condition with OR, which would walk through all activities.
        receipts = Activity.objects.filter(program=program, source__in=sources, external_id=term).values("pk")
        bought = Activity.objects.filter(member__in=members).values("pk")
        return queryset.filter(pk__in=receipts.union(bought)), False

    @display(description=_("kind"), label=KIND_LABELS)
    def shown_kind(self, activity: Activity) -> tuple[str, str]:
        return activity.kind, activity.event_type or activity.get_kind_display()

    @display(description=_("where"))
    def place(self, activity: Activity) -> str:
        return " · ".join(part for part in (activity.source, activity.store) if part)

    @display(description=_("amount"))
    def shown_amount(self, activity: Activity) -> str:
        return (
            ""
            if activity.kind == ActivityKind.EVENT
            else f"{activity.amount:,.2f} {activity.program.currency}"
        )

    @display(description=_("points"))
    def shown_points(self, activity: Activity) -> SafeString:
        side = "plus" if activity.points > 0 else "minus" if activity.points < 0 else "none"
        points = f"{activity.points:+,}".replace("-", "−") if activity.points else "0"
        return format_html('<span class="rg-{}">{}</span>', side, points)

    @display(description=_("why"))
    def shown_awards(self, activity: Activity) -> SafeString:
        awards = wording.awards([activity])[activity.pk]
        lacking = wording.lacking(activity, program=activity.program)
        return render_to_string(
            "admin/rewards/awards.html",
            {"awards": awards, "gifts": wording.gifts(activity), "lacking": lacking},
        )

    @display(description=_("what it did"))
    def shown_return(self, activity: Activity) -> SafeString:
        return render_to_string("admin/rewards/returned.html", {"returned": wording.returned(activity)})

    @display(description=_("returns"))
    def shown_returns(self, activity: Activity) -> SafeString:
        returns = [(one, self.shown_points(one)) for one in activity.returns.order_by("pk")]
        currency = activity.program.currency
        return render_to_string("admin/rewards/returns.html", {"returns": returns, "currency": currency})

    @display(description=_("lines"))
    def shown_lines(self, activity: Activity) -> SafeString:
        return render_to_string("admin/rewards/lines.html", {"lines": activity.lines})

    @display(description=_("attributes"))
    def shown_attributes(self, activity: Activity) -> SafeString:
        return render_to_string("regulars/pairs.html", {"pairs": activity.attributes})
