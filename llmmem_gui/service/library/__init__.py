"""Which model files there are on the disks, and what their headers say."""
