"""Every error that the service raises on purpose has a status and a place in its tree."""

import inspect
from types import ModuleType
from typing import Any

import pytest

import paribus_service.app  # noqa: F401  every module of the service, so that no class is missed
from paribus_agent import errors as agent_errors
from paribus_service import errors as service_errors
from paribus_service.error_handlers import STATUS, status_of
from paribus_service.errors import InvalidRequest, ServiceError, StartRefused
from paribus_service.wandb_backend import graphql
from paribus_sweeps import errors as sweep_errors
from paribus_sweeps.errors import SweepError


def family(base: type[Exception]) -> list[type[Exception]]:
    """Every class below `base`, wherever it was written."""
    return [found for child in base.__subclasses__() for found in (child, *family(child))]


def own_classes(module: ModuleType) -> list[Any]:
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and issubclass(found, BaseException)
    ]


class TestTheOneTable:
    @pytest.mark.parametrize(
        "error",
        [*own_classes(service_errors), *own_classes(sweep_errors)],
        ids=lambda error: error.__name__,
    )
    def test_every_error_has_a_row(self, error):
        """One that was forgotten is a 500 for what the user could have put right.

        What stops the service from starting never becomes an answer.
        """
        never_raised_itself = error is ServiceError

        assert error in STATUS or issubclass(error, StartRefused) or never_raised_itself

    def test_no_row_is_left_over(self):
        assert set(STATUS) - {SweepError, *family(ServiceError), *family(SweepError)} == set()

    def test_what_a_user_caused_is_no_500(self):
        assert [error.__name__ for error, status in STATUS.items() if status == 500] == []


class TestTheTrees:
    @pytest.mark.parametrize("module", [service_errors, sweep_errors, agent_errors])
    def test_the_tree_on_top_names_every_class(self, module):
        """It is what people read; the classes under it are what grows."""
        drawn = module.__doc__ or ""

        assert [c.__name__ for c in own_classes(module) if c.__name__ not in drawn] == []

    def test_errors_live_in_the_error_modules(self):
        """Whoever looks for what can go wrong looks there, and finds it in the table.

        GraphQL's own refusals are W&B's words, which stay in wandb_backend; their status is that
        of InvalidRequest.
        """
        homes = {"paribus_service.errors", "paribus_sweeps.errors"}
        strays = {e for e in [*family(ServiceError), *family(SweepError)]} - {graphql.Refused}

        assert {error.__module__ for error in strays} <= homes
        assert status_of(graphql.Refused([])) == STATUS[InvalidRequest]

    def test_codes_are_unique(self):
        """Programs tell errors apart by them."""
        codes = [error.code for error in own_classes(service_errors)]
        shared = {code for code in codes if codes.count(code) > 1}

        assert shared <= {StartRefused.code}  # those never become an answer
