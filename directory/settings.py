"""Settings of the directory and its import."""

from pydantic import Field

from core.settings import Section


class DirectorySettings(Section):
    """Phones and imports."""

    area_code: str = Field(
        "",
        pattern=r"^(0[0-9]{2,3})?$",
        description="Area code that completes landlines written without one, such as 0571.",
    )
    import_max_mib: int = Field(
        20, ge=1, le=100, description="Largest file that may be imported (MiB)."
    )
    import_max_rows: int = Field(
        50_000, ge=1, le=200_000, description="Most rows one file may have."
    )
    import_max_unpacked_mib: int = Field(
        200,
        ge=1,
        le=1000,
        description="Largest unpacked size of an xlsx (MiB).",
    )
    import_timeout_s: float = Field(
        60.0, ge=1, le=600, description="Longest time reading one file may take (s)."
    )
