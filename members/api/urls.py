from django.urls import path

from members.api import views

urlpatterns = [
    path("members", views.MembersView.as_view(), name="members"),
    path("members/<str:reference>", views.MemberView.as_view(), name="member"),
]
