"""A credit limit is history only from when it is known to have been set or to have changed."""

from eventlog.limits import limits_of
from eventlog.log import MINOR, NONE, datetimes
from tests.builders import happened, make_log


def history(*rows):
    """Day, limit and the limit before of what counts, in units."""
    limits = limits_of(make_log(*rows))
    days = datetimes(limits.known_at).astype("datetime64[D]").astype(str)
    before = [None if each == NONE else each // MINOR for each in limits.before.tolist()]
    return list(zip(days, (limits.value // MINOR).tolist(), before, strict=True))


def post(day: str, limit: float) -> dict:
    return happened("I" + day, "post", day, amount=1, limit=limit)


def test_a_limit_that_the_extract_repeats_on_every_row_is_no_history():
    assert history(post("2024-01-01", 500), post("2024-02-01", 500)) == []


def test_a_second_value_is_history_from_its_own_row_on():
    rows = post("2024-01-01", 500), post("2024-02-01", 800), post("2024-03-01", 800)
    assert history(*rows) == [("2024-02-01", 800, 500)]


def test_an_approval_counts_even_as_the_first_and_an_equal_one_again():
    rows = (
        happened("", "set_limit", "2024-01-01", limit=500, customer="Acme"),
        happened("", "set_limit", "2024-02-01", limit=500, customer="Acme"),
    )
    assert history(*rows) == [("2024-01-01", 500, None), ("2024-02-01", 500, 500)]


def test_limits_of_two_customers_are_kept_apart():
    rows = (
        happened("A", "post", "2024-01-01", amount=1, limit=500, customer="Acme"),
        happened("B", "post", "2024-02-01", amount=1, limit=800, customer="Bolt"),
    )
    assert history(*rows) == []
