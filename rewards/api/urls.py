from uuid import UUID

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from rewards.api import (
    batches,
    campaigns,
    catalogue,
    checkouts,
    claims,
    codes,
    member_parts,
    member_redemptions,
    performance,
    preview,
    redemptions,
    referrals,
    status,
    tiers,
    undoing,
    views,
    vouchers,
)


class TransactionIdConverter(StringConverter):
    """An id in small letters or capitals; any other text becomes the nil UUID, which no transaction has."""

    def to_python(self, value: str) -> UUID:  # type: ignore[override]  # a converter's may be anything
        try:
            return UUID(value)
        except ValueError:
            return UUID(int=0)

    def to_url(self, value: UUID | str) -> str:
        return str(value)


register_converter(TransactionIdConverter, "transaction_id")

urlpatterns = [
    path("members/<str:reference>/status", status.MemberStatusView.as_view(), name="member-status"),
    *(
        path(f"members/<str:reference>/{part}", view.as_view(), name=f"member-{part}")
        for part, view in {
            "activities": member_parts.MemberActivitiesView,
            "badges": member_parts.MemberBadgesView,
            "challenges": member_parts.MemberChallengesView,
            "rewards": member_parts.MemberRewardsView,
            "codes": codes.MemberCodesView,
            "redemptions": member_redemptions.MemberRedemptionsView,
            "vouchers": member_redemptions.MemberVouchersView,
        }.items()
    ),
    path("tiers", tiers.TiersView.as_view(), name="tiers"),
    path("transactions", views.TransactionsView.as_view(), name="transactions"),
    path("transactions/batch", batches.TransactionBatchView.as_view(), name="transaction-batch"),
    path("events/batch", batches.EventBatchView.as_view(), name="event-batch"),
    path("event-types", batches.EventTypesView.as_view(), name="event-types"),
    path("transactions/claim", claims.ClaimsView.as_view(), name="transaction-claim"),
    path("transactions/preview", preview.PreviewView.as_view(), name="transaction-preview"),
    path("transactions/<transaction_id:transaction_id>", views.TransactionView.as_view(), name="transaction"),
    path(
        "transactions/<transaction_id:transaction_id>/returns",
        undoing.ReturnsView.as_view(),
        name="transaction-returns",
    ),
    path(
        "transactions/<transaction_id:transaction_id>/cancel",
        undoing.CancelView.as_view(),
        name="transaction-cancel",
    ),
    path(
        "transactions/<transaction_id:transaction_id>/correct",
        undoing.CorrectView.as_view(),
        name="transaction-correct",
    ),
    path("events", views.EventsView.as_view(), name="events"),
    path("checkouts", checkouts.CheckoutsView.as_view(), name="checkouts"),
    path("checkouts/<str:checkout_id>", checkouts.CheckoutView.as_view(), name="checkout"),
    path("checkouts/<str:checkout_id>/confirm", checkouts.ConfirmView.as_view(), name="checkout-confirm"),
    path("checkouts/<str:checkout_id>/abandon", checkouts.AbandonView.as_view(), name="checkout-abandon"),
    path("campaigns", campaigns.CampaignsView.as_view(), name="campaigns"),
    path("campaigns/<str:key>", campaigns.CampaignView.as_view(), name="campaign"),
    path("campaigns/<str:key>/performance", performance.PerformanceView.as_view(), name="performance"),
    path("campaigns/<str:key>/codes", codes.CampaignCodesView.as_view(), name="campaign-codes"),
    path("referrals", referrals.ReferralsView.as_view(), name="referrals"),
    path("referrals/accept", referrals.AcceptView.as_view(), name="referral-accept"),
    path("referrals/<str:referral_id>", referrals.ReferralView.as_view(), name="referral"),
    path("rewards", catalogue.RewardsView.as_view(), name="rewards"),
    path("rewards/<str:reward_key>", catalogue.RewardView.as_view(), name="reward"),
    path("redemptions", redemptions.RedemptionsView.as_view(), name="redemptions"),
    path("redemptions/preview", catalogue.RedemptionPreviewView.as_view(), name="redemption-preview"),
    path("redemptions/hold", redemptions.RedemptionHoldsView.as_view(), name="redemption-hold"),
    path("redemptions/<str:redemption_id>", redemptions.RedemptionView.as_view(), name="redemption"),
    *(
        path(f"redemptions/<str:redemption_id>/{verb}", view.as_view(), name=f"redemption-{verb}")
        for verb, view in {
            "confirm": redemptions.ConfirmView,
            "cancel": redemptions.CancelView,
            "fulfil": redemptions.FulfilView,
            "return": redemptions.ReturnView,
        }.items()
    ),
    path("vouchers", vouchers.VouchersView.as_view(), name="vouchers"),
    path("vouchers/check", vouchers.CheckView.as_view(), name="voucher-check"),
    path("vouchers/use", vouchers.UseView.as_view(), name="voucher-use"),
    path("vouchers/rollback", vouchers.RollBackView.as_view(), name="voucher-rollback"),
    path("vouchers/<str:voucher_id>", vouchers.VoucherView.as_view(), name="voucher"),
    path("vouchers/<str:voucher_id>/void", vouchers.VoidView.as_view(), name="voucher-void"),
]
