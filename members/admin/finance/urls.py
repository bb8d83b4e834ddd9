from django.urls import path

from members.admin.finance import closing, cohorts, estimating, journal, movements, overview

urlpatterns = [
    path("liability/", overview.show, name="finance"),
    path("movements/", movements.show, name="finance_movements"),
    path("breakage/", cohorts.show, name="finance_cohorts"),
    path("journal/", journal.show, name="finance_journal"),
    path("journal/accounts/", journal.save_accounts, name="finance_accounts"),
    path("estimates/", estimating.show, name="finance_estimates"),
    path("estimates/cost/", estimating.set_cost, name="finance_cost"),
    path("estimates/rate/", estimating.propose_rate, name="finance_rate"),
    path("proposals/<uuid:approval_id>/", estimating.decide, name="finance_decide"),
    path("closing/", closing.show, name="finance_closing"),
    path("closing/close/", closing.close, name="finance_close"),
    path("closing/<uuid:lock_id>/check/", closing.verify, name="finance_check"),
    path("closing/<uuid:lock_id>/reopen/", closing.reopen, name="finance_reopen"),
]
