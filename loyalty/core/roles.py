"""What each role may do, in one place, and the backend that asks it."""

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.db.models import Model

from loyalty.core.models import Assignment, Program, Role, User


def _may(app: str, model: str, *actions: str) -> set[str]:
    return {f"{app}.{action}_{model}" for action in actions}


_ABOUT_MEMBERS: Final = (
    "member",
    "identifier",
    "wallet",
    "lot",
    "entry",
    "posting",
    "membertier",
    "adjustment",
    "hold",
    "transfer",
    "merge",
    "household",
    "consent",
    "block",
)
_SEE_MEMBERS: Final = {
    permission for model in _ABOUT_MEMBERS for permission in _may("members", model, "view")
} | {
    permission
    for model in (
        "activity",
        "checkout",
        "redemption",
        "voucher",
        "waitingreturn",
        "unclaimedsale",
        "referralcode",
    )
    for permission in _may("rewards", model, "view")
}
_SEE_RULES: Final = (
    _may("rewards", "campaign", "view")
    | _may("rewards", "campaignversion", "view")
    | _may("rewards", "reward", "view")
    | _may("rewards", "badge", "view")
    | _may("rewards", "challenge", "view")
    | _may("rewards", "prizedraw", "view")
    | _may("members", "tier", "view")
    | _may("members", "tierladder", "view")
    | _may("members", "wallettype", "view")
    | _may("members", "expiryrun", "view")
    | _may("members", "segment", "view")
    | _may("members", "attributetype", "view")
    | _may("members", "eventtype", "view")
    | _may("members", "reasoncode", "view")
    | _may("members", "adjustmentlimit", "view")
)

_DECLARE: Final = _may("members", "attributetype", "view", "add", "change", "delete") | _may(
    "members", "eventtype", "view", "add", "change", "delete"
)
_CHECK_BOOKS: Final = _may("members", "ledgercheck", "view", "run")

PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    Role.MARKETER: frozenset(
        _SEE_MEMBERS
        | _SEE_RULES
        | _may("rewards", "campaign", "add", "change", "submit", "publish", "measure")
        | _may("core", "approval", "view")
        | _may("rewards", "reward", "add", "change")
        | _may("rewards", "badge", "add", "change")
        | _may("rewards", "challenge", "add", "change")
        | _may("rewards", "prizedraw", "add", "change", "draw")
        | _may("members", "tier", "add", "change")
        | _may("members", "tierladder", "add", "change")
        | _may("members", "segment", "add", "change")
        | _DECLARE
        | _may("members", "liability", "view")
        | _may("members", "expiryrun", "hold")
    ),
    Role.SUPPORT: frozenset(
        _SEE_MEMBERS
        | _SEE_RULES
        | _may("members", "member", "change", "block", "export")
        | _may("members", "identifier", "add", "change")
        | _may("members", "consent", "add")
        | _may("members", "hold", "release")
        | _may("rewards", "redemption", "cancel", "fulfil")
        | _may("rewards", "referralcode", "disable")
        | _may("members", "transfer", "add", "undo")
        | _may("members", "household", "change")
        | _may("members", "merge", "add", "undo")
        | _may("members", "adjustment", "add", "approve")
        | _may("core", "approval", "view")
    ),
    Role.FINANCE: frozenset(
        _SEE_MEMBERS
        | _SEE_RULES
        | _CHECK_BOOKS
        | _may("rewards", "campaign", "measure")
        | _may("members", "expiryrun", "hold", "undo")
        | _may("members", "adjustment", "approve")
        | _may("core", "approval", "view")
        | _may("members", "liability", "view")
        | _may("members", "finance", "view")
        | _may("members", "pointcost", "change")
        | _may("members", "accountingaccount", "change")
        | _may("members", "breakagerate", "propose", "approve")
        | _may("rewards", "campaign", "approve")
        | _may("members", "period", "close")
        | _may("members", "periodlock", "reopen")
    ),
    Role.OPERATOR: frozenset(
        _may("integrations", "partner", "view", "add", "change")
        | _may("integrations", "credential", "view", "add", "change")
        | _may("integrations", "webhookendpoint", "view", "add", "change")
        | _may("integrations", "delivery", "view", "resend")
        | _may("integrations", "deliveryattempt", "view")
        | _may("integrations", "consumer", "view")
        | _may("integrations", "call", "view")
        | _may("integrations", "sandbox", "control")
        | _may("core", "event", "view")
        | _may("rewards", "blueprint", "view")
        | _CHECK_BOOKS
        | _DECLARE
        # All programs': who has a role in one of them only looks. Superusers change them.
        | _may("django_celery_beat", "periodictask", "view")
        | _may("django_celery_beat", "intervalschedule", "view")
        | _may("django_celery_beat", "crontabschedule", "view")
    ),
}
PERMISSIONS[Role.ADMINISTRATOR] = frozenset().union(
    *PERMISSIONS.values(),
    _may("members", "member", "erase"),
    _may("members", "wallettype", "add", "change"),
    _may("integrations", "sandbox", "create"),
    _may("members", "reasoncode", "add", "change"),
    _may("members", "adjustmentlimit", "add", "change"),
    _may("core", "program", "view", "change"),
    # A file changes everything at once: kinds of points and tiers, too.
    _may("rewards", "blueprint", "apply"),
    _may("core", "assignment", "view", "add", "change", "delete"),
)


def may(user: User, permission: str, *, program: Program) -> bool:
    """Whether that person may do this in that program, wherever they are working just now."""
    if not user.is_active or user.is_superuser:
        return user.is_active
    return permission in PERMISSIONS.get(role_of(user, program=program) or "", frozenset())


def role_of(user: User, *, program: Program) -> str | None:
    """That person's role in the program; None without one."""
    if user.program == program:
        return user.role
    return Assignment.objects.filter(user=user, program=program).values_list("role", flat=True).first()


class RoleBackend(ModelBackend):
    """Permissions by the role in the program that the person is working in; none outside of one."""

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return set()
        return set(PERMISSIONS.get(getattr(user_obj, "role", None) or "", frozenset()))

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        """:raises PermissionDenied: which is Django's way of a no that no other backend is asked after"""
        if perm not in self.get_all_permissions(user_obj, obj):
            raise PermissionDenied
        return True

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """:raises PermissionDenied: see `has_perm`; the next backend would ask the database"""
        held = self.get_all_permissions(user_obj)
        if not any(permission.startswith(f"{app_label}.") for permission in held):
            raise PermissionDenied
        return True
