"""Strong ETags from a row's version."""


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def is_known(if_none_match: str | None, version: int) -> bool:
    """The caller has this version already (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag(version) in known
