"""Global ids, and plain keys that look like one."""

import pytest

from paribus_service.errors import NotFound
from paribus_service.wandb_backend.global_ids import global_id, key_of


class TestKeyOf:
    def test_the_key_comes_back(self) -> None:
        assert key_of("Sweep", global_id("Sweep", "abc12345")) == "abc12345"

    def test_the_id_of_something_else_is_refused(self) -> None:
        with pytest.raises(NotFound, match="the id of a Run"):
            key_of("Sweep", global_id("Run", "run-1"))

    @pytest.mark.parametrize("key", ["bjr0jba5", "abc12345", "a/b", ""])
    def test_a_plain_key_is_the_key_itself(self, key: str) -> None:
        """The first is base64 of "n:" and four more bytes, and was once a sweep's id."""
        assert key_of("Sweep", key) == key
