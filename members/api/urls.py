from django.urls import path

from members.api import adjustments, merges, pending, points, segments, statement, tiers, transfers, views

urlpatterns = [
    path("members", views.MembersView.as_view(), name="members"),
    path("members/<str:reference>", views.MemberView.as_view(), name="member"),
    path("members/<str:reference>/entries", statement.EntriesView.as_view(), name="member-entries"),
    path("members/<str:reference>/balance", statement.BalanceView.as_view(), name="member-balance"),
    path("members/<str:reference>/tiers", tiers.MemberTiersView.as_view(), name="member-tiers"),
    path("members/<str:reference>/segments", segments.MemberSegmentsView.as_view(), name="member-segments"),
    path("members/<str:reference>/merge", merges.MergeView.as_view(), name="member-merge"),
    path("segments", segments.SegmentsView.as_view(), name="segments"),
    path("segments/<str:key>", segments.SegmentView.as_view(), name="segment"),
    path("segments/<str:key>/members", segments.SegmentMembersView.as_view(), name="segment-members"),
    path("segments/<str:key>/members/remove", segments.SegmentRemovalView.as_view(), name="segment-removal"),
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
