"""What campaigns give beside points: badges, challenges and prize draws; and what of it a member has."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, moments, render, user_of
from loyalty.core.errors import DomainError
from members.models import Member
from rewards import prize_draws
from rewards.models import Badge, Challenge, PrizeDraw
from rewards.telling import belongings

COUNTED_AT_MOST = 10_000
_HOLDERS = f"""
(SELECT count(*) FROM (
    SELECT FROM rewards_memberbadge WHERE badge_id = rewards_badge.id LIMIT {COUNTED_AT_MOST}) AS counted)"""
STATES = {"open": "success", "closed": "warning", "drawn": "info"}


class KeyedAdmin(ProgramModelAdmin):
    """Things that campaigns name by a key, which stays as it is."""

    search_fields: tuple[str, ...] = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    sortable_by = ()
    ordering: tuple[str, ...] = ("name", "pk")
    prepopulated_fields: dict[str, Any] = {"key": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(Badge)
class BadgeAdmin(KeyedAdmin):
    list_display = ("name", "description", "shown_holders", "key")
    fieldsets = ((None, {"fields": ("name", "key", "description")}),)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Badge]:
        return super().get_queryset(request).annotate(holder_count=RawSQL(_HOLDERS, []))

    @display(description=_("members who have it"))
    def shown_holders(self, badge: Badge) -> str:
        count = getattr(badge, "holder_count", 0)
        return (
            f"{count:,}" if count < COUNTED_AT_MOST else _now("%(count)s or more") % {"count": f"{count:,}"}
        )


@admin.register(Challenge)
class ChallengeAdmin(KeyedAdmin):
    list_display = ("name", "description", "goal", "is_repeatable", "key")
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "key", "description"),
                "description": _("Campaigns bring members nearer to the goal, and reward its completion."),
            },
        ),
        (_("Goal"), {"fields": ("goal", "is_repeatable")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """What others lead to, and whether it begins anew, was looked at when campaigns were published."""
        return ("key", "is_repeatable") if obj else ()


@admin.register(PrizeDraw)
class PrizeDrawAdmin(KeyedAdmin):
    """Prize draws. Who may see them may not draw: that takes a permission of its own, and a second look."""

    list_display = ("name", "shown_state", "closes_at", "winner_count", "key")
    list_select_related = ("program",)
    ordering = ("-closes_at", "pk")
    fieldsets = (
        (None, {"fields": ("name", "key", "description")}),
        (_("Draw"), {"fields": ("closes_at", "winner_count")}),
    )
    actions_detail = ("draw_winners",)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Once winners are drawn, all of it stays."""
        if isinstance(obj, PrizeDraw) and obj.drawn_at:
            return ("name", "key", "description", "closes_at", "winner_count")
        return super().get_readonly_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        is_drawn = isinstance(obj, PrizeDraw) and obj.drawn_at is not None
        return not is_drawn and super().has_change_permission(request, obj)

    @action(description=_("Winners"), permissions=["view"], url_path="winners")
    def draw_winners(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The winners or, before that, a second look at who may win, and the button."""
        prizes = self.get_object(request, object_id)
        if not isinstance(prizes, PrizeDraw):
            raise Http404(_now("There is no such prize draw in this program."))
        may_draw = request.user.has_perm("rewards.draw_prizedraw")
        if request.method == "POST" and may_draw:
            return self._draw(request, prizes)
        context = {
            "title": _now("Winners of %(draw)s") % {"draw": prizes},
            "original": prizes,
            "prizes": prizes,
            "state": self._state(prizes),
            "chances": belongings.chances_of(prizes),
            "winners": belongings.winners_of(prizes),
            "may_draw": may_draw,
            "closes": moments.shown(prizes.closes_at),
            "drawn": moments.shown(prizes.drawn_at),
        }
        return render(request, self, "admin/rewards/prizedraw/winners.html", context)

    def _draw(self, request: HttpRequest, prizes: PrizeDraw) -> HttpResponse:
        try:
            winners = prize_draws.draw(prizes, by=user_of(request), at=clock.now(prizes.program))
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _now("Winners drawn: %(count)d.") % {"count": len(winners)})
        page = reverse("admin:rewards_prizedraw_draw_winners", args=[prizes.pk])
        return HttpResponseRedirect(page)

    def _state(self, prizes: PrizeDraw) -> str:
        if prizes.drawn_at:
            return "drawn"
        return "closed" if prizes.closes_at <= clock.now(prizes.program) else "open"

    @display(description=_("state"), label=STATES)
    def shown_state(self, prizes: PrizeDraw) -> tuple[str, str]:
        words = {"open": _("Open"), "closed": _("Closed, to be drawn"), "drawn": _("Winners drawn")}
        state = self._state(prizes)
        return state, str(words[state])


def prizes_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """What campaigns gave the member beside points, on the page about the member."""
    return "admin/rewards/prizes_panel.html", {"prizes": belongings.of_member(member)}
