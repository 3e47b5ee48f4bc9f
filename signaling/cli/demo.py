"""Seeding the demo county, and the logins to print."""

from dataclasses import dataclass

from signaling.context import AppContext


@dataclass(frozen=True)
class DemoLogin:
    """A user of the demo. `password`: as printed at the start."""

    username: str
    password: str
    title: str


async def seed_demo_county(app: AppContext, *, random_passwords: bool) -> tuple[DemoLogin, ...]:
    """Seed the county unless it is there."""
    return ()
