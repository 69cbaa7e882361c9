"""What is computed when first asked for is kept, one value an instance."""

from dataclasses import dataclass, field

from eventlog.lazy import lazy


@dataclass(frozen=True)
class Counted:
    calls: list[int] = field(default_factory=list)

    @lazy
    def size(self) -> int:
        """How often it was asked."""
        self.calls.append(1)
        return len(self.calls)


def test_a_value_is_computed_once_and_kept_by_its_own_instance():
    one, other = Counted(), Counted()
    assert (one.size, one.size, one.calls) == (1, 1, [1])
    assert other.calls == []
    assert other.size == 1
    assert Counted.size.__doc__ == "How often it was asked."
