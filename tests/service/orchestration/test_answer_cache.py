"""Answers are worked out once for the same question about the same runs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from paribus_service.errors import DataChanged
from paribus_service.orchestration.answers import COST_OF_AN_ENTRY, AnswerCache, Answered


class Work:
    """Makes an answer, and counts how often it had to."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.body = body
        self.times = 0
        self._lock = Lock()

    def __call__(self) -> Answered:
        with self._lock:
            self.times += 1
        return Answered(self.body, "version")


def room_for(entries: int, body: bytes = b"{}") -> int:
    return entries * (len(body) + COST_OF_AN_ENTRY)


class TestKeeping:
    def test_the_second_time_it_is_found(self) -> None:
        cache, work = AnswerCache(room_for(1)), Work()

        first, second = cache.answer("key", work), cache.answer("key", work)

        assert first is second
        assert work.times == 1

    def test_another_key_is_another_answer(self) -> None:
        cache, work = AnswerCache(room_for(2)), Work()

        cache.answer("one", work)
        cache.answer("other", work)

        assert work.times == 2

    def test_the_least_recently_asked_is_given_up_first(self) -> None:
        cache, one, two, three = AnswerCache(room_for(2)), Work(), Work(), Work()
        cache.answer("one", one)
        cache.answer("two", two)
        cache.answer("one", one)
        cache.answer("three", three)

        cache.answer("one", one)
        cache.answer("two", two)

        assert (one.times, two.times, three.times) == (1, 2, 1)

    def test_one_that_is_larger_than_the_room_is_answered_and_not_kept(self) -> None:
        cache, small, large = AnswerCache(room_for(1)), Work(), Work(b"x" * 5000)
        cache.answer("small", small)

        answered = cache.answer("large", large)
        cache.answer("large", large)
        cache.answer("small", small)

        assert answered.body == b"x" * 5000
        assert (large.times, small.times) == (2, 1)

    def test_without_room_nothing_is_kept(self) -> None:
        cache, work = AnswerCache(0), Work()

        cache.answer("key", work)
        cache.answer("key", work)

        assert work.times == 2

    def test_what_failed_is_tried_again(self) -> None:
        cache, work = AnswerCache(room_for(1)), Work()

        def fail() -> Answered:
            raise ValueError("no such response")

        with pytest.raises(ValueError, match="no such response"):
            cache.answer("key", fail)
        cache.answer("key", work)

        assert work.times == 1


class TestAtTheSameTime:
    def test_the_same_question_is_worked_out_once(self) -> None:
        cache, work, started = AnswerCache(room_for(1)), Work(), Barrier(4)

        def ask(_: int) -> Answered:
            started.wait(10)
            return cache.answer("key", work)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(4)))

        assert work.times == 1
        assert all(answered is answers[0] for answered in answers)

    def test_a_slow_one_keeps_no_other_waiting(self) -> None:
        cache, quick, may_end = AnswerCache(room_for(2)), Work(), Event()

        def slow() -> Answered:
            assert may_end.wait(10), "the quick one was never answered"
            return Answered(b"{}", "version")

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(cache.answer, "slow", slow)
            cache.answer("quick", quick)
            may_end.set()

            assert waiting.result(10).body == b"{}"


class TestAnswered:
    def test_the_etag_is_strong_and_follows_from_version_and_body(self) -> None:
        one = Answered(b"1", "version").etag

        assert one.startswith('"version-')
        assert one == Answered(b"1", "version").etag
        assert one != Answered(b"2", "version").etag

    def test_another_version_than_was_seen_is_refused(self) -> None:
        answered = Answered(b"1", "now")
        answered.check(None)
        answered.check("now")

        with pytest.raises(DataChanged, match="'then'.*'now'") as refused:
            answered.check("then")

        assert (refused.value.seen, refused.value.present) == ("then", "now")


class TestAtOnce:
    def test_few_are_worked_out_at_a_time(self) -> None:
        cache = AnswerCache(room_for(9), at_once=2)
        lock, let_go, started = Lock(), Event(), Event()
        now: list[int] = [0, 0]  # at work, and the most at a time

        def work() -> Answered:
            with lock:
                now[0] += 1
                now[1] = max(now)
                if now[0] == 2:
                    started.set()
            assert let_go.wait(30)
            with lock:
                now[0] -= 1
            return Answered(b"{}", "version")

        with ThreadPoolExecutor(5) as pool:
            asked = [pool.submit(cache.answer, key, work) for key in range(5)]
            assert started.wait(30)
            let_go.set()
            for one in asked:
                one.result()

        assert now == [0, 2]
