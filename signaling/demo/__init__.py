"""The demo county 青澜县: generated from a fixed seed, fictional throughout, and seeded once.

`county.build()` gives plain data, `seed` writes it through the packages' services.
"""
