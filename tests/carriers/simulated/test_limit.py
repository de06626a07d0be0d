import pytest

from carriers.simulated.limit import Limit
from domain.pacing import Window


def test_a_window_holds_exactly_its_count() -> None:
    limit = Limit([Window(3, 1.0)])
    assert [limit.refusal_seconds(at) for at in (0.0, 0.1, 0.2)] == [None] * 3
    assert limit.refusal_seconds(0.9) == pytest.approx(0.1)
    assert limit.refusal_seconds(1.0) is None
    assert limit.refusal_seconds(1.05) == pytest.approx(0.05)


def test_the_slower_of_two_windows_decides() -> None:
    limit = Limit([Window(10, 1.0), Window(3, 60.0)])
    assert [limit.refusal_seconds(at) for at in (0.0, 1.0, 2.0)] == [None] * 3
    assert limit.refusal_seconds(3.0) == pytest.approx(57.0)


def test_refused_requests_do_not_count() -> None:
    limit = Limit([Window(1, 1.0)])
    assert limit.refusal_seconds(0.0) is None
    for at in (0.2, 0.4, 0.6, 0.8):
        assert limit.refusal_seconds(at) is not None
    assert limit.refusal_seconds(1.0) is None


def test_without_windows_everything_passes() -> None:
    assert all(Limit([]).refusal_seconds(0.0) is None for _ in range(1000))
