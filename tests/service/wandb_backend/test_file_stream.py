"""What a file_stream request says, read from its JSON."""

from typing import Any

import pytest

from paribus_service.wandb_backend.file_stream import report_of


class TestExitCode:
    @pytest.mark.parametrize(
        ("told", "code"),
        [(0, 0), (3, 3), (-9, -9), (None, None), ("x", 1), (10**30, 1), (True, 1)],
    )
    def test_what_cannot_be_one_stands_for_a_failure(self, told: Any, code: int | None) -> None:
        assert report_of({"complete": True, "exitcode": told}).exit_code == code
