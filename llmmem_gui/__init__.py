"""LLM Memory: keeps GGUF models in memory under limits and shows what each one uses."""

__version__ = "0.1.0"
