"""What a member agreed to, on the page about them."""

from typing import Any

from django.http import HttpRequest

from members import comparing, consents, privacy
from members.models import Consent, Member

SHOWN_ON_MEMBER_PAGE = 20


def consents_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """What the member agrees to now, by purpose, and the newest of what they ever said."""
    if not request.user.has_perm("members.view_consent"):
        return "admin/members/member/consents_panel.html", {}
    said = Consent.objects.filter(member__in=comparing.one_person(member)).select_related("evidence")
    newest = list(said.order_by("-pk")[:SHOWN_ON_MEMBER_PAGE])
    # Of somebody who never said anything, nothing has to be looked for.
    present = consents.present(privacy.records(member)) if newest else []
    return "admin/members/member/consents_panel.html", {"present": present, "said": newest}
