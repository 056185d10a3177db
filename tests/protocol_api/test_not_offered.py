"""What the clients can ask and the service does not do is refused by its name."""

from tests.protocol_api.conftest import Live


def test_a_team_is_refused_by_name(live: Live) -> None:
    out = live.client(
        """
try:
    wandb.Api().team("paribus")
except Exception as error:
    out["said"] = str(error)
"""
    )

    assert "a team is not offered yet" in out["said"]
