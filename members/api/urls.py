from django.urls import path

from members.api import statement, views

urlpatterns = [
    path("members", views.MembersView.as_view(), name="members"),
    path("members/<str:reference>", views.MemberView.as_view(), name="member"),
    path("members/<str:reference>/entries", statement.EntriesView.as_view(), name="member-entries"),
    path("members/<str:reference>/balance", statement.BalanceView.as_view(), name="member-balance"),
]
