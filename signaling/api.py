"""The base of every request and response model at the edge."""

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """Frozen; an unknown key is an error that names the key; a number is a number (no NaN)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Empty(ApiModel):
    """No fields."""
