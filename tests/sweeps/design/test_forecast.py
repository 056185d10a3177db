"""The gate, asked of a plan: which effects will be answerable."""

import itertools

from paribus_sweeps.design.forecast import Forecast, forecast
from paribus_sweeps.factors import Factor, Level

Settings = list[dict[str, str]]


def factor(name: str, *labels: str) -> Factor:
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, labels[0])


def crossed(*factors: Factor) -> Settings:
    names = [one.name for one in factors]
    every = itertools.product(*(one.labels for one in factors))
    return [dict(zip(names, labels, strict=True)) for labels in every]


A, B, C = factor("a", "0", "1"), factor("b", "0", "1"), factor("c", "0", "1", "2")


class TestForecast:
    def test_a_full_factorial_tells_everything(self) -> None:
        coming = forecast([A, C], crossed(A, C))

        assert coming.main_effects is not None
        assert coming.main_effects.answerable == ("a", "c")
        assert coming.main_effects.residual_df == 6 - 4
        assert coming.with_interactions is not None
        assert coming.with_interactions.answerable == ("a", "c", "a x c")
        assert coming.sentences == (
            "If interactions are nothing, every average effect can be told: `a` and `c`.",
            "If any two factors may interact, every average effect can be told: `a`, `c` and "
            "`a` x `c`.",
        )

    def test_a_missing_corner_takes_the_interaction_and_what_it_belongs_to(self) -> None:
        coming = forecast([A, B], crossed(A, B)[:3])

        assert coming.main_effects is not None
        assert coming.main_effects.answerable == ("a", "b")
        assert coming.with_interactions is not None
        assert coming.with_interactions.answerable == ()
        assert coming.sentences == (
            "If interactions are nothing, every average effect can be told: `a` and `b`.",
            "If any two factors may interact, no average effect can be told.",
            "No trial is left over to tell the noise: intervals need replicates.",
        )

    def test_factors_that_move_together_are_not_answerable(self) -> None:
        rows = [row | {"b": row["a"]} for row in crossed(A, C)]

        coming = forecast([A, B, C], rows)

        assert coming.main_effects is not None
        assert coming.main_effects.answerable == ("c",)
        assert coming.main_effects.not_answerable == ("a", "b")
        assert (
            "the average effects that can be told are `c`; not `a` and `b`."
            in (coming.sentences[0])
        )

    def test_a_factor_that_never_varies_is_not_answerable(self) -> None:
        rows = [row | {"b": "0"} for row in crossed(A)]

        coming = forecast([A, B], rows)

        assert coming.main_effects is not None
        assert coming.main_effects.not_answerable == ("b",)
        assert coming.with_interactions is None

    def test_replicates_count_for_the_noise_alone(self) -> None:
        once, twice = forecast([A, B], crossed(A, B)), forecast([A, B], crossed(A, B) * 2)

        assert (once.trials, twice.trials) == (4, 8)
        assert once.main_effects is not None
        assert twice.main_effects is not None
        assert once.main_effects.answerable == twice.main_effects.answerable
        assert (once.main_effects.residual_df, twice.main_effects.residual_df) == (1, 5)

    def test_without_factors_there_is_nothing_to_tell(self) -> None:
        coming = forecast([], [{}])

        assert coming.main_effects is not None
        assert coming.main_effects.answerable == ()

    def test_a_plan_that_is_too_large_says_so(self) -> None:
        wide = factor("wide", *(str(level) for level in range(1_200)))

        coming = forecast([wide], crossed(wide))

        assert coming.main_effects is None
        assert coming.sentences == (
            "The plan is too large to look at what it can tell before it runs.",
        )

    def test_interactions_that_are_too_many_are_left_unsaid(self) -> None:
        # 40 x 40 levels: 79 parameters alone, 1,600 with the interaction.
        one = factor("one", *(str(level) for level in range(40)))
        two = factor("two", *(str(level) for level in range(40)))

        coming = forecast([one, two], crossed(one, two))

        assert coming.main_effects is not None
        assert coming.with_interactions is None
        assert len(coming.sentences) == 1


class TestAsDict:
    def test_it_is_plain(self) -> None:
        told = forecast([A], crossed(A)).as_dict()

        assert told == {
            "trials": 2,
            "main_effects": {"answerable": ["a"], "not_answerable": [], "residual_df": 0},
            "with_interactions": None,
            "sentences": [
                "If interactions are nothing, every average effect can be told: `a`.",
                "No trial is left over to tell the noise: intervals need replicates.",
            ],
        }

    def test_what_was_not_looked_at_is_null(self) -> None:
        told = Forecast(3, None, None).as_dict()

        assert (told["main_effects"], told["with_interactions"]) == (None, None)
