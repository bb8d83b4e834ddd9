"""What the admin's frame shows to whom: sidebar, program chooser, marks. Named in settings.UNFOLD."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty.core import approvals, clock
from loyalty.core.middleware import CurrentProgramMiddleware
from loyalty.core.models import Program, ProgramKind, Role, User

CHOICES_SHOWN = 100
BADGE_MOST = 99

Item = tuple[str | Promise, str, str, str]

# Title, icon, page, and the permission that one needs to see it.
_START: list[Item] = [
    (gettext_lazy("Approvals"), "approval_delegation", "core_approval", "core.view_approval"),
]
_SECTIONS: list[tuple[str | Promise, list[Item]]] = [
    (
        gettext_lazy("Members"),
        [
            (gettext_lazy("Members"), "group", "members_member", "members.view_member"),
            (gettext_lazy("Activities"), "receipt_long", "rewards_activity", "rewards.view_activity"),
            (gettext_lazy("Redemptions"), "redeem", "rewards_redemption", "rewards.view_redemption"),
            (gettext_lazy("Checkouts"), "shopping_cart", "rewards_checkout", "rewards.view_checkout"),
            (
                gettext_lazy("Waiting returns"),
                "assignment_return",
                "rewards_waitingreturn",
                "rewards.view_waitingreturn",
            ),
            (
                gettext_lazy("Unclaimed sales"),
                "receipt",
                "rewards_unclaimedsale",
                "rewards.view_unclaimedsale",
            ),
            (
                gettext_lazy("Referral codes"),
                "person_add",
                "rewards_referralcode",
                "rewards.view_referralcode",
            ),
            (gettext_lazy("Segments"), "diversity_3", "members_segment", "members.view_segment"),
            (gettext_lazy("Merged members"), "merge", "members_merge", "members.view_merge"),
        ],
    ),
    (
        gettext_lazy("Points"),
        [
            (gettext_lazy("Points statement"), "swap_vert", "members_entry", "members.view_entry"),
            (gettext_lazy("Adjustments"), "exposure", "members_adjustment", "members.view_adjustment"),
            (gettext_lazy("Transfers"), "sync_alt", "members_transfer", "members.view_transfer"),
            (gettext_lazy("Holds"), "lock_clock", "members_hold", "members.view_hold"),
            (gettext_lazy("Expiry"), "event_busy", "members_expiryrun", "members.view_expiryrun"),
        ],
    ),
    (
        gettext_lazy("Finance"),
        [
            (gettext_lazy("Liability"), "account_balance", "finance", "members.view_liability"),
            (gettext_lazy("Movements"), "table_chart", "finance_movements", "members.view_finance"),
            (gettext_lazy("Journal"), "menu_book", "finance_journal", "members.view_finance"),
            (gettext_lazy("Closed periods"), "lock", "finance_closing", "members.view_finance"),
            (gettext_lazy("Ledger checks"), "verified", "members_ledgercheck", "members.view_ledgercheck"),
        ],
    ),
    (
        gettext_lazy("Program design"),
        [
            (gettext_lazy("Campaigns"), "campaign", "rewards_campaign", "rewards.view_campaign"),
            (gettext_lazy("Rewards"), "featured_seasonal_and_gifts", "rewards_reward", "rewards.view_reward"),
            (gettext_lazy("Challenges"), "flag", "rewards_challenge", "rewards.view_challenge"),
            (gettext_lazy("Badges"), "military_tech", "rewards_badge", "rewards.view_badge"),
            (
                gettext_lazy("Prize draws"),
                "confirmation_number",
                "rewards_prizedraw",
                "rewards.view_prizedraw",
            ),
            (gettext_lazy("Tiers"), "stairs", "members_tierladder", "members.view_tierladder"),
            (
                gettext_lazy("Kinds of points"),
                "account_balance_wallet",
                "members_wallettype",
                "members.view_wallettype",
            ),
            (
                gettext_lazy("Attributes"),
                "data_object",
                "members_attributetype",
                "members.view_attributetype",
            ),
            (gettext_lazy("Event types"), "bolt", "members_eventtype", "members.view_eventtype"),
        ],
    ),
    (
        gettext_lazy("Integrations"),
        [
            (gettext_lazy("Partners"), "handshake", "integrations_partner", "integrations.view_partner"),
            (gettext_lazy("Credentials"), "key", "integrations_credential", "integrations.view_credential"),
            (
                gettext_lazy("Webhooks"),
                "webhook",
                "integrations_webhookendpoint",
                "integrations.view_webhookendpoint",
            ),
            (
                gettext_lazy("Deliveries"),
                "local_shipping",
                "integrations_delivery",
                "integrations.view_delivery",
            ),
            (gettext_lazy("API calls"), "swap_calls", "integrations_call", "integrations.view_call"),
            (gettext_lazy("Event log"), "list_alt", "core_event", "core.view_event"),
            (gettext_lazy("Sandbox"), "science", "sandbox", "integrations.control_sandbox"),
        ],
    ),
    (
        gettext_lazy("Settings"),
        [
            (gettext_lazy("Program"), "tune", "core_program", "core.view_program"),
            (gettext_lazy("Program as code"), "data_object", "blueprint", "rewards.view_blueprint"),
            (
                gettext_lazy("Reasons for adjustments"),
                "label",
                "members_reasoncode",
                "members.view_reasoncode",
            ),
            (
                gettext_lazy("Limits of adjustments"),
                "speed",
                "members_adjustmentlimit",
                "members.view_adjustmentlimit",
            ),
            (gettext_lazy("Staff and roles"), "badge", "core_assignment", "core.view_assignment"),
            (gettext_lazy("User accounts"), "manage_accounts", "core_user", "core.view_user"),
            (
                gettext_lazy("Scheduled tasks"),
                "schedule",
                "django_celery_beat_periodictask",
                "django_celery_beat.view_periodictask",
            ),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    start = {"title": _("Start"), "icon": "home", "link": reverse("admin:index")}
    sections = [
        {"title": title, "separator": True, "items": [_item(request, *item) for item in items]}
        for title, items in _SECTIONS
    ]
    return [{"items": [start, *(_item(request, *item) for item in _START)]}, *sections]


def _item(
    request: HttpRequest, title: str | Promise, icon: str, page: str, permission: str
) -> dict[str, Any]:
    link = reverse(
        page if page.startswith(("finance", "blueprint", "sandbox")) else f"admin:{page}_changelist"
    )
    item = {"title": title, "icon": icon, "link": link, "permission": _has(permission)}
    badge = _BADGES.get(page)
    return {**item, "badge": badge(request)} if badge and request.user.has_perm(permission) else item


def _waiting_approvals(request: HttpRequest) -> str:
    """How many requests wait for this person; no more are counted than anybody cares to know."""
    program: Program | None = getattr(request, "program", None)
    if program is None:
        return ""
    waiting = approvals.waiting_for(cast(User, request.user), program=program, at=clock.now(program))
    count = len(waiting.values_list("pk", flat=True)[: BADGE_MOST + 1])
    return "" if not count else str(count) if count <= BADGE_MOST else f"{BADGE_MOST}+"


_BADGES: dict[str, Callable[[HttpRequest], str]] = {"core_approval": _waiting_approvals}


def _has(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def header(request: HttpRequest) -> str:
    program = getattr(request, "program", None)
    return program.name if program else "Regulars"


def subheader(request: HttpRequest) -> str:
    role = getattr(request, "role", None)
    return str(Role(role).label) if role else ""


def environment(request: HttpRequest) -> list[str] | None:
    """A sandbox is named on each page, so that nobody takes it for the real thing."""
    program = getattr(request, "program", None)
    return [_("Sandbox"), "warning"] if program and program.kind == ProgramKind.SANDBOX else None


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """What everyone may do about their own account."""
    return [
        {"title": _("Two-factor log-in"), "link": reverse("mfa_index")},
        {"title": _("Change password"), "link": reverse("account_change_password")},
    ]


def mark(request: HttpRequest) -> str:
    return static("regulars/mark.svg")


def style(request: HttpRequest) -> str:
    return static("regulars/regulars.css")


def script(request: HttpRequest) -> str:
    return static("regulars/regulars.js")


def programs(request: HttpRequest) -> list[dict[str, Any]]:
    """The programs that one may choose; with only one there is nothing to choose."""
    choices: list[Program] = getattr(request, "programs", [])[:CHOICES_SHOWN]
    current = getattr(request, "program", None)
    items = [
        {
            "title": program.name,
            "link": "",
            "icon": "check" if program == current else "storefront",
            "attrs": {"value": program.pk},
        }
        for program in choices
    ]
    return items if len(items) > 1 else []


@require_POST
def choose_program(request: HttpRequest) -> HttpResponse:
    """
    Work in another program from now on.

    :raises PermissionDenied: without an assignment there, as if the program did not exist
    """
    wanted = request.POST.get("program", "")
    choices: list[Program] = getattr(request, "programs", [])
    if not any(str(program.pk) == wanted for program in choices):
        raise PermissionDenied
    request.session[CurrentProgramMiddleware.SESSION_KEY] = str(UUID(wanted))
    return HttpResponseRedirect(reverse("admin:index"))
