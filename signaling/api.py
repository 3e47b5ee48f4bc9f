"""The base of every request and response model at the edge."""

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """Frozen; an unknown key is an error that names the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Empty(ApiModel):
    """No fields."""
