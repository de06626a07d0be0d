"""When to look at a pending SIM again: seconds at first, minutes later."""


def next_look_seconds(age_seconds: float, first_seconds: float, longest_seconds: float) -> float:
    """A quarter of the operation's age, at least `first_seconds`, at most `longest_seconds`.

    >>> [next_look_seconds(age, 5, 900) for age in (0, 60, 86_400)]
    [5, 15.0, 900]
    """
    return max(first_seconds, min(longest_seconds, age_seconds / 4))
