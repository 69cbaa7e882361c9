"""A cutoff is looked from only where the log tells something."""

import pytest

from eventlog.cutoffs import cutoff_text, refuse_cutoff
from eventlog.errors import DataError
from eventlog.log import DAY, micros
from tests.builders import happened, make_log

LOG = make_log(
    happened("A", "post", "2024-01-10T12:00", recorded="2024-01-12T12:00"),
    happened("A", "settle", "2024-03-20T12:00"),
)


@pytest.mark.parametrize("cutoff", ["2010-01-01", "2024-01-12T12:00", "2024-03-21T12:01"])
def test_a_cutoff_outside_the_log_is_refused(cutoff):
    with pytest.raises(
        DataError, match=r"lies outside the log, .* from 2024-01-12 to 2024-03-20\. Choose"
    ):
        refuse_cutoff(LOG, micros(cutoff))


@pytest.mark.parametrize("cutoff", ["2024-01-12T12:01", "2024-02-01", "2024-03-21T12:00"])
def test_a_cutoff_within_the_log_or_a_day_after_it_is_taken(cutoff):
    refuse_cutoff(LOG, micros(cutoff))
    refuse_cutoff(LOG, LOG.ends_at + DAY)


def test_a_log_without_events_has_no_cutoff():
    with pytest.raises(DataError, match="has no events"):
        refuse_cutoff(LOG.upto(0), 0)


def test_programs_read_a_cutoff_in_utc():
    assert cutoff_text(micros("2024-01-04T02:00")) == "2024-01-04T02:00:00Z"
