"""Every setting of the service, with its unit, its default and why.

Each is read from the environment as `PARIBUS_` + its name in capitals; the options of
`paribus serve` win over it. The table in docs/reference/settings.md is written from this file.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from paribus_service.errors import DevModeExposed, NotOfferedHere, StartRefused

_ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")  # a path is fine: a proxy may add one


class Settings(BaseSettings):
    """What an operator can choose.

    Settings()                            # from the environment
    Settings(data_dir=tmp, dev=True)      # a test
    Settings(run_timeout_seconds=5)       # a test that waits for a lost run
    """

    model_config = SettingsConfigDict(env_prefix="PARIBUS_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        None,
        description="Address under which people and agents reach the service, for links behind "
        "a proxy or in a container. Without it, links use the request's host.",
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("paribus"),
        description="Directory of the database and of run files.",
    )
    database_url: str | None = Field(
        None,
        description="SQLAlchemy address of a SQLite file; by default `paribus.db` in the data "
        "directory.",
    )
    files_url: str | None = Field(
        None,
        description="Directory of run files and artifacts; by default `files/` in the data "
        "directory.",
    )
    dev: bool = Field(
        False,
        description="Development mode, on loopback only: pages and REST ask for no key, and a "
        "wandb client may bring any well-formed one.",
    )
    default_entity: str = Field(
        "paribus", description="Entity of keys that name none, and of development mode."
    )
    sqlite_synchronous: Literal["NORMAL", "FULL"] = Field(
        "NORMAL",
        description="FULL also survives power loss, at a tenth of the commits a second.",
    )
    busy_timeout_seconds: float = Field(
        30.0, gt=0, description="How long a writer waits for SQLite's lock before it says busy."
    )
    max_body_bytes: int = Field(
        32 * 2**20,
        gt=0,
        description="Largest body of REST, GraphQL and file_stream; clients send up to 16 MiB.",
    )
    max_upload_bytes: int = Field(
        5 * 2**30, gt=0, description="Largest single file that is taken in."
    )
    max_trials: int = Field(
        10_000, gt=0, description="Largest number of trials that one sweep may expand to."
    )
    upload_url_seconds: int = Field(
        86_400,
        gt=0,
        description="How long a signed address for bytes is good; clients retry for hours.",
    )
    agent_timeout_seconds: float = Field(
        150.0,
        gt=0,
        description="An agent that was silent for so long is gone. It asks every 5 seconds, and "
        "one request may hang for 60 and wait as long before the next.",
    )
    run_timeout_seconds: float = Field(
        300.0,
        gt=0,
        description="A run that neither reported nor was listed for so long is interrupted. "
        "Clients report every 30 seconds; retries stretch that to 60 + 180.",
    )
    quiet_seconds: float = Field(
        20.0,
        gt=0,
        description="A run that its agent stopped listing has certainly ended once it was "
        "silent for so long; a client sends its last rows within 15.",
    )
    stop_escalation_seconds: float = Field(
        60.0,
        ge=0,
        description="A run asked to stop by its own connection is stopped by its agent after "
        "so long.",
    )
    max_hand_outs: int = Field(
        5,
        gt=0,
        description="How often a run that never started is handed to its agent before it "
        "counts as failed.",
    )
    agent_failure_limit: int = Field(
        3, gt=0, description="Failed runs in a row after which an agent is told to stop."
    )
    retry_failed: int = Field(
        1,
        ge=0,
        description="How often a failed trial is queued again, where the sweep says nothing.",
    )
    retry_interrupted: int = Field(
        3,
        ge=0,
        description="How often an interrupted trial is queued again, where the sweep says "
        "nothing.",
    )
    watchdog_interval_seconds: float = Field(
        5.0, gt=0, description="How often the watchdog looks for lost agents and runs."
    )
    observer_interval_seconds: float = Field(
        5.0,
        ge=0,
        description="How often new history is looked at by the rules of findings; a look that "
        "took long is followed by a longer rest. 0: only when somebody asks.",
    )
    finding_thresholds: dict[str, float] = Field(
        {},
        description='Thresholds of rules, as JSON: `{"gradients.spike_ratio": 20}`; '
        "docs/reference/findings.md lists them with their reasons.",
    )
    finding_roles: dict[str, str] = Field(
        {},
        description="Which logged key is what, as JSON, where its name is not known: "
        '`{"eval_loss": "dev/nll"}`.',
    )
    finding_rules: list[str] = Field(
        [],
        description='Modules with rules of one\'s own, as JSON: `["my_rules:RULES"]`.',
    )
    tracking: Literal["embedded", "upstream"] | None = Field(
        None,
        description="Where sweeps are tracked that do not say so: `embedded`, here; `upstream`, "
        "on the W&B server of PARIBUS_WANDB_BASE_URL, which is the default once that is set.",
    )
    tracking_by_project: dict[str, Literal["embedded", "upstream"]] = Field(
        {},
        description="The same for single projects, as JSON: "
        '`{"imdb": "upstream", "lab/tries": "embedded"}`.',
    )
    driver_interval_seconds: float = Field(
        5.0,
        gt=0,
        description="How often a sweep on a W&B server is looked at; agents there ask every 5 "
        "seconds.",
    )
    driver_backoff_seconds: float = Field(
        300.0,
        gt=0,
        description="Longest pause between two tries while a W&B server does not answer.",
    )
    driver_resend_seconds: float = Field(
        60.0,
        ge=0,
        description="How long after sending a run that the server does not show it is sent again: "
        "longer than a request can be under way.",
    )
    driver_queue: int = Field(
        2,
        ge=1,
        description="Runs that wait on a W&B server beside those of its agents, so that none of "
        "them has to wait for us.",
    )
    idempotency_hours: float = Field(
        48.0, gt=0, description="How long the answer to an Idempotency-Key is kept."
    )
    answer_cache_bytes: int = Field(
        64 * 2**20,
        ge=0,
        description="Room for answers that are kept as they are sent. One about 10,000 runs takes "
        "some 3 MB and a second or more to work out, from here it takes milliseconds; 0 keeps "
        "nothing.",
    )
    wandb_base_url: str | None = Field(
        None,
        description="Address of a W&B server to work with, such as https://api.wandb.ai; without "
        "it the service works alone.",
    )
    wandb_api_key: SecretStr | None = Field(
        None,
        description="Key of that server. It is handed on to the client's process and written "
        "nowhere.",
    )
    wandb_api_key_file: Path | None = Field(
        None,
        description="A file that holds that key and nothing else, such as a secret of Docker or "
        "Kubernetes; in place of PARIBUS_WANDB_API_KEY. It is read once.",
    )
    wandb_python: Path | None = Field(
        None,
        description="Another Python whose wandb speaks with that server, where the newest client "
        "does not: `/opt/wandb-0.21/bin/python`. Python 3.11 or newer; nothing of this service "
        "has to be installed there.",
    )
    wandb_entity: str | None = Field(
        None,
        description="Entity that sweeps are registered under there, where none is named; by "
        "default the key's own.",
    )
    wandb_timeout_seconds: float = Field(
        30.0,
        gt=0,
        description="How long one question to that server may take. What changes something is "
        "sent once and waited for so long, since the client repeats by itself what fails.",
    )
    wandb_requests_per_minute: int = Field(
        300,
        gt=0,
        description="Most requests that are sent there in any minute: other people's programs "
        "ask it too, and servers limit rates.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much the service writes to its log."
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.fullmatch(value):
            raise ValueError("an address such as https://paribus.example.org was expected")
        return value

    @field_validator("wandb_base_url")
    @classmethod
    def _is_an_address_without_key(cls, value: str | None) -> str | None:
        if value is not None and ("@" in value or not _ADDRESS.fullmatch(value)):
            raise ValueError(
                "an address such as https://api.wandb.ai was expected, with no user or key in it"
            )
        return value.rstrip("/") if value else None

    @field_validator("wandb_api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value().strip() if value else ""  # a file's last line has an end
        return SecretStr(key) if key else None

    @field_validator("wandb_api_key_file")
    @classmethod
    def _holds_a_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            return None
        if info.data.get("wandb_api_key") is not None:
            raise ValueError("PARIBUS_WANDB_API_KEY is set as well: leave one of them out")
        _key_in(value)
        return value

    @field_validator("wandb_python")
    @classmethod
    def _is_a_program(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such program")
        return value

    @cached_property
    def effective_wandb_key(self) -> SecretStr | None:
        """The key of the W&B server, from its variable or from its file."""
        if self.wandb_api_key_file is None:
            return self.wandb_api_key
        return SecretStr(_key_in(self.wandb_api_key_file))

    @cached_property
    def effective_database_url(self) -> str:
        """The database, in the data directory unless named.

        Raises:
            NotOfferedHere: A database that is not SQLite.
        """
        url = self.database_url or f"sqlite:///{self.data_dir / 'paribus.db'}"
        kind = url.partition(":")[0]  # and no more of it: an address may hold a password
        if kind.partition("+")[0] != "sqlite":
            raise NotOfferedHere(
                f"a {kind} database", hint="PARIBUS_DATABASE_URL takes a sqlite:/// address"
            )
        return url

    @cached_property
    def effective_files_url(self) -> str:
        """The file store, in the data directory unless named."""
        return self.files_url or str(self.data_dir / "files")

    def refuse_exposed_dev_mode(self) -> None:
        """Development mode asks nobody for a key: loopback only.

        Raises:
            DevModeExposed: `dev` with an address that other machines reach.
        """
        if self.dev and not is_loopback(self.host):
            raise DevModeExposed(self.host)


def _key_in(path: Path) -> str:
    """The key that a file holds.

    Raises:
        ValueError: The file cannot be read, or holds something else; its text is not told.
    """
    try:
        found = path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ValueError(f"it cannot be read: {reason}") from error
    if len(found) != 1:
        raise ValueError(f"one key was expected in it, and there are {len(found)} words")
    return found[0]


def read_settings(chosen: Mapping[str, Any]) -> Settings:
    """Settings from the environment and from options, which win.

    Raises:
        StartRefused: A value cannot be read.
    """
    try:
        return Settings(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        name = "PARIBUS_" + "_".join(str(part) for part in first["loc"]).upper()
        told = repr(first["input"])
        shown = "not usable" if "@" in told else told  # such an address may hold a password
        raise StartRefused(f"{name} is {shown}: {first['msg']}") from None


def is_loopback(host: str) -> bool:
    """Only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
