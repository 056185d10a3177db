"""Whatever a config holds, the answer is a sweep or a sentence: never another exception."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.design.grids import count, expand
from paribus_sweeps.design.price import price
from paribus_sweeps.design.search_space import draw, factors_of
from paribus_sweeps.errors import SweepError
from paribus_sweeps.programs import ProgramSchema, shipped
from paribus_sweeps.spec import SweepSpec
from paribus_sweeps.spec.parameters import DISTRIBUTIONS

WORDS = st.sampled_from(
    [
        "method",
        "parameters",
        "design",
        "type",
        "factors",
        "levels",
        "baseline",
        "settings",
        "forbid",
        "replicates",
        "blocks",
        "responses",
        "values",
        "value",
        "min",
        "max",
        "q",
        "mu",
        "sigma",
        "a",
        "b",
        "distribution",
        "probabilities",
        "metric",
        "name",
        "goal",
        "target",
        "run_cap",
        "retry",
        "failed",
        "program",
        "command",
        "controller",
        "learning_rate",
        "train_test_ratio",
        "seed",
        "eval_steps",
        "save_steps",
        "grid",
        "random",
        "full_factorial",
        "one_factor_at_a_time",
        "1:1",
        "8",
        "2e-5",
        "off",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 300)
    | st.floats(allow_nan=True)
    | WORDS
    | st.text(max_size=3)
    | st.sampled_from(sorted(DISTRIBUTIONS))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
NUMBERS = st.integers(-3, 9) | st.floats(-5, 5) | st.sampled_from(["1e-3", None, "x"])
PARAMETER = (
    st.fixed_dictionaries(
        {"distribution": st.sampled_from(sorted(DISTRIBUTIONS))},
        optional={name: NUMBERS for name in ("min", "max", "q", "mu", "sigma", "a", "b")},
    )
    | st.fixed_dictionaries({"values": st.lists(SCALARS, max_size=4)})
    | st.fixed_dictionaries({"value": VALUES})
    | VALUES
)
FACTOR = (
    st.fixed_dictionaries(
        {"levels": st.lists(SCALARS, max_size=3) | st.dictionaries(WORDS, VALUES, max_size=3)},
        optional={"baseline": SCALARS},
    )
    | VALUES
)
DESIGN = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["full_factorial", "one_factor_at_a_time", "settings"]),
        "factors": st.dictionaries(WORDS, FACTOR, max_size=3),
    },
    optional={
        "replicates": st.dictionaries(WORDS, st.lists(SCALARS, max_size=3), max_size=2) | VALUES,
        "forbid": st.lists(st.dictionaries(WORDS, VALUES, max_size=2), max_size=2) | VALUES,
        "settings": VALUES,
        "responses": VALUES,
        "blocks": VALUES,
    },
)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["grid", "random", "bayes"]) | VALUES,
        "parameters": st.dictionaries(WORDS, PARAMETER, max_size=4) | VALUES,
        "design": DESIGN | VALUES,
        "program": st.sampled_from(["paribus_agent.train", "train.py"]) | VALUES,
        **{key: VALUES for key in ("metric", "run_cap", "retry", "command", "zzz", "name")},
    },
)


def use(config: dict[str, Any]) -> None:
    """Do all that the service does with a config before it is stored."""
    spec = SweepSpec.from_config(config, programs=lambda name: shipped(name))
    if spec.method == "random":
        factors_of(spec)
        draw(spec, 0, "seed")
    number = count(spec, limit=200)
    if number is not None and number <= 200:
        trials = expand(spec, limit=200)
        assert len(trials) == number
        price(spec, trials, shipped("paribus_agent.train"))


@settings(max_examples=400, deadline=None)
@given(CONFIG)
def test_a_config_is_a_sweep_or_a_sentence(config: dict[str, Any]) -> None:
    with suppress(SweepError):
        use(config)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.binary(max_size=40) | WORDS.map(lambda word: f"{word}: ["))
def test_a_text_is_a_sweep_or_a_sentence(text: str | bytes) -> None:
    with suppress(SweepError):
        SweepSpec.from_text(text)


KEYWORDS = st.sampled_from(
    [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "pattern",
        "items",
        "properties",
        "required",
        "additionalProperties",
        "default",
        "x-paribus",
        "anyOf",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(KEYWORDS, VALUES, max_size=3),
    st.dictionaries(
        KEYWORDS, VALUES | st.sampled_from(["string", "number", "integer"]), max_size=3
    ),
    VALUES,
)
def test_a_schema_can_be_used_or_is_refused(
    outer: dict[str, Any], inner: dict[str, Any], value: Any
) -> None:
    with suppress(SweepError):
        schema = ProgramSchema.from_json({**outer, "type": "object", "properties": {"a": inner}})
        assert schema.take("a", value) is not None
        schema.check({"a": value})
