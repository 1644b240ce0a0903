"""How large images may be that models are shown."""

from __future__ import annotations

MOST_IMAGES = 16
"""In one request."""
MOST_BYTES = 8 * 2**20
"""Of one image as it is sent."""
MOST_PIXELS = 2**24
"""Of one image: a few bytes can claim to be thousands of megapixels."""
