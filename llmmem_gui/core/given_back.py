"""What ended hosts gave back: credited until a reading shows it, and judged by what a reading shows."""

from __future__ import annotations

_SHOWN_SHARE = 0.75
"""Share of the bytes given back that a reading must show for the matter to be closed."""
_PATIENCE_SECONDS = 5.0
"""Time after which it is closed anyway."""
_USEFUL_SHARE = 0.25
"""Share that must have been shown by then; with less, giving up models does not help."""
_LEAST_BYTES = 16 * 1024**2
"""Below this the noise of the reading is larger than what is looked for."""
_REMEMBERED_SECONDS = 60.0


class GivenBack:
    """Follows private bytes from the end of a process to the machine's reading of available memory.

    A reading lags: right after a process is reaped the machine may not say yet that more is available.
    What a host gave back is therefore counted as available (`credit_bytes`) until readings show it or
    five seconds have passed. Bytes that our other hosts take or return meanwhile are taken into account.
    """

    def __init__(self) -> None:
        self._footing: int | None = None
        """Available bytes plus the private bytes of all hosts, as last read: what others leave to us."""
        self._footing_before = 0
        self._owed_bytes = 0
        self._shown_bytes = 0
        self._reaped_at = 0.0
        self._useless_until = 0.0

    @property
    def credit_bytes(self) -> int:
        """Bytes that are available although the last reading does not say so."""
        return max(0, self._owed_bytes - max(0, self._shown_bytes))

    @property
    def pending(self) -> bool:
        """Whether something given back has yet to show in a reading."""
        return self._owed_bytes > 0

    def useless(self, now: float) -> bool:
        """Whether the last thing given up, not long ago, did not make memory available."""
        return self.useless_seconds(now) > 0

    def useless_seconds(self, now: float) -> float:
        """For how long nothing more is given up because of that."""
        return max(0.0, self._useless_until - now)

    def forget(self) -> None:
        """Make giving up worth trying again: the circumstances have changed."""
        self._useless_until = 0.0

    def reaped(self, private_bytes: int, now: float) -> None:
        """Take in that a host with that many private bytes has ended."""
        if self._footing is None or private_bytes <= 0:
            return
        if not self.pending:
            self._footing_before = self._footing
        self._owed_bytes += private_bytes
        self._reaped_at = now

    def sampled(self, available_bytes: int, hosts_private_bytes: int, at: float) -> None:
        """Take in a reading that was made at `at`, monotonic seconds."""
        self._footing = available_bytes + hosts_private_bytes
        if not self.pending or at < self._reaped_at:
            return
        self._shown_bytes = self._owed_bytes + self._footing - self._footing_before
        in_time = at - self._reaped_at < _PATIENCE_SECONDS
        if self._shown_bytes < _SHOWN_SHARE * self._owed_bytes and in_time:
            return
        helped = self._shown_bytes >= _USEFUL_SHARE * self._owed_bytes or self._owed_bytes < _LEAST_BYTES
        self._useless_until = 0.0 if helped else at + _REMEMBERED_SECONDS
        self._owed_bytes = self._shown_bytes = 0
