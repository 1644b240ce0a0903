"""Hosts from birth to receipt: the processes that hold one model each."""
