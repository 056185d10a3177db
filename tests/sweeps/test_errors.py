"""Errors read as sentences and carry their facts."""

from paribus_sweeps.errors import (
    EndlessSearch,
    InvalidSpec,
    NotOffered,
    Problem,
    TooManyTrials,
    UnknownSweepName,
    did_you_mean,
    pointer,
    refusal,
)


class TestProblem:
    def test_it_says_where_what_and_what_to_do(self) -> None:
        assert str(Problem("/a", "type", "no", "yes")) == "/a: no (yes)"

    def test_without_a_place_or_a_hint_it_is_its_message(self) -> None:
        assert str(Problem("", "type", "no")) == "no"

    def test_it_can_be_moved_under_another_pointer(self) -> None:
        assert Problem("/0", "type", "no").under("/a").pointer == "/a/0"


class TestErrors:
    def test_an_invalid_spec_lists_every_problem(self) -> None:
        error = InvalidSpec([Problem("/a", "x", "one"), Problem("/b", "x", "two")])

        assert str(error) == "/a: one\n/b: two"
        assert len(error.problems) == 2

    def test_only_wishes_make_a_not_offered(self) -> None:
        wish, slip = Problem("/a", "not_offered", "later"), Problem("/b", "type", "no")

        assert type(refusal([wish])) is NotOffered
        assert type(refusal([wish, slip])) is InvalidSpec

    def test_too_many_trials_says_both_numbers(self) -> None:
        assert "1,000,000 trials; the limit is 10,000" in str(TooManyTrials(1_000_000, 10_000))

    def test_an_endless_search_says_what_to_do(self) -> None:
        assert "one at a time" in str(EndlessSearch("random"))

    def test_an_unknown_sweep_names_the_nearest(self) -> None:
        error = UnknownSweepName("imdb-eval-los", ["imdb-eval-loss", "cadence"])

        assert error.nearest == ("imdb-eval-loss",)
        assert "did you mean 'imdb-eval-loss'?" in str(error)

    def test_an_unknown_sweep_that_is_near_nothing_lists_all(self) -> None:
        assert "it has: cadence, noise" in str(UnknownSweepName("zzz", ["cadence", "noise"]))


class TestPointer:
    def test_slashes_and_tildes_are_escaped(self) -> None:
        # RFC 6901, section 5: "/a~1b" and "/m~0n"
        assert pointer("a/b", "m~n", 0) == "/a~1b/m~0n/0"


def test_a_hint_needs_something_near() -> None:
    assert did_you_mean("methd", ["method"]) == "did you mean 'method'?"
    assert did_you_mean("zzz", ["method"]) is None
