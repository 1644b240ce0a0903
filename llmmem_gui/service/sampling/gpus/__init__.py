"""Memory of GPUs, in total and by process: one module for each source, joined by PCI id."""
