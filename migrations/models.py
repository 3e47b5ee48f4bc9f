"""Every table of the product: importing this module fills `metadata`."""

import importlib
import pkgutil

from core.database import Base

PACKAGES = ("core", "directory", "sms", "conf", "plans", "command")


def load() -> None:
    """Import every module that may define tables: `core` whole, elsewhere what is called store."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if name == "core" or "store" in found.name.split("."):
                importlib.import_module(found.name)


load()
metadata = Base.metadata
