from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from loyalty.core.admin import moments
from loyalty.core.templatetags.regulars import actor, reason
from members import statement
from members.admin.facts import OfMemberAdmin
from members.models import Entry, EntryKind, Posting

KIND_LABELS = {
    EntryKind.EARN: "success",
    EntryKind.UNLOCK: "info",
    EntryKind.SPEND: "primary",
    EntryKind.HOLD: "info",
    EntryKind.SETTLE: "primary",
    EntryKind.RELEASE: "info",
    EntryKind.EXPIRE: "warning",
    EntryKind.REVERSE: "danger",
    EntryKind.RESTORE: "success",
    EntryKind.ADJUST: "info",
    EntryKind.TRANSFER_IN: "success",
    EntryKind.TRANSFER_OUT: "primary",
    EntryKind.MERGE: "info",
}
"""The chip of each kind; one that is missing here would show its stored key."""


class PostingInline(TabularInline):
    """Which points of which grant moved from where to where."""

    model = Posting
    fields = ("points", "source", "destination", "granted", "expires")
    readonly_fields = ("granted", "expires")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Posting]:
        rows: models.QuerySet[Posting] = super().get_queryset(request)
        return rows.select_related("lot").order_by("pk")

    @display(description=_("from the grant of"))
    def granted(self, posting: Posting) -> str:
        return moments.shown(posting.lot.earned_at)

    @display(description=_("expires"))
    def expires(self, posting: Posting) -> str:
        return moments.shown(posting.lot.expires_at)


@admin.register(Entry)
class EntryAdmin(OfMemberAdmin):
    """The points statement: of everybody, or of one wallet when one comes from a member's page."""

    list_display = ("effective_at", "member_link", "shown_kind", "why", "shown_points", "shown_balance", "by")
    list_select_related = ("member", "wallet__type")
    search_fields = ("cause",)
    search_help_text = _("What it was booked for, such as sale:… (the whole text)")
    sortable_by = ()
    ordering = ("-recorded_at", "-pk")
    fieldsets = (
        (None, {"fields": ("member_link", "kind", "what", "shown_points", "by")}),
        (_("Balance after it"), {"fields": ("available_after", "pending_after", "held_after", "debt_after")}),
        (_("Time"), {"fields": ("effective_at", "recorded_at")}),
        (_("Reference"), {"fields": ("cause",)}),
    )
    inlines = (PostingInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Entry | None = None) -> tuple[str, ...]:
        return ("member_link", "what", "shown_points", "by")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """A wallet's entries are numbered, and found by their number."""
        return ("-number", "-pk") if "wallet__id__exact" in request.GET else self.ordering

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Entry], search_term: str
    ) -> tuple[models.QuerySet[Entry], bool]:
        term = search_term.strip()
        return (queryset.filter(cause=term) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The movement report of finance leads to the entries of a kind of points."""
        return lookup == "wallet__type__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description=_("kind"), label=KIND_LABELS)
    def shown_kind(self, entry: Entry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @display(description=_("what for"))
    def what(self, entry: Entry) -> str:
        """In the words of the member's statement."""
        (line,) = statement.worded([entry])
        return line.what

    @display(description=_("reason"))
    def why(self, entry: Entry) -> str:
        return reason(entry.reason)

    @display(description=_("by"))
    def by(self, entry: Entry) -> str:
        return actor(entry.actor)

    @display(description=_("points"))
    def shown_points(self, entry: Entry) -> SafeString:
        side = "plus" if entry.points > 0 else "minus" if entry.points < 0 else "none"
        points = f"{entry.points:+,}".replace("-", "−") if entry.points else "0"
        return format_html('<span class="rg-{}">{}</span>', side, points)

    @display(description=_("balance after"))
    def shown_balance(self, entry: Entry) -> str:
        return f"{entry.available_after:,}"
