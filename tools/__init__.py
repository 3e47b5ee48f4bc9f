"""What the make targets do before they can start: environment, pages, programs for the tests.

Standard library only, because it runs before anything is installed. Imports none of our packages.
"""
