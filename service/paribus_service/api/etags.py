"""Strong ETags: of a row its version, of an answer its data and what was made of them."""


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def is_known(if_none_match: str | None, present: str) -> bool:
    """The caller has what this ETag stands for already (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or present in known
