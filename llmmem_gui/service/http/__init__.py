"""The HTTP API: who may ask, what can be asked, and how it is answered."""
