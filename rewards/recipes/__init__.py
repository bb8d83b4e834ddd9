"""
Ready-made campaigns: a few questions, whose answers make a complete definition.

A recipe is data (`Recipe`, `Question`); `catalogue.RECIPES` lists them in the order of the gallery.
What one makes is a draft like any other, and opens in the builder.
"""
