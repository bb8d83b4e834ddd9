"""Transfers: the list, one of them with its undo, and the page on which support makes one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from loyalty.core import audit, clock
from loyalty.core.admin import program_of, render, user_of
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import terms, transfers
from members.admin import choosing
from members.admin.facts import BetweenMembersAdmin, link_to
from members.models import Entry, HouseholdMember, Member, Transfer, TransferScope, Wallet
from members.references import MemberReference
from members.terms import WalletTerms

FIELDS = {"wallet_type": "wallet_type", "points": "points"}
"""The fields that refusals point at, by what comes first in their pointers."""


class TransferForm(forms.Form):
    """Which points, and how many of them; `token` lets a second press of the button do nothing."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    wallet_type = forms.ChoiceField(label=_("Points"), widget=UnfoldAdminSelectWidget)
    points = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=10**12, widget=UnfoldAdminIntegerFieldWidget
    )

    def __init__(self, *args: Any, kinds: list[WalletTerms], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wallet_type"].choices = [(kind.key, kind.name) for kind in kinds]  # type: ignore[attr-defined]

    def refuse(self, refusal: DomainError) -> None:
        field = (refusal.pointer or "").removeprefix("#/").split("/")[0]
        self.add_error(FIELDS.get(field), refusal.detail)


def transferable(program: Program) -> list[WalletTerms]:
    kinds = terms.of(program).wallet_types.values()
    return [kind for kind in kinds if kind.transfers_to != TransferScope.NOBODY]


def send_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """Find the recipient, then say how many points; the program's rules hold for staff, too."""
    if not request.user.has_perm("members.add_transfer"):
        raise PermissionDenied
    program = program_of(request)
    assert program is not None, "the member is of a program"
    kinds = transferable(program)
    recipient = choosing.chosen(request)
    form = TransferForm(request.POST or None, kinds=kinds, initial={"token": new_id()})
    done = None
    if request.method == "POST" and recipient and form.is_valid():
        done = _send(request, program, member, recipient, form)
    if done is not None:
        return done
    context = {
        "title": _now("Transfer points of %(member)s") % {"member": member},
        "original": member,
        "member": member,
        "recipient": recipient,
        "choice": choosing.asked(request, without=[member.pk]),
        "form": form,
        "rules": _rules(program, member, recipient, kinds),
    }
    return render(request, page, "admin/members/member/transfer.html", context)


def _send(
    request: HttpRequest, program: Program, member: Member, recipient: Member, form: TransferForm
) -> HttpResponse | None:
    token: UUID = form.cleaned_data["token"]
    try:
        done = transfers.send(
            sender=MemberReference("id", str(member.pk)),
            recipient=MemberReference("id", str(recipient.pk)),
            wallet_type=form.cleaned_data["wallet_type"],
            points=form.cleaned_data["points"],
            program=program,
            source="",
            actor=user_of(request).actor,
            at=clock.now(program),
            transfer_id=token,
        )
    except (transfers.AlreadySent, IntegrityError):
        # The button was pressed twice: what is asked for is done.
        return HttpResponseRedirect(reverse("admin:members_transfer_change", args=[token]))
    except DomainError as refusal:
        form.refuse(refusal)
        return None
    said = _now("%(points)s points were passed on to %(recipient)s.")
    audit.note(
        member, by=user_of(request), text=said % {"points": f"{done.points:,}", "recipient": recipient}
    )
    messages.success(request, said % {"points": f"{done.points:,}", "recipient": recipient})
    return HttpResponseRedirect(reverse("admin:members_transfer_change", args=[done.id]))


def _rules(
    program: Program, member: Member, recipient: Member | None, kinds: list[WalletTerms]
) -> list[dict[str, Any]]:
    """What may be passed on of each kind, for somebody who wants to know before trying."""
    balances = dict(Wallet.objects.filter(member=member).values_list("type", "available"))
    home = HouseholdMember.objects.shared_by(member.pk, recipient.pk) if recipient else None
    at = clock.now(program)
    return [
        {
            "kind": kind,
            "available": balances.get(kind.id, 0),
            "is_at_home": home is not None,
            "is_refused": home is None and kind.transfers_to == TransferScope.HOUSEHOLD and recipient,
            "left": None if home else transfers.left_this_month(member.pk, kind, program=program, at=at),
        }
        for kind in kinds
    ]


@admin.register(Transfer)
class TransferAdmin(BetweenMembersAdmin):
    """Points that members gave each other, newest first."""

    list_display = ("sent_at", "from_member", "to_member", "shown_points", "shown_fee", "by", "shown_state")
    list_filter = ("wallet_type",)
    list_select_related = ("sender", "recipient", "wallet_type")
    search_fields = ("sender",)
    sides = ("sender", "recipient")
    is_unknown = _("There is no such transfer in this program.")

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(self.undo_view)
        return [path("<path:object_id>/undo/", undo, name="members_transfer_undo"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._page(request, self.found(request, object_id))

    def _page(self, request: HttpRequest, transfer: Transfer, refusal: str = "") -> HttpResponse:
        context = {
            "title": _now("Transfer of %(points)s points") % {"points": f"{transfer.points:,}"},
            "original": transfer,
            "transfer": transfer,
            "refusal": refusal,
            "entries": _entries(transfer),
            "may_undo": transfer.undone_at is None and request.user.has_perm("members.undo_transfer"),
        }
        return render(request, self, "admin/members/transfer/page.html", context)

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm("members.undo_transfer"):
            raise PermissionDenied
        transfer = self.found(request, object_id)
        here = HttpResponseRedirect(reverse("admin:members_transfer_change", args=[transfer.pk]))
        if request.method != "POST":
            return here
        at = clock.now(transfer.program)
        try:
            undone = transfers.undo(transfer, actor=user_of(request).actor, at=at)
        except transfers.TransferWasUndone:
            return here
        except DomainError as refusal:
            return self._page(request, transfer, refusal.detail)
        messages.success(request, _said(transfer, undone))
        return here

    @display(description=_("from"))
    def from_member(self, transfer: Transfer) -> SafeString:
        return link_to(transfer.sender)

    @display(description=_("to"))
    def to_member(self, transfer: Transfer) -> SafeString:
        return link_to(transfer.recipient)

    @display(description=_("points"))
    def shown_points(self, transfer: Transfer) -> str:
        return f"{transfer.points:,} {transfer.wallet_type}"

    @display(description=_("fee"))
    def shown_fee(self, transfer: Transfer) -> str:
        return f"{transfer.fee:,}" if transfer.fee else ""

    @display(description=_("by"))
    def by(self, transfer: Transfer) -> str:
        return transfer.source or str(_("staff"))

    @display(description=_("state"), label={"made": "success", "undone": "warning"})
    def shown_state(self, transfer: Transfer) -> tuple[str, str]:
        return ("undone", str(_("Undone"))) if transfer.undone_at else ("made", str(_("Made")))


def _said(transfer: Transfer, undone: transfers.Undone) -> str:
    points = f"{undone.returned + undone.fee:,}"
    back = _now("%(points)s points went back to %(member)s.")
    back %= {"points": points, "member": transfer.sender}
    if not undone.kept:
        return back
    kept = _now("%(points)s had been used meanwhile and stay with %(member)s.")
    return f"{back} {kept % {'points': f'{undone.kept:,}', 'member': transfer.recipient}}"


def _entries(transfer: Transfer) -> dict[str, Any]:
    """The lines of both statements, by the ends of their causes."""
    beginning = f"transfer:{transfer.pk}:"
    causes = [f"{beginning}{side}" for side in ("out", "in", "undo:out", "undo:in")]
    found = Entry.objects.filter(program=transfer.program, cause__in=causes)
    return {entry.cause.removeprefix(beginning).replace(":", "_"): entry for entry in found}
