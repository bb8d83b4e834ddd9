from django.urls import path

from members.api import (
    adjustments,
    blocking,
    consents,
    identifiers,
    merges,
    pending,
    points,
    privacy,
    statement,
    transfers,
    views,
)

urlpatterns = [
    path("members", views.MembersView.as_view(), name="members"),
    path("members/<str:reference>", views.MemberView.as_view(), name="member"),
    path("members/<str:reference>/block", blocking.BlockView.as_view(), name="member-block"),
    path("members/<str:reference>/unblock", blocking.UnblockView.as_view(), name="member-unblock"),
    path("members/<str:reference>/consents", consents.ConsentsView.as_view(), name="consents"),
    path(
        "members/<str:reference>/consents/history",
        consents.ConsentHistoryView.as_view(),
        name="consent-history",
    ),
    path("members/<str:reference>/erase", privacy.EraseView.as_view(), name="member-erase"),
    path("members/<str:reference>/export", privacy.ExportView.as_view(), name="member-export"),
    path("members/<str:reference>/identifiers", identifiers.IdentifiersView.as_view(), name="identifiers"),
    path(
        "members/<str:reference>/identifiers/<str:identifier>",
        identifiers.IdentifierView.as_view(),
        name="identifier",
    ),
    path("members/<str:reference>/entries", statement.EntriesView.as_view(), name="member-entries"),
    path("members/<str:reference>/balance", statement.BalanceView.as_view(), name="member-balance"),
    path("members/<str:reference>/merge", merges.MergeView.as_view(), name="member-merge"),
    path("points/transfers", transfers.TransfersView.as_view(), name="points-transfers"),
    path("points/pending/activate", pending.ActivateView.as_view(), name="pending-activate"),
    path("points/pending/cancel", pending.CancelView.as_view(), name="pending-cancel"),
    path("points/adjustments", adjustments.AdjustmentsView.as_view(), name="points-adjustments"),
    path("points/holds", points.HoldsView.as_view(), name="holds"),
    path("points/holds/<str:hold_id>", points.HoldView.as_view(), name="hold"),
    path("points/holds/<str:hold_id>/settle", points.SettleView.as_view(), name="hold-settle"),
    path("points/holds/<str:hold_id>/release", points.ReleaseView.as_view(), name="hold-release"),
    path("points/spend", points.SpendView.as_view(), name="points-spend"),
]
