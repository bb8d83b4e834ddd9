from django.urls import path

from loyalty.core.api import problem

urlpatterns = [path("<path:address>", problem.unknown_address), path("", problem.unknown_address)]
