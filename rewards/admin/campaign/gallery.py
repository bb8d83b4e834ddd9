"""“New campaign”: choose a recipe, answer its questions, go on in the builder; or copy what there is."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.core.admin import program_of, render
from loyalty.core.models import Program
from rewards.admin.campaign.recipe_form import RecipeForm
from rewards.admin.campaign.tabs import CampaignPages, campaign_of
from rewards.models import Campaign, KnownField
from rewards.planning import known_values, making
from rewards.recipes import setting
from rewards.recipes.catalogue import BY_KEY, PURPOSES, RECIPES
from rewards.recipes.recipe import Recipe
from rewards.telling import wording

COPIES_SHOWN: Final = 12
SEARCH_AT_MOST: Final = 100
KNOWN_SHOWN: Final = 20
KNOWN: Final = {
    "stores": KnownField.STORE,
    "categories": KnownField.CATEGORY,
    "brands": KnownField.BRAND,
    "products": KnownField.SKU,
}
"""The long lists of recipes, which are searched as one types."""


def urls(pages: CampaignPages) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        protected: Callable[..., HttpResponse] = pages.admin_site.admin_view(partial(shown, pages))
        return protected

    return [
        path("new/", view(gallery_view), name="rewards_campaign_gallery"),
        path("new/known/", view(known_view), name="rewards_campaign_known"),
        path("new/<slug:key>/", view(recipe_view), name="rewards_campaign_recipe"),
        path("new/<slug:key>/sentence/", require_POST(view(sentence_view)), name="rewards_campaign_told"),
        path("<uuid:campaign_id>/copy/", require_POST(view(copy_view)), name="rewards_campaign_copy"),
    ]


def gallery_view(pages: CampaignPages, request: HttpRequest) -> HttpResponse:
    program = _program(pages, request)
    wanted = request.GET.get("q", "").strip()[:SEARCH_AT_MOST]
    purpose = request.GET.get("for", "")
    shown = [recipe for recipe in RECIPES if _fits(recipe, wanted, purpose)]
    copied = Campaign.objects.filter(program=program).order_by("-pk")
    if wanted:
        copied = copied.filter(name__icontains=wanted)
    context = {
        "title": _("New campaign"),
        "recipes": shown,
        "purposes": PURPOSES,
        "purpose": purpose,
        "wanted": wanted,
        "campaigns": copied[:COPIES_SHOWN],
    }
    return render(request, pages, "admin/rewards/campaign/gallery.html", context)


def _fits(recipe: Recipe, wanted: str, purpose: str) -> bool:
    words = f"{recipe.name} {recipe.good_for}".casefold()
    return purpose in ("", recipe.purpose) and all(word in words for word in wanted.casefold().split())


def recipe_view(pages: CampaignPages, request: HttpRequest, key: str) -> HttpResponse:
    """The questions, and the sentence that the answers make. What is sent becomes a draft."""
    program, recipe = _program(pages, request), _recipe(key)
    known = setting.of(program)
    if not known.wallet_types or (recipe.needs and not known.offered(recipe.needs)):
        lacking = {
            "title": recipe.name,
            "recipe": recipe,
            "lacks": recipe.needs if known.wallet_types else "wallet_types",
        }
        return render(request, pages, "admin/rewards/campaign/recipe.html", lacking)
    form = RecipeForm(request.POST or None, of=recipe, setting=known)
    if request.method == "POST" and form.is_valid():
        made = making.draft(program, name=form.cleaned_data["name"], definition=form.definition())
        pages.log_addition(request, made, [])
        messages.success(request, _("The draft is ready. Look it over and publish it."))
        return _opened(made)
    context = {"title": recipe.name, "recipe": recipe, "form": form, "currency": program.currency}
    return render(request, pages, "admin/rewards/campaign/recipe.html", context | _told(form, program))


def sentence_view(pages: CampaignPages, request: HttpRequest, key: str) -> HttpResponse:
    """What the answers so far would do, as a piece of the page."""
    program = _program(pages, request)
    form = RecipeForm(request.POST, of=_recipe(key), setting=setting.of(program))
    return TemplateResponse(request, "admin/rewards/campaign/recipe_sentence.html", _told(form, program))


def known_view(pages: CampaignPages, request: HttpRequest) -> HttpResponse:
    """Stores, categories, brands or products that purchases have named, by what somebody has typed."""
    program = _program(pages, request)
    field = KNOWN.get(request.GET.get("list", ""))
    if field is None:
        raise Http404
    wanted = request.GET.get("q", "")[:SEARCH_AT_MOST]
    return JsonResponse(known_values.search(program, field, wanted, limit=KNOWN_SHOWN), safe=False)


def copy_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    _program(pages, request)
    made = making.copy(campaign_of(pages, request, campaign_id))
    pages.log_addition(request, made, [])
    messages.success(request, _("This is the copy, a draft. Its limits and budget count from nothing."))
    return _opened(made)


def _told(form: RecipeForm, program: Program) -> dict[str, Any]:
    """The sentence; of a form that nobody has touched, by its usual answers."""
    if not form.is_bound:
        usual = {name: form[name].value() for name in form.fields}
        form = RecipeForm(usual, of=form.of, setting=form.setting)
    if not form.is_valid():
        return {"sentence": ""}
    return {"sentence": wording.sentence(form.definition(), program=program)}


def _program(pages: CampaignPages, request: HttpRequest) -> Program:
    """:raises PermissionDenied: for those who may not make campaigns"""
    program = program_of(request)
    if program is None or not pages.has_add_permission(request):
        raise PermissionDenied
    return program


def _recipe(key: str) -> Recipe:
    if key not in BY_KEY:
        raise Http404(_("There is no such template."))
    return BY_KEY[key]


def _opened(campaign: Campaign) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:rewards_campaign_change", args=[campaign.pk]))
