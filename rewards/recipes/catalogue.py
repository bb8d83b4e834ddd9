"""All recipes, in the order of the gallery."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from rewards.recipes import engagement, everyday, journey
from rewards.recipes.recipe import Recipe, Words

RECIPES: Final[tuple[Recipe, ...]] = (*everyday.RECIPES, *journey.RECIPES, *engagement.RECIPES)
BY_KEY: Final = {recipe.key: recipe for recipe in RECIPES}
PURPOSES: Final[tuple[tuple[str, Words], ...]] = (
    (everyday.PURPOSE, _("Purchases")),
    (journey.PURPOSE, _("Membership")),
    (engagement.PURPOSE, _("Taking part")),
)
