from django.urls import path

from rewards.api import status, views

urlpatterns = [
    path("members/<str:reference>/status", status.MemberStatusView.as_view(), name="member-status"),
    path("transactions", views.TransactionsView.as_view(), name="transactions"),
    path("transactions/<uuid:transaction_id>", views.TransactionView.as_view(), name="transaction"),
    path("events", views.EventsView.as_view(), name="events"),
    path("redemptions", views.RedemptionsView.as_view(), name="redemptions"),
]
