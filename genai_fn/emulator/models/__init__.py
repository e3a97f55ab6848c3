"""
Models.

- `catalog`: the base models.
- `models`: the routes of base models and tuned models.
"""
