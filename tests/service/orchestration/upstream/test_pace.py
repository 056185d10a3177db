"""How often a W&B server is asked, by a clock that the test turns."""

from paribus_service.orchestration.upstream.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class TestTheBudget:
    def test_there_is_no_wait_below_it(self) -> None:
        pace = Pace(3, now=Clock())

        pace.sent(2)

        assert pace.wait_seconds == 0

    def test_a_full_minute_is_waited_out_from_its_first_request(self) -> None:
        clock = Clock()
        pace = Pace(3, now=clock)

        pace.sent(1)
        clock.seconds += 10
        pace.sent(2)
        clock.seconds += 5

        assert pace.wait_seconds == 45  # 60 after the first, of which 15 are over

    def test_one_that_leaves_places_to_others_waits_earlier(self) -> None:
        pace = Pace(3, now=Clock())

        pace.sent(2)

        assert (pace.wait_seconds, pace.wait_leaving(1)) == (0, 60)

    def test_a_call_of_many_requests_takes_many_places(self) -> None:
        clock = Clock()
        pace = Pace(3, now=clock)

        pace.sent(1)
        clock.seconds += 10
        pace.sent(5)  # one call asked five times: over the budget at once
        clock.seconds += 5

        assert pace.wait_seconds == 55  # the five must go

    def test_what_a_minute_ago_was_sent_counts_no_more(self) -> None:
        clock = Clock()
        pace = Pace(1, now=clock)

        pace.sent(1)
        clock.seconds += 60

        assert pace.wait_seconds == 0


class TestRests:
    def test_the_longest_rest_counts(self) -> None:
        clock = Clock()
        pace = Pace(1, now=clock)

        pace.rest(30)
        pace.rest(10)
        clock.seconds += 12

        assert pace.rest_seconds == 18
        clock.seconds += 20
        assert pace.rest_seconds == 0
