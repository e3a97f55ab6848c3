"""
Models.

- `catalog`: the base models.
- `existence`: which names are models; others get a 404.
- `models`: the routes of base models and tuned models.
"""
