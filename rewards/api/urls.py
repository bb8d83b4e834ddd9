from uuid import UUID

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from rewards.api import preview, status, views


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
    path("transactions", views.TransactionsView.as_view(), name="transactions"),
    path("transactions/preview", preview.PreviewView.as_view(), name="transaction-preview"),
    path("transactions/<transaction_id:transaction_id>", views.TransactionView.as_view(), name="transaction"),
    path("events", views.EventsView.as_view(), name="events"),
    path("redemptions", views.RedemptionsView.as_view(), name="redemptions"),
]
